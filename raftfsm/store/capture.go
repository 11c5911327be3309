package store

import (
	"iter"
	"slices"

	"github.com/holtcache/holt/proto/slot"
	"github.com/holtcache/holt/raftfsm/store/slab"
)

// Capture is the store as it was at one moment, read slot by slot while writes go on. One capture exists at a time.
// Taking it costs the same whatever the store holds. A write that comes before its slot was read pays for it: once a
// slot by a copy of the directory, once a segment by a copy of the segment, each time by leaving the old cell where it is.
type Capture struct {
	store  *Store
	number uint32
}

// frozen is a slot as a capture has to see it, and what has to be kept for that.
type frozen struct {
	table
	state  SlotState
	keys   int
	seed   uint64
	number uint32
	// given lists cells and segments that the slot has given up since and the capture still has to see.
	given []slab.Ref
	// separate tells that the slot was emptied or replaced since and shares nothing with the capture any more;
	// emptied has the slot's table of that moment. retired tells that the slabs of all that are retired.
	separate bool
	emptied  table
	retired  bool
}

// has tells whether the capture has to see a cell of the slot. It may be asked of frozen slots only, by the writer.
func (f *frozen) has(hash uint64, key []byte, ref slab.Ref) bool {
	if f.separate {
		return false
	}
	at, ok := f.find(hash, key)
	return ok && at.ref == ref
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

// FreezeDueLocked tells whether the next write has to keep the slot, or to copy its directory, for a capture.
func (sl *Slot) FreezeDueLocked() bool {
	return sl.dirShared || sl.store.captured.Load() && sl.seen != sl.store.capture.Load()
}

// FreezeLocked does that ahead of the write, for who measures it. Writes do it by themselves.
func (sl *Slot) FreezeLocked() { sl.beforeWriteLocked() }

// beforeWriteLocked keeps the slot as the open capture has to see it.
func (sl *Slot) beforeWriteLocked() {
	if sl.store.captured.Load() {
		if number := sl.store.capture.Load(); sl.seen != number {
			sl.freeze(number)
		}
	}
	if sl.dirShared {
		sl.dir = slices.Clone(sl.dir)
		sl.dirShared = false
	}
}

func (sl *Slot) freeze(number uint32) {
	if sl.frozen != nil { // of a capture that is about to be released: nobody reads it
		sl.thaw()
	}
	sl.seen = number
	sl.frozen = &frozen{table: sl.table, state: sl.state, keys: sl.LenLocked(), seed: sl.store.seed, number: number}
	sl.dirShared = true
}

// thaw gives up what the slot keeps for a capture.
func (sl *Slot) thaw() {
	f := sl.frozen
	sl.frozen, sl.dirShared = nil, false
	switch {
	case f.retired:
	case f.separate:
		sl.store.garbage.add(waste{table: f.emptied, except: f}, waste{table: f.table})
	case len(f.given) > 0:
		sl.store.garbage.add(waste{table: table{heap: f.heap}, refs: f.given})
	}
}

// CapturedSlot is one slot at the moment of the capture, until Done. One goroutine reads it.
type CapturedSlot struct {
	// State is what the shard could do with the slot.
	State  SlotState
	slot   *Slot
	frozen *frozen
}

// Slot begins to read one slot, which is done once for each capture. Several slots may be read at a time.
func (c *Capture) Slot(id slot.ID) *CapturedSlot {
	sl := &c.store.slots[id]
	sl.Lock()
	defer sl.Unlock()
	if sl.seen != c.number {
		sl.freeze(c.number)
	}
	if sl.frozen == nil {
		panic("store: a slot of a capture is read twice")
	}
	return &CapturedSlot{State: sl.frozen.state, slot: sl, frozen: sl.frozen}
}

// Len is the number of keys.
func (c *CapturedSlot) Len() int { return c.frozen.keys }

// All gives the keys with what they held, in no particular order: sorting would need a list as long as the slot. Key and
// value are lent until Done.
func (c *CapturedSlot) All() iter.Seq2[[]byte, Item] {
	return func(yield func([]byte, Item) bool) {
		c.frozen.segments(func(_ slab.Ref, g segment) bool { return c.frozen.yieldSegment(g, yield) })
	}
}

// Done ends the reading of the slot: from here on writes to it pay nothing for the capture.
func (c *CapturedSlot) Done() {
	sl := c.slot
	sl.Lock()
	if sl.frozen == c.frozen {
		sl.thaw()
	}
	sl.Unlock()
	sl.store.collectAll()
}

// Release ends the capture; no slot of it is being read any more. It may be called twice.
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
		if sl.frozen != nil && sl.frozen.number == c.number {
			sl.thaw()
		}
		sl.Unlock()
	}
	s.garbage.closeRetired(c.number)
	s.collectAll()
}
