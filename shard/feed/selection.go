package feed

import (
	"bytes"

	"github.com/holtcache/holt/proto/slot"
)

// Selection is what a reader wants to hear of: changes in Slots, of keys that begin with Prefix and are, unless that is empty,
// among Keys.
type Selection struct {
	Slots  []slot.Range
	Prefix []byte
	Keys   [][]byte
}

// selection is a Selection in the form in which it is asked.
type selection struct {
	slots  slotSet
	prefix []byte
	keys   map[string]struct{} // nil: any
}

func newSelection(s Selection) selection {
	sel := selection{prefix: bytes.Clone(s.Prefix)}
	sel.slots.add(s.Slots)
	if len(s.Keys) > 0 {
		sel.keys = make(map[string]struct{}, len(s.Keys))
		for _, key := range s.Keys {
			sel.keys[string(key)] = struct{}{}
		}
	}
	return sel
}

// wants tells whether a key of a slot that is wanted is wanted.
func (s *selection) wants(key []byte) bool {
	if !bytes.HasPrefix(key, s.prefix) {
		return false
	}
	if s.keys == nil {
		return true
	}
	_, ok := s.keys[string(key)]
	return ok
}

// slotSet is a set of slots.
type slotSet struct {
	bits  [slot.Count / 64]uint64
	count int
}

func (s *slotSet) has(id slot.ID) bool { return s.bits[id/64]&(1<<(id%64)) != 0 }

func (s *slotSet) add(ranges []slot.Range) {
	s.each(ranges, func(id slot.ID) {
		if !s.has(id) {
			s.bits[id/64] |= 1 << (id % 64)
			s.count++
		}
	})
}

// remove takes slots out and returns those that were in the set.
func (s *slotSet) remove(ranges []slot.Range) []slot.Range {
	removed := s.common(ranges)
	s.each(removed, func(id slot.ID) {
		s.bits[id/64] &^= 1 << (id % 64)
		s.count--
	})
	return removed
}

// common is those of the slots that are in the set.
func (s *slotSet) common(ranges []slot.Range) []slot.Range {
	var common []slot.Range
	s.each(ranges, func(id slot.ID) {
		if s.has(id) {
			common = append(common, slot.Range{First: id, Last: id})
		}
	})
	return slot.Normalize(common)
}

// meets tells whether one of the slots is in the set, within whether all of the set are among them.
func (s *slotSet) meets(ranges []slot.Range) bool { return len(s.common(ranges)) > 0 }

func (s *slotSet) within(ranges []slot.Range) bool {
	n := 0
	for _, r := range s.common(ranges) {
		n += r.Len()
	}
	return n == s.count
}

func (s *slotSet) each(ranges []slot.Range, f func(slot.ID)) {
	for _, r := range ranges {
		for id := int(r.First); id <= int(r.Last) && id < slot.Count; id++ {
			f(slot.ID(id))
		}
	}
}
