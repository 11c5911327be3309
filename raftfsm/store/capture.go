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
	store      *Store
	number     uint32
	withFields bool
}

// frozen is a slot as a capture has to see it, and what has to be kept for that.
type frozen struct {
	table
	state  SlotState
	keys   int
	seed   uint64
	number uint32
	// given lists cells, segments and directories that the slot has given up since and the capture still has to see, tables those
	// of fields that it has given up whole.
	given  []slab.Ref
	tables []givenTable
	// separate tells that the slot was emptied or replaced since and shares nothing with the capture any more;
	// emptied has the slot's table of that moment. retired tells that the slabs of all that are retired.
	separate bool
	emptied  table
	retired  bool
}

// Capture begins a capture. Only the goroutine that writes may call it. It panics while another capture is open.
func (s *Store) Capture() *Capture {
	if s.captured.Load() {
		panic("store: a second capture while the first is open")
	}
	number := s.capture.Add(1)
	s.captured.Store(true)
	return &Capture{store: s, number: number, withFields: s.withFields.Load() > 0}
}

// WithFields tells whether any key of the capture holds fields.
func (c *Capture) WithFields() bool { return c.withFields }

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
		sl.store.garbage.add(waste{table: f.emptied, except: f.exception(&f.table)})
		for _, g := range f.tables {
			sl.store.garbage.add(g.waste(f.heap, f.exception(g.kept)))
		}
		sl.store.garbage.add(waste{table: f.table}) // last: it is what the others leave out
	default:
		if len(f.given) > 0 {
			sl.store.garbage.add(waste{table: table{heap: f.heap}, refs: f.given})
		}
		for _, g := range f.tables {
			sl.store.garbage.add(g.waste(f.heap, exception{}))
		}
	}
}

// givenTable is the table of a key's fields as it was when the slot gave it up, and what the capture sees in its place.
type givenTable struct {
	root root
	kept *table
}

// waste is all of the table, but for the exception.
func (g *givenTable) waste(heap *slab.Heap, except exception) waste {
	w := waste{table: g.root.table(heap), except: except}
	if !except.hasDir(g.root.dir) {
		w.dirRef = g.root.dir.ref
	}
	return w
}

// exception is what a capture still has to see of a table that is freed. The zero value is nothing.
type exception struct {
	kept   *table
	number uint32
	seed   uint64
}

func (f *frozen) exception(kept *table) exception {
	if kept == nil {
		return exception{}
	}
	return exception{kept: kept, number: f.number, seed: f.seed}
}

func (x *exception) hasSegment(g segment) bool { return x.kept != nil && g.capture() != x.number }

func (x *exception) hasDir(d dirObject) bool { return x.kept != nil && d.capture != x.number }

func (x *exception) hasCell(heap *slab.Heap, ref slab.Ref) bool {
	if x.kept == nil {
		return false
	}
	key := keyOf(heap.Bytes(ref))
	return x.kept.has(hash64(x.seed, key), key, ref)
}

// fields is the exception among the fields of a key.
func (x *exception) fields(key []byte) exception {
	if x.kept == nil {
		return exception{}
	}
	kept := x.kept.fieldTable(hash64(x.seed, key), key)
	if kept == nil {
		return exception{}
	}
	return exception{kept: kept, number: x.number, seed: x.seed}
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

// All gives the keys with what they held, in no particular order: sorting would need a list as long as the slot. A key with many
// fields comes in parts, one after the other. Key and value are lent until the next one comes, and Done.
func (c *CapturedSlot) All() iter.Seq2[[]byte, Item] {
	return func(yield func([]byte, Item) bool) {
		var p fieldParts
		c.frozen.segments(func(_ slab.Ref, g segment) bool {
			for i := range g.count() {
				cell := readCell(c.frozen.heap.Bytes(g.ref(i)))
				if cell.table {
					fields := c.frozen.fieldsOf(&cell)
					if !p.all(&fields, &cell, yield) {
						return false
					}
				} else if !yield(cell.key, cell.Item) {
					return false
				}
			}
			return true
		})
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
