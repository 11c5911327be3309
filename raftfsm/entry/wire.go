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

func appendRanges(dst []byte, ranges []slot.Range) []byte {
	dst = binary.AppendUvarint(dst, uint64(len(ranges)))
	for _, r := range ranges {
		dst = binary.LittleEndian.AppendUint16(dst, uint16(r.First))
		dst = binary.LittleEndian.AppendUint16(dst, uint16(r.Last))
	}
	return dst
}

// decoder reads a body front to back. After the first fault every read gives zero and end reports the fault.
type decoder struct {
	rest []byte
	bad  bool
}

func (d *decoder) take(n uint64) []byte {
	if d.bad || n > uint64(len(d.rest)) {
		d.bad = true
		return nil
	}
	b := d.rest[:n:n]
	d.rest = d.rest[n:]
	return b
}

func (d *decoder) byte() byte {
	if b := d.take(1); b != nil {
		return b[0]
	}
	return 0
}

func (d *decoder) uint16() uint16 {
	if b := d.take(2); b != nil {
		return binary.LittleEndian.Uint16(b)
	}
	return 0
}

func (d *decoder) uint64() uint64 {
	if b := d.take(8); b != nil {
		return binary.LittleEndian.Uint64(b)
	}
	return 0
}

func (d *decoder) uvarint() uint64 {
	v, n := binary.Uvarint(d.rest)
	if d.bad || n <= 0 {
		d.bad = true
		return 0
	}
	d.rest = d.rest[n:]
	return v
}

func (d *decoder) bytes() []byte { return d.take(d.uvarint()) }

// count reads how many items follow, each of at least itemBytes bytes, so that no count can demand more memory than
// the bytes that stand behind it.
func (d *decoder) count(itemBytes int) int {
	n := d.uvarint()
	if d.bad || n > uint64(len(d.rest)/itemBytes) {
		d.bad = true
		return 0
	}
	return int(n)
}

func (d *decoder) slot() slot.ID {
	s := slot.ID(d.uint16())
	if s >= slot.Count {
		d.bad = true
		return 0
	}
	return s
}

func (d *decoder) ranges(dst []slot.Range) []slot.Range {
	for n := d.count(4); n > 0; n-- {
		r := slot.Range{First: d.slot(), Last: d.slot()}
		if d.bad || !r.Valid() {
			d.bad = true
			return nil
		}
		dst = append(dst, r)
	}
	return dst
}

func (d *decoder) end(what string) error {
	if d.bad || len(d.rest) != 0 {
		return fmt.Errorf("%w: malformed %s", ErrCorrupt, what)
	}
	return nil
}
