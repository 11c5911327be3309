package rdb

// expandLZF undoes the compression of LibLZF into exactly length bytes; ok is false where packed is no such text
// (LibLZF, lzf_d.c). A byte below 32 begins that many literal bytes and one more, any other a copy of what was written
// before.
func expandLZF(packed []byte, length int) (data []byte, ok bool) {
	if length < 0 || length > packedBytesMax(len(packed)) {
		return nil, false
	}
	data = make([]byte, 0, length)
	for len(packed) > 0 {
		control := int(packed[0])
		packed = packed[1:]
		if control < 32 {
			n := control + 1
			if n > len(packed) || n > length-len(data) {
				return nil, false
			}
			data, packed = append(data, packed[:n]...), packed[n:]
			continue
		}
		n := control >> 5
		if n == 7 {
			if len(packed) == 0 {
				return nil, false
			}
			n += int(packed[0])
			packed = packed[1:]
		}
		if len(packed) == 0 {
			return nil, false
		}
		from := len(data) - (control&31)<<8 - int(packed[0]) - 1
		packed = packed[1:]
		n += 2
		if from < 0 || n > length-len(data) {
			return nil, false
		}
		for i := range n { // source and target may overlap
			data = append(data, data[from+i])
		}
	}
	return data, len(data) == length
}

// packedBytesMax is the most that so many compressed bytes can stand for: three of them stand for 264.
func packedBytesMax(packed int) int { return packed * 88 }
