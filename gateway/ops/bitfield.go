package ops

import (
	"math"

	"github.com/holtcache/holt/raftfsm/entry"
)

// FieldKind is what one step of BITFIELD does.
type FieldKind uint8

// The steps of BITFIELD. FieldGet returns the field, FieldSet what it was, FieldIncr what it has become.
const (
	FieldGet FieldKind = iota + 1
	FieldSet
	FieldIncr
)

// Overflow is what becomes of a number that does not fit into its field.
type Overflow uint8

// OverflowWrap drops the high bits, OverflowSat takes the nearest number that fits, OverflowFail changes nothing.
const (
	OverflowWrap Overflow = iota
	OverflowSat
	OverflowFail
)

// FieldStep is one step of BITFIELD: on an integer of 1 to 64 bits (63 without sign) that begins at a bit of the value.
type FieldStep struct {
	Kind     FieldKind
	Signed   bool
	Bits     uint
	Offset   uint64
	Value    int64
	Overflow Overflow
}

// end is the bit behind the field.
func (s *FieldStep) end() uint64 { return s.Offset + uint64(s.Bits) }

// FieldResult is what a step returned; Failed tells that it changed nothing because of OverflowFail.
type FieldResult struct {
	Value  int64
	Failed bool
}

// ReadFields runs steps that are all FieldGet (redis.io/commands/bitfield_ro).
func ReadFields(r Reader, key []byte, steps []FieldStep) ([]FieldResult, error) {
	item, _, err := getString(r, key)
	if err != nil {
		return nil, err
	}
	results := make([]FieldResult, len(steps))
	for i := range steps {
		results[i].Value = steps[i].read(item.Value)
	}
	return results, nil
}

// BitField runs steps one after another. The value grows as far as the last field that a step might write; the key keeps its
// expiry (redis.io/commands/bitfield).
func BitField(tx Tx, limits Limits, key []byte, steps []FieldStep) ([]FieldResult, error) {
	writes, end := false, uint64(0)
	for i := range steps {
		if steps[i].Kind != FieldGet {
			writes, end = true, max(end, steps[i].end())
		}
	}
	if !writes {
		return ReadFields(tx, key, steps)
	}
	item, _, err := getString(tx, key)
	if err != nil {
		return nil, err
	}
	if end > uint64(limits.ValueBytesMax)*8 {
		return nil, ErrValueTooLarge
	}
	e := fieldEdit{value: make([]byte, max(len(item.Value), int(end+7)/8)), from: math.MaxInt}
	copy(e.value, item.Value)
	results := make([]FieldResult, len(steps))
	for i := range steps {
		results[i] = e.run(&steps[i])
	}
	e.store(tx, key, len(item.Value), item.ExpireAt)
	return results, nil
}

// fieldEdit is a value while steps change it. What they have written lies from one byte to another.
type fieldEdit struct {
	value    []byte
	from, to int
}

func (e *fieldEdit) run(s *FieldStep) FieldResult {
	old := s.read(e.value)
	if s.Kind == FieldGet {
		return FieldResult{Value: old}
	}
	next, overflows := s.next(old)
	if overflows && s.Overflow == OverflowFail {
		return FieldResult{Failed: true}
	}
	if next != old {
		s.write(e.value, uint64(next))
		e.from, e.to = min(e.from, int(s.Offset/8)), max(e.to, int(s.end()+7)/8)
	}
	if s.Kind == FieldSet {
		return FieldResult{Value: old}
	}
	return FieldResult{Value: next}
}

// store makes the effect of what has changed.
func (e *fieldEdit) store(tx Tx, key []byte, oldLength int, expireAt int64) {
	if oldLength < len(e.value) {
		e.from, e.to = min(e.from, oldLength), len(e.value)
	}
	switch {
	case e.from >= e.to:
	case oldLength < patchBytesMin:
		tx.Set(key, e.value, entry.TypeString, expireAt)
	default:
		tx.Patch(key, e.from, e.value[e.from:e.to])
	}
}

// read returns the field in a value, which has zeros beyond its end.
func (s *FieldStep) read(value []byte) int64 {
	field := uint64(0)
	for i := range uint64(s.Bits) {
		field = field<<1 | uint64(bitAt(value, s.Offset+i))
	}
	if s.Signed && s.Bits < 64 && field>>(s.Bits-1) != 0 {
		field |= math.MaxUint64 << s.Bits
	}
	return int64(field)
}

// write puts the low bits of a number into the field.
func (s *FieldStep) write(value []byte, field uint64) {
	for i := range uint64(s.Bits) {
		at, mask := (s.Offset+i)/8, byte(1)<<(7-(s.Offset+i)%8)
		if value[at] &^= mask; field>>(uint64(s.Bits)-1-i)&1 != 0 {
			value[at] |= mask
		}
	}
}
