package entry

import (
	"encoding/binary"
	"fmt"
	"iter"
)

// The packed form of a key's fields is how they stand whole: in effects that set a key, in items, in snapshots, and in
// memory where they are few.
//
//	number of fields (uvarint) | for each: length of the field, length of the value (uvarint) | field | value
//
// A field comes once. The order is that in which the fields came, where anybody knows it.

// Packed is fields in packed form, well-formed. The zero value has none.
type Packed []byte

// CheckPacked tells why data is no packed form. That no field comes twice it takes on trust.
func CheckPacked(data []byte) error {
	n, at := binary.Uvarint(data)
	if at <= 0 {
		return fmt.Errorf("%w: malformed fields", ErrCorrupt)
	}
	for rest := data[at:]; ; n-- {
		if n == 0 && len(rest) == 0 {
			return nil
		}
		f, f1 := binary.Uvarint(rest)
		v, v1 := binary.Uvarint(rest[max(f1, 0):])
		head := uint64(f1 + v1)
		if n == 0 || f1 <= 0 || v1 <= 0 || f > uint64(len(rest)) || v > uint64(len(rest)) || head+f+v > uint64(len(rest)) {
			return fmt.Errorf("%w: malformed fields", ErrCorrupt)
		}
		rest = rest[head+f+v:]
	}
}

// Len is the number of fields.
func (p Packed) Len() int {
	n, _ := binary.Uvarint(p)
	return int(n)
}

// PackedField is where one field stands in a packed form.
type PackedField struct {
	Name, Value []byte
	// At is where it begins, End what follows it.
	At, End int
}

// Entries gives the fields with their places. The slices are parts of p.
func (p Packed) Entries() iter.Seq[PackedField] {
	return func(yield func(PackedField) bool) {
		if len(p) == 0 {
			return
		}
		_, at := binary.Uvarint(p)
		for at < len(p) {
			e := p.entry(at)
			if !yield(e) {
				return
			}
			at = e.End
		}
	}
}

func (p Packed) entry(at int) PackedField {
	name, n := uint64(p[at]), 1
	if name >= 0x80 {
		name, n = binary.Uvarint(p[at:])
	}
	value, m := uint64(p[at+n]), 1
	if value >= 0x80 {
		value, m = binary.Uvarint(p[at+n:])
	}
	first := at + n + m
	second := first + int(name)
	end := second + int(value)
	return PackedField{Name: p[first:second:second], Value: p[second:end:end], At: at, End: end}
}

// Find finds a field.
func (p Packed) Find(field []byte) (PackedField, bool) {
	if len(p) == 0 {
		return PackedField{}, false
	}
	_, at := binary.Uvarint(p)
	for at < len(p) {
		e := p.entry(at)
		if string(e.Name) == string(field) {
			return e, true
		}
		at = e.End
	}
	return PackedField{}, false
}

// PackedBytes is how long a field is in packed form.
func PackedBytes(field, value []byte) int {
	return uvarintBytes(uint64(len(field))) + uvarintBytes(uint64(len(value))) + len(field) + len(value)
}

// AppendPackedLen begins a packed form of n fields.
func AppendPackedLen(dst []byte, n int) []byte { return binary.AppendUvarint(dst, uint64(n)) }

// AppendPacked appends a field to a packed form that has room for it in its number of fields.
func AppendPacked(dst, field, value []byte) []byte {
	dst = binary.AppendUvarint(dst, uint64(len(field)))
	dst = binary.AppendUvarint(dst, uint64(len(value)))
	dst = append(dst, field...)
	return append(dst, value...)
}

func uvarintBytes(v uint64) int {
	n := 1
	for ; v >= 0x80; v >>= 7 {
		n++
	}
	return n
}
