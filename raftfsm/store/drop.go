package store

import (
	"slices"
	"sync"

	"github.com/holtcache/holt/proto/slot"
	"github.com/holtcache/holt/raftfsm/store/slab"
)

// collectAtOnce is how many cells are freed under one hold of the garbage lock: some ten microseconds.
const collectAtOnce = 256

// DropLocked deletes every key of the slot, not the results of requests. Their memory is freed later, by Maintain.
func (sl *Slot) DropLocked() {
	sl.beforeWriteLocked()
	keys, expiring := sl.LenLocked(), sl.store.counts[sl.id].expiring()
	sl.account(-keys, -expiring, -sl.bytes)
	sl.addWithFields(-sl.withFields)
	sl.store.nextExpiry[sl.id].Store(0)
	switch f := sl.frozen; {
	case len(sl.dir) == 0:
	case f != nil && !f.separate:
		f.separate, f.emptied = true, sl.table
	default:
		sl.store.garbage.add(waste{table: sl.table})
	}
	sl.table = table{heap: sl.heap}
}

// Replace takes over everything that loaded holds, results of requests included, slot by slot, in place of what s held; loaded, which has the seed of
// s, is used up. An open capture goes on seeing the old keys.
func (s *Store) Replace(loaded *Store) {
	if s.seed != loaded.seed {
		panic("store: Replace by a store of another seed")
	}
	var old *slab.Heap
	for i := range s.slots {
		from, to := &loaded.slots[i], &s.slots[i]
		to.Lock()
		to.beforeWriteLocked()
		old = to.heap
		if f := to.frozen; f != nil {
			f.separate, f.retired = true, true
		}
		to.account(-to.LenLocked(), -s.counts[i].expiring(), -to.bytes)
		to.addWithFields(from.withFields - to.withFields)
		to.setState(from.state) // while it counts nothing
		to.table = from.table
		to.account(from.LenLocked(), loaded.counts[i].expiring(), from.bytes)
		s.nextExpiry[i].Store(loaded.nextExpiry[i].Load())
		s.sessions.TakeLocked(slot.ID(i), loaded.sessions)
		to.Unlock()
		from.table = table{}
	}
	s.stamps.Store(loaded.stamps.Load())
	s.garbage.retire(old, s.captured.Load(), s.capture.Load())
}

// waste is what nobody refers to any more, but for its memory.
type waste struct {
	// table holds what is to be freed, but for what except has. dirRef is the directory where that is an object.
	table
	except exception
	dirRef slab.Ref
	cursor uint64
	// refs are freed besides, inner are fields that were found, and are freed before anything else.
	refs  []slab.Ref
	inner []waste
}

// garbage is what is to be freed when there is time.
type garbage struct {
	mu   sync.Mutex // protects the fields below
	list []waste
	// retired are slabs that a capture still has to see, with its number.
	retired []retiredHeap
}

type retiredHeap struct {
	heap    *slab.Heap
	capture uint32
}

func (g *garbage) add(w ...waste) {
	g.mu.Lock()
	g.list = append(g.list, w...)
	g.mu.Unlock()
}

// retire closes slabs that nobody uses any more, or keeps them until a capture is released.
func (g *garbage) retire(heap *slab.Heap, captured bool, capture uint32) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if captured {
		g.retired = append(g.retired, retiredHeap{heap, capture})
		return
	}
	g.closeLocked(heap)
}

// closeRetired closes what was kept for a capture.
func (g *garbage) closeRetired(capture uint32) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.retired = slices.DeleteFunc(g.retired, func(r retiredHeap) bool {
		if r.capture == capture {
			g.closeLocked(r.heap)
		}
		return r.capture == capture
	})
}

func (g *garbage) closeLocked(heap *slab.Heap) {
	g.list = slices.DeleteFunc(g.list, func(w waste) bool { return w.heap == heap })
	heap.Close()
}

// collect frees at least some cells, about limit at most, and tells whether there is more.
func (g *garbage) collect(limit int) (more bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	for limit > 0 && len(g.list) > 0 {
		freed, done := g.list[0].collect(limit)
		limit -= freed + 1
		if done {
			g.list[0] = waste{}
			g.list = g.list[1:]
		}
	}
	if len(g.list) == 0 {
		g.list = nil
	}
	return len(g.list) > 0
}

// collect frees about limit cells.
func (w *waste) collect(limit int) (freed int, done bool) {
	for freed < limit {
		switch {
		case len(w.refs) > 0:
			n := min(limit-freed, len(w.refs))
			w.heap.FreeAll(w.refs[:n])
			w.refs = w.refs[n:]
			freed += n
		case len(w.inner) > 0:
			last := len(w.inner) - 1
			n, done := w.inner[last].collect(limit - freed)
			if freed += n; done {
				w.inner = w.inner[:last]
			}
		case len(w.dir) > 0:
			ref := w.dir[w.cursor&uint64(len(w.dir)-1)]
			g := segment(w.heap.Bytes(ref))
			freed += g.count()
			w.cursor = nextCursor(w.cursor, g.depth())
			w.freeSegment(ref, g)
			if w.cursor == 0 {
				w.dir = nil
			}
		default:
			if w.dirRef != 0 {
				w.heap.Free(w.dirRef)
			}
			return freed, true
		}
	}
	return freed, false
}

// freeSegment frees a segment and its cells, but for what the capture has to see: that is freed with the capture's table.
func (w *waste) freeSegment(ref slab.Ref, g segment) {
	for i := range g.count() {
		cell := g.ref(i)
		if w.except.hasCell(w.heap, cell) {
			continue
		}
		if fields, ok := w.fields(cell); ok {
			w.inner = append(w.inner, fields)
		}
		w.heap.Free(cell)
	}
	if !w.except.hasSegment(g) {
		w.heap.Free(ref)
	}
}

// fields is the table of fields that a cell of the waste has.
func (w *waste) fields(cell slab.Ref) (waste, bool) {
	c := readCell(w.heap.Bytes(cell))
	if !c.table {
		return waste{}, false
	}
	given := givenTable{root: readRoot(c.Value)}
	return given.waste(w.heap, w.except.fields(c.key)), true
}

// fieldsAtOnce is how many fields are freed with their key, some ten microseconds: a larger table is freed later, by Maintain.
const fieldsAtOnce = 256

// releaseFields gives up the table of a key's fields, where there is one. The key's cell is the caller's.
func (sl *Slot) releaseFields(hash uint64, c *cell) {
	if !c.table {
		return
	}
	given := givenTable{root: readRoot(c.Value), kept: sl.keptFields(hash, c.key)}
	sl.accountBytes(-given.root.bytes)
	if given.kept != nil {
		sl.frozen.tables = append(sl.frozen.tables, given)
		return
	}
	w := given.waste(sl.heap, exception{})
	if given.root.count <= fieldsAtOnce {
		w.collect(2 * fieldsAtOnce)
		return
	}
	sl.store.garbage.add(w)
}

// collectAll frees all garbage.
func (s *Store) collectAll() {
	for s.garbage.collect(collectAtOnce) {
	}
}
