package store

import (
	"cmp"
	"slices"

	"github.com/holtcache/holt/proto/slot"
)

// Capture is the store as it was at one moment, read slot by slot while writes go on. One capture exists at a time.
// Taking it costs the same whatever the store holds; a write pays once for each slot, by a copy of that slot's table,
// if it comes before the capture has read the slot.
type Capture struct {
	store  *Store
	number uint64
}

// KeyItem is one key of a captured slot.
type KeyItem struct {
	Key  string
	Item Item
}

// Capture begins a capture. Only the goroutine that writes may call it. It panics while another capture is open.
func (s *Store) Capture() *Capture {
	if s.captured.Load() {
		panic("store: a second capture while the first is open")
	}
	number := s.capture.Add(1)
	s.captured.Store(true)
	return &Capture{store: s, number: number}
}

// Slot returns the state and the keys of one slot at the moment of the capture, sorted by key, so that equal stores
// give equal bytes. Values are lent until Release.
func (c *Capture) Slot(id slot.ID) (SlotState, []KeyItem) {
	sl := &c.store.slots[id]
	sl.Lock()
	if sl.seen != c.number {
		sl.seen = c.number
		sl.frozen = sl.table
		sl.frozenState = sl.state
		sl.shared = true
	}
	table, state := sl.frozen, sl.frozenState
	sl.Unlock()

	keys := make([]KeyItem, 0, len(table))
	for key, item := range table {
		keys = append(keys, KeyItem{key, item})
	}
	slices.SortFunc(keys, func(a, b KeyItem) int { return cmp.Compare(a.Key, b.Key) })

	sl.Lock()
	sl.frozen = nil
	sl.shared = false
	sl.Unlock()
	return state, keys
}

// Release ends the capture. It may be called twice.
func (c *Capture) Release() {
	if c.store == nil {
		return
	}
	s := c.store
	c.store = nil
	s.captured.Store(false)
	for i := range s.slots {
		sl := &s.slots[i]
		sl.Lock()
		sl.frozen = nil
		sl.shared = false
		sl.Unlock()
	}
}
