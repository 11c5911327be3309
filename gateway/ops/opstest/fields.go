package opstest

import (
	"bytes"
	"fmt"

	"github.com/holtcache/holt/raftfsm/entry"
	"github.com/holtcache/holt/raftfsm/store"
)

func (s *Shard) Kind(key []byte) (entry.Type, bool) {
	item, ok := s.live(key)
	return item.Type, ok
}

// fields are those of a key that must have some.
func (s *Shard) fields(key []byte) entry.Packed {
	item, ok := s.live(key)
	if ok && !item.Type.HasFields() {
		panic(fmt.Sprintf("key %q of type %v is asked for fields", key, item.Type))
	}
	return item.Value
}

func (s *Shard) Field(key, field []byte) ([]byte, bool) {
	found, ok := s.fields(key).Find(field)
	if !ok {
		return nil, false
	}
	value := append([]byte{}, found.Value...)
	s.lent = append(s.lent, value)
	return value, true
}

func (s *Shard) FieldCount(key []byte) int { return s.fields(key).Len() }

func (s *Shard) EachField(key []byte, yield func(field, value []byte) bool) {
	for e := range s.fields(key).Entries() {
		name, value := bytes.Clone(e.Name), bytes.Clone(e.Value)
		s.lent = append(s.lent, name, value)
		if !yield(name, value) {
			return
		}
	}
}

// ScanStep is how many fields one step of ScanFields gives, as those of a key with many fields come in steps.
const ScanStep = 20

func (s *Shard) ScanFields(key []byte, cursor uint64, yield func(field, value []byte)) uint64 {
	at := uint64(0)
	if s.FieldCount(key) <= ScanStep {
		cursor = 0
	}
	s.EachField(key, func(field, value []byte) bool {
		if at >= cursor {
			yield(field, value)
		}
		at++
		return at < cursor+ScanStep
	})
	if at < uint64(s.FieldCount(key)) && at >= cursor {
		return at
	}
	return 0
}

func (s *Shard) RandomField(key []byte, random func() uint64, name, value []byte) (_, _ []byte, ok bool) {
	n := s.FieldCount(key)
	if n == 0 {
		return name, value, false
	}
	n = int(random() % uint64(n))
	s.EachField(key, func(field, val []byte) bool {
		if n == 0 {
			name, value = append(name, field...), append(value, val...)
		}
		n--
		return n >= 0
	})
	return name, value, true
}

func (s *Shard) Whole(key []byte) (store.Item, bool) {
	item, ok := s.live(key)
	item.Value = bytes.Clone(item.Value)
	s.lent = append(s.lent, item.Value)
	return item, ok
}

func (s *Shard) SetField(key []byte, typ entry.Type, field, value []byte) bool {
	item, exists := s.live(key)
	if !exists {
		item = store.Item{Type: typ}
	}
	if item.Type != typ || !typ.HasFields() {
		panic(fmt.Sprintf("a field of a %v is set in key %q of type %v", typ, key, item.Type))
	}
	s.did("setfield")
	found, again := entry.Packed(item.Value).Find(field)
	s.rewrite(key, item, found, again, func(packed []byte) []byte { return entry.AppendPacked(packed, field, value) })
	return !again
}

func (s *Shard) DeleteField(key, field []byte) bool {
	item, _ := s.live(key)
	found, ok := s.fields(key).Find(field)
	if !ok {
		return false
	}
	if entry.Packed(item.Value).Len() == 1 {
		return s.Delete(key)
	}
	s.did("deletefield")
	s.rewrite(key, item, found, true, nil)
	return true
}

// rewrite puts what entered appends into the place of a field, or behind all where that is none.
func (s *Shard) rewrite(key []byte, item store.Item, found entry.PackedField, exists bool, entered func([]byte) []byte) {
	old := entry.Packed(item.Value)
	n := old.Len()
	switch {
	case !exists:
		n++
	case entered == nil:
		n--
	}
	packed := entry.AppendPackedLen(nil, n)
	for e := range old.Entries() {
		switch {
		case !exists || e.At != found.At:
			packed = append(packed, old[e.At:e.End]...)
		case entered != nil:
			packed = entered(packed)
		}
	}
	if !exists {
		packed = entered(packed)
	}
	item.Value = packed
	s.Put(string(key), item)
}
