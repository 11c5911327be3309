package entry

import (
	"encoding/binary"
	"fmt"

	"github.com/holtcache/holt/proto/slot"
)

func appendBytes(dst, b []byte) []byte {
	dst = binary.AppendUvarint(dst, uint64(len(b)))
	return append(dst, b...)
}

func appendBool(dst []byte, b bool) []byte {
	if b {
		return append(dst, 1)
	}
	return append(dst, 0)
}

func appendRanges(dst []byte, ranges []slot.Range) []byte {
	dst = binary.AppendUvarint(dst, uint64(len(ranges)))
	for _, r := range ranges {
		dst = binary.LittleEndian.AppendUint16(dst, uint16(r.First))
		dst = binary.LittleEndian.AppendUint16(dst, uint16(r.Last))
	}
	return dst
}

// Decoder reads bytes front to back. After the first fault every read gives zero, and End reports the fault.
type Decoder struct {
	rest []byte
	bad  bool
}

// NewDecoder returns a decoder of data, which it shares with what it gives.
func NewDecoder(data []byte) Decoder { return Decoder{rest: data} }

// OK tells whether there was no fault yet.
func (d *Decoder) OK() bool { return !d.bad }

// More tells whether there was no fault yet, nor an end.
func (d *Decoder) More() bool { return !d.bad && len(d.rest) > 0 }

func (d *Decoder) take(n uint64) []byte {
	if d.bad || n > uint64(len(d.rest)) {
		d.bad = true
		return nil
	}
	b := d.rest[:n:n]
	d.rest = d.rest[n:]
	return b
}

// Byte reads one byte.
func (d *Decoder) Byte() byte {
	if b := d.take(1); b != nil {
		return b[0]
	}
	return 0
}

// Uint16 reads 2 bytes, little-endian.
func (d *Decoder) Uint16() uint16 {
	if b := d.take(2); b != nil {
		return binary.LittleEndian.Uint16(b)
	}
	return 0
}

// Uint32 reads 4 bytes, little-endian.
func (d *Decoder) Uint32() uint32 {
	if b := d.take(4); b != nil {
		return binary.LittleEndian.Uint32(b)
	}
	return 0
}

// Uint64 reads 8 bytes, little-endian.
func (d *Decoder) Uint64() uint64 {
	if b := d.take(8); b != nil {
		return binary.LittleEndian.Uint64(b)
	}
	return 0
}

// Uvarint reads an unsigned varint.
func (d *Decoder) Uvarint() uint64 {
	v, n := binary.Uvarint(d.rest)
	if d.bad || n <= 0 {
		d.bad = true
		return 0
	}
	d.rest = d.rest[n:]
	return v
}

// Bytes reads a length, then as many bytes.
func (d *Decoder) Bytes() []byte { return d.take(d.Uvarint()) }

// Count reads how many items follow, each of at least itemBytes bytes, so that no count can demand more memory than
// the bytes that stand behind it.
func (d *Decoder) Count(itemBytes int) int {
	n := d.Uvarint()
	if d.bad || n > uint64(len(d.rest)/itemBytes) {
		d.bad = true
		return 0
	}
	return int(n)
}

// Slot reads the number of a slot.
func (d *Decoder) Slot() slot.ID {
	s := slot.ID(d.Uint16())
	if s >= slot.Count {
		d.bad = true
		return 0
	}
	return s
}

func (d *Decoder) ranges(dst []slot.Range) []slot.Range {
	for n := d.Count(4); n > 0; n-- {
		r := slot.Range{First: d.Slot(), Last: d.Slot()}
		if d.bad || !r.Valid() {
			d.bad = true
			return nil
		}
		dst = append(dst, r)
	}
	return dst
}

// normalRanges reads ranges that stand as slot.Normalize makes them: equal sets of slots have one form.
func (d *Decoder) normalRanges() []slot.Range {
	ranges := d.ranges(nil)
	for i := 1; i < len(ranges); i++ {
		d.bad = d.bad || int(ranges[i].First) <= int(ranges[i-1].Last)+1
	}
	return ranges
}

// bool reads one byte that is 0 or 1.
func (d *Decoder) bool() bool {
	b := d.Byte()
	d.bad = d.bad || b > 1
	return b == 1
}

// End reports a fault, and bytes that are left over.
func (d *Decoder) End(what string) error {
	if d.bad || len(d.rest) != 0 {
		return fmt.Errorf("%w: malformed %s", ErrCorrupt, what)
	}
	return nil
}
