package store

import (
	"fmt"
	"sync/atomic"

	"github.com/holtcache/holt/proto/slot"
	"github.com/holtcache/holt/raftfsm/store/slab"
)

// Check walks everything the store holds and returns what does not fit together: directories, segments, cells, sums,
// expiries, what a capture keeps, and every object of the slabs. Nobody may write meanwhile.
func (s *Store) Check() error {
	c := checker{store: s, known: map[*slab.Heap][]slab.Ref{}}
	for id := range slot.ID(slot.Count) {
		sl := s.Slot(id)
		sl.RLock()
		err := c.slot(sl)
		sl.RUnlock()
		if err != nil {
			return fmt.Errorf("slot %d: %w", id, err)
		}
	}
	if c.keys != s.Len() || c.expiring != s.Expires() || c.bytes != s.UsedBytes() {
		return fmt.Errorf("counted %d keys, %d with an expiry, %d bytes; the sums say %d, %d, %d", c.keys, c.expiring, c.bytes, s.Len(), s.Expires(), s.UsedBytes())
	}
	for i := range s.groups {
		keys, expiring := 0, 0
		for j := range countGroup {
			if id := slot.ID(i*countGroup + j); !s.hidden.has(id) {
				keys += s.counts[id].keys()
				expiring += s.counts[id].expiring()
			}
		}
		if keys != s.groups[i].keys() || expiring != s.groups[i].expiring() {
			return fmt.Errorf("slots from %d: %d keys, %d with an expiry; their sums say %d, %d", i*countGroup, keys, expiring, s.groups[i].keys(), s.groups[i].expiring())
		}
	}
	s.garbage.mu.Lock()
	defer s.garbage.mu.Unlock()
	retired := map[*slab.Heap]bool{}
	for _, r := range s.garbage.retired {
		retired[r.heap] = true
	}
	for i := range s.garbage.list {
		c.waste(s.garbage.list[i])
	}
	for heap, known := range c.known {
		if retired[heap] {
			continue
		}
		if err := heap.Check(known); err != nil {
			return fmt.Errorf("slabs: %w", err)
		}
	}
	return nil
}

// checker collects the objects that the store knows, by slabs, and its sums.
type checker struct {
	store          *Store
	known          map[*slab.Heap][]slab.Ref
	keys, expiring int
	bytes          int64
}

func (c *checker) know(heap *slab.Heap, refs ...slab.Ref) {
	c.known[heap] = append(c.known[heap], refs...)
}

func (c *checker) slot(sl *Slot) error {
	keys, expiring, bytes, deepest := 0, 0, sl.table.bytes(), 0
	c.know(sl.heap)
	if n := len(sl.dir); n&(n-1) != 0 || n > groupPlaces && len(sl.groups) != n/groupPlaces || n <= groupPlaces && sl.groups != nil {
		return fmt.Errorf("directory of %d places with %d groups", n, len(sl.groups))
	}
	for i := range sl.dir {
		g := sl.segment(i)
		first := i & (1<<g.depth() - 1)
		if g.prefix() != first || sl.dir[first] != sl.dir[i] {
			return fmt.Errorf("place %d holds a segment of depth %d and prefix %d", i, g.depth(), g.prefix())
		}
		if g.depth() == sl.depth() {
			deepest++
		}
		if first != i {
			continue
		}
		bytes += int64(slab.SizeOf(segmentBytes(g.capacity())))
		c.know(sl.heap, sl.dir[i])
		x, err := c.segment(sl, g)
		if err != nil {
			return fmt.Errorf("segment %d: %w", i, err)
		}
		keys += g.count()
		expiring += x.expiring
		bytes += x.bytes
	}
	if deepest != sl.deepest && len(sl.dir) > 0 {
		return fmt.Errorf("%d segments stand in one place, its count says %d", deepest, sl.deepest)
	}
	if counts := &c.store.counts[sl.id]; keys != counts.keys() || expiring != counts.expiring() || bytes != sl.bytes {
		return fmt.Errorf("counted %d keys, %d with an expiry, %d bytes; its sums say %d, %d, %d", keys, expiring, bytes, counts.keys(), counts.expiring(), sl.bytes)
	}
	hidden := sl.state == SlotImporting
	if got := c.store.hidden.has(sl.id); got != hidden {
		return fmt.Errorf("state %d, left out of the sums: %v", sl.state, got)
	}
	if !hidden {
		c.keys += keys
		c.expiring += expiring
	}
	c.bytes += bytes
	return c.frozen(sl)
}

type segmentSums struct {
	expiring int
	bytes    int64
}

func (c *checker) segment(sl *Slot, g segment) (x segmentSums, err error) {
	if g.count() > g.capacity() {
		return x, fmt.Errorf("%d cells, capacity %d", g.count(), g.capacity())
	}
	earliest := int64(0)
	for i := range g.count() {
		ref := g.ref(i)
		object := sl.heap.Bytes(ref)
		cell := readCell(object)
		hash := c.store.hash(cell.key)
		h := cell.header()
		n, wide := h.bytes()
		if cell.wide { // it stays wide where it loses its expiry in place
			n, wide = h.wideBytes(), true
		}
		if wide != cell.wide || n > cell.capacity || !wide && slab.SizeOf(n) != cell.capacity {
			return x, fmt.Errorf("key %q: %d bytes (wide %v) in an object of %d (wide %v)", cell.key, n, wide, cell.capacity, cell.wide)
		}
		if slot.Of(cell.key) != sl.id || int(hash&(1<<g.depth()-1)) != g.prefix() || byte(hash>>56) != g.tag(i) {
			return x, fmt.Errorf("key %q does not belong there", cell.key)
		}
		if at, ok := sl.find(hash, cell.key); !ok || at.ref != ref {
			return x, fmt.Errorf("key %q is found elsewhere", cell.key)
		}
		earliest = earlier(earliest, cell.ExpireAt)
		x.expiring += expiringOf(cell.ExpireAt)
		x.bytes += int64(cell.capacity)
		c.know(sl.heap, ref)
	}
	for _, next := range c.nextExpiries(sl, g) {
		if earliest != 0 && (next == 0 || next > earliest) {
			return x, fmt.Errorf("the earliest expiry is %d; segment, group and slot say %v", earliest, c.nextExpiries(sl, g))
		}
	}
	return x, nil
}

func (c *checker) nextExpiries(sl *Slot, g segment) []int64 {
	all := []int64{atomic.LoadInt64(g.expiry()), c.store.nextExpiry[sl.id].Load()}
	if sl.groups != nil {
		all = append(all, sl.groups[g.prefix()/groupPlaces])
	}
	return all
}

// frozen counts what is kept for a capture and is not the slot's any more.
func (c *checker) frozen(sl *Slot) error {
	f := sl.frozen
	switch {
	case f == nil || f.retired:
	case f.separate:
		c.waste(waste{table: f.emptied, except: f})
		c.waste(waste{table: f.table})
	default:
		c.know(f.heap, f.given...)
		keys := 0
		f.table.cells(func(slab.Ref, []byte) { keys++ })
		if keys != f.keys {
			return fmt.Errorf("%d keys are kept for a capture, there were %d", keys, f.keys)
		}
	}
	return nil
}

func (c *checker) waste(w waste) {
	c.know(w.heap, w.refs...)
	cursor := w.cursor
	for len(w.dir) > 0 {
		ref := w.dir[cursor&uint64(len(w.dir)-1)]
		g := segment(w.heap.Bytes(ref))
		for i := range g.count() {
			if cell := g.ref(i); w.except == nil || !w.except.table.holds(c.store, cell) {
				c.know(w.heap, cell)
			}
		}
		if w.except == nil || g.capture() == w.except.number {
			c.know(w.heap, ref)
		}
		if cursor = nextCursor(cursor, g.depth()); cursor == 0 {
			return
		}
	}
}

// holds tells whether a cell is one of the table's.
func (t *table) holds(s *Store, ref slab.Ref) bool {
	key := keyOf(t.heap.Bytes(ref))
	at, ok := t.find(s.hash(key), key)
	return ok && at.ref == ref
}
