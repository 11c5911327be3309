package rdb

import (
	"encoding/binary"
	"iter"
	"math"
	"strconv"
)

// A listpack is
//
//	its length (4 bytes) | number of elements (2 bytes, 65535: not told) | elements | 0xFF
//
// and an element its encoding with the data, and behind it the length of both, to be read backwards (Redis, listpack.c). Numbers are
// little-endian where nothing else is said.

const (
	listpackHeadBytes = 4 + 2
	listpackEnd       = 0xFF
	// countUnknown stands for a number of elements that has to be counted.
	countUnknown = math.MaxUint16
)

// The first byte of an element; those below 0x80 are integers themselves.
const (
	listpackText6  = 0x80
	listpackInt13  = 0xC0 // big-endian
	listpackText12 = 0xE0 // big-endian
	listpackText32 = 0xF0
	listpackInt16  = 0xF1
	listpackInt24  = 0xF2
	listpackInt32  = 0xF3
	listpackInt64  = 0xF4
)

// appendListpack appends the fields as a listpack.
func appendListpack(dst []byte, fields iter.Seq2[[]byte, []byte]) []byte {
	from := len(dst)
	dst = append(dst, make([]byte, listpackHeadBytes)...)
	count := 0
	for name, value := range fields {
		dst = appendElement(appendElement(dst, name), value)
		count += 2
	}
	dst = append(dst, listpackEnd)
	binary.LittleEndian.PutUint32(dst[from:], uint32(len(dst)-from))
	binary.LittleEndian.PutUint16(dst[from+4:], uint16(min(count, countUnknown)))
	return dst
}

func appendElement(dst, text []byte) []byte {
	from := len(dst)
	if n, ok := integer(text); ok {
		dst = appendElementInteger(dst, n)
	} else {
		switch n := len(text); {
		case n < 1<<6:
			dst = append(dst, listpackText6|byte(n))
		case n < 1<<12:
			dst = append(dst, listpackText12|byte(n>>8), byte(n))
		default:
			dst = binary.LittleEndian.AppendUint32(append(dst, listpackText32), uint32(n))
		}
		dst = append(dst, text...)
	}
	return appendBackLength(dst, len(dst)-from)
}

func appendElementInteger(dst []byte, n int64) []byte {
	switch {
	case 0 <= n && n < 1<<7:
		return append(dst, byte(n))
	case -1<<12 <= n && n < 1<<12:
		return append(dst, listpackInt13|byte(n>>8)&0x1F, byte(n))
	case n == int64(int16(n)):
		return binary.LittleEndian.AppendUint16(append(dst, listpackInt16), uint16(n))
	case -1<<23 <= n && n < 1<<23:
		return append(dst, listpackInt24, byte(n), byte(n>>8), byte(n>>16))
	case n == int64(int32(n)):
		return binary.LittleEndian.AppendUint32(append(dst, listpackInt32), uint32(n))
	}
	return binary.LittleEndian.AppendUint64(append(dst, listpackInt64), uint64(n))
}

// integer reads a 64-bit integer in its one shortest form.
func integer(text []byte) (n int64, ok bool) {
	const longest = len("-9223372036854775808")
	if len(text) == 0 || len(text) > longest {
		return 0, false
	}
	n, err := strconv.ParseInt(string(text), 10, 64)
	var again [longest]byte
	return n, err == nil && string(strconv.AppendInt(again[:0], n, 10)) == string(text)
}

// appendBackLength appends the length of an element: seven bits a byte, the highest first, all but the first marked. That the limits of
// Redis are one below what so many bytes can say belongs to the format.
func appendBackLength(dst []byte, n int) []byte {
	bytes := 5
	for i, limit := range [...]int{1 << 7, 1<<14 - 1, 1<<21 - 1, 1<<28 - 1} {
		if n < limit {
			bytes = i + 1
			break
		}
	}
	for i := bytes - 1; i >= 0; i-- {
		b := byte(n>>(7*i)) & 0x7F
		if i < bytes-1 {
			b |= 0x80
		}
		dst = append(dst, b)
	}
	return dst
}

// listpack reads fields out of a listpack, which is all that there is.
func (r *reader) listpack() []byte {
	whole := len(r.rest)
	head := r.take(listpackHeadBytes)
	if r.bad || uint64(binary.LittleEndian.Uint32(head)) != uint64(whole) {
		r.bad = true
		return nil
	}
	told, count := int(binary.LittleEndian.Uint16(head[4:])), 0
	fields := r.collect(func() ([]byte, bool) {
		if len(r.rest) == 1 && r.rest[0] == listpackEnd {
			return nil, false
		}
		count++
		return r.element(), true
	})
	if told != countUnknown && told != count {
		r.bad = true
	}
	return fields
}

// element reads an element of a listpack.
func (r *reader) element() []byte {
	before := r.rest
	text := r.elementText()
	var back [5]byte
	want := appendBackLength(back[:0], len(before)-len(r.rest))
	if got := r.take(uint64(len(want))); string(got) != string(want) {
		r.bad = true
	}
	return text
}

func (r *reader) elementText() []byte {
	first := r.byte()
	switch {
	case first < 0x80:
		return strconv.AppendInt(nil, int64(first), 10)
	case first < listpackInt13:
		return r.take(uint64(first & 0x3F))
	case first < listpackText12:
		return strconv.AppendInt(nil, int64(int16(uint16(first)<<11|uint16(r.byte())<<3)>>3), 10)
	case first < listpackText32:
		return r.take(uint64(first&0x0F)<<8 | uint64(r.byte()))
	}
	switch first {
	case listpackText32:
		return r.take(r.littleEndian(4))
	case listpackInt16:
		return r.signed(2)
	case listpackInt24:
		return r.signed(3)
	case listpackInt32:
		return r.signed(4)
	case listpackInt64:
		return r.signed(8)
	}
	r.bad = true
	return nil
}

// littleEndian reads a number of so many bytes.
func (r *reader) littleEndian(bytes int) (n uint64) {
	for i, b := range r.take(uint64(bytes)) {
		n |= uint64(b) << (8 * i)
	}
	return n
}

// signed reads a signed number of so many bytes as text.
func (r *reader) signed(bytes int) []byte {
	unused := 64 - 8*bytes
	return strconv.AppendInt(nil, int64(r.littleEndian(bytes)<<unused)>>unused, 10)
}
