package store

import (
	"fmt"
	"sync/atomic"

	"github.com/holtcache/holt/proto/slot"
	"github.com/holtcache/holt/raftfsm/entry"
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
	if n := s.withFields.Load(); int64(c.withFields) != n {
		return fmt.Errorf("counted %d keys with fields, the sum says %d", c.withFields, n)
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
	withFields     int
	bytes          int64
}

func (c *checker) know(heap *slab.Heap, refs ...slab.Ref) {
	c.known[heap] = append(c.known[heap], refs...)
}

func (c *checker) slot(sl *Slot) error {
	c.know(sl.heap)
	if n := len(sl.dir); n > groupPlaces && len(sl.groups) != n/groupPlaces || n <= groupPlaces && sl.groups != nil {
		return fmt.Errorf("directory of %d places with %d groups", n, len(sl.groups))
	}
	x := sl.keys()
	sums, err := c.table(&x)
	if err != nil {
		return err
	}
	if counts := &c.store.counts[sl.id]; sums.cells != counts.keys() || sums.expiring != counts.expiring() || sums.bytes != sl.bytes || sums.withFields != sl.withFields {
		return fmt.Errorf("counted %+v; its sums say %d, %d, %d, %d", sums, counts.keys(), counts.expiring(), sl.bytes, sl.withFields)
	}
	hidden := sl.state == SlotImporting
	if got := c.store.hidden.has(sl.id); got != hidden {
		return fmt.Errorf("state %d, left out of the sums: %v", sl.state, got)
	}
	if !hidden {
		c.keys += sums.cells
		c.expiring += sums.expiring
	}
	c.bytes += sums.bytes
	c.withFields += sums.withFields
	return c.frozen(sl)
}

// sums are those of a table.
type sums struct {
	cells, expiring, withFields int
	bytes                       int64
}

func (s *sums) add(more sums) {
	s.cells += more.cells
	s.expiring += more.expiring
	s.withFields += more.withFields
	s.bytes += more.bytes
}

// table checks the table of a slot's keys or of a key's fields.
func (c *checker) table(x *index) (all sums, err error) {
	deepest := 0
	all.bytes = x.dirBytes()
	if n := len(x.dir); n&(n-1) != 0 {
		return all, fmt.Errorf("directory of %d places", n)
	}
	if d := x.dirObject(); d.ref != 0 {
		c.know(x.heap, d.ref)
	}
	for i := range x.dir {
		g := x.segment(i)
		first := i & (1<<g.depth() - 1)
		if g.prefix() != first || x.dir[first] != x.dir[i] {
			return all, fmt.Errorf("place %d holds a segment of depth %d and prefix %d", i, g.depth(), g.prefix())
		}
		if g.depth() == x.depth() {
			deepest++
		}
		if first != i {
			continue
		}
		all.bytes += int64(slab.SizeOf(segmentBytes(g.capacity())))
		c.know(x.heap, x.dir[i])
		of, err := c.segment(x, g)
		if err != nil {
			return all, fmt.Errorf("segment %d: %w", i, err)
		}
		all.add(of)
	}
	if deepest != x.deepest && len(x.dir) > 0 {
		return all, fmt.Errorf("%d segments stand in one place, its count says %d", deepest, x.deepest)
	}
	return all, nil
}

func (c *checker) segment(x *index, g segment) (of sums, err error) {
	if g.count() > g.capacity() {
		return of, fmt.Errorf("%d cells, capacity %d", g.count(), g.capacity())
	}
	earliest := int64(0)
	of.cells = g.count()
	for i := range g.count() {
		ref := g.ref(i)
		cell := readCell(x.heap.Bytes(ref))
		hash := c.store.hash(cell.key)
		h := cell.header()
		n, wide := h.bytes()
		if cell.wide { // it stays wide where it loses its expiry in place
			n, wide = h.wideBytes(), true
		}
		if wide != cell.wide || n > cell.capacity || !wide && slab.SizeOf(n) != cell.capacity {
			return of, fmt.Errorf("key %q: %d bytes (wide %v) in an object of %d (wide %v)", cell.key, n, wide, cell.capacity, cell.wide)
		}
		if x.root == nil && slot.Of(cell.key) != x.slot.id || int(hash&(1<<g.depth()-1)) != g.prefix() || byte(hash>>56) != g.tag(i) {
			return of, fmt.Errorf("key %q does not belong there", cell.key)
		}
		if at, ok := x.find(hash, cell.key); !ok || at.ref != ref {
			return of, fmt.Errorf("key %q is found elsewhere", cell.key)
		}
		earliest = earlier(earliest, cell.ExpireAt)
		of.expiring += expiringOf(cell.ExpireAt)
		of.bytes += int64(cell.capacity)
		c.know(x.heap, ref)
		if x.root == nil {
			fields, err := c.fields(x.slot, hash, &cell)
			if err != nil {
				return of, fmt.Errorf("fields of key %q: %w", cell.key, err)
			}
			of.add(fields)
		}
	}
	if x.root != nil && earliest != 0 {
		return of, fmt.Errorf("a field expires at %d", earliest)
	}
	for _, next := range c.nextExpiries(x, g) {
		if earliest != 0 && (next == 0 || next > earliest) {
			return of, fmt.Errorf("the earliest expiry is %d; segment, group and slot say %v", earliest, c.nextExpiries(x, g))
		}
	}
	return of, nil
}

// fields checks what a key of a type with fields holds.
func (c *checker) fields(sl *Slot, hash uint64, cell *cell) (of sums, err error) {
	switch {
	case !cell.Type.HasFields():
		if cell.table {
			return of, fmt.Errorf("a key of type %d has a table of fields", cell.Type)
		}
		return of, nil
	case !cell.table:
		of.withFields = 1
		seen := map[string]bool{}
		for e := range entry.Packed(cell.Value).Entries() {
			seen[string(e.Name)] = true
		}
		if n := entry.Packed(cell.Value).Len(); len(seen) != n || n > packedFieldsMax || len(cell.Value) > packedBytesMax {
			return of, fmt.Errorf("%d fields are packed in %d bytes, %d are said to be", len(seen), len(cell.Value), n)
		}
		return of, entry.CheckPacked(cell.Value)
	}
	r := readRoot(cell.Value)
	t := r.table(sl.heap)
	x := sl.fields(&r, &t, sl.keptFields(hash, cell.key))
	all, err := c.table(&x)
	if err == nil && (all.cells != r.count || all.bytes != r.bytes) {
		err = fmt.Errorf("counted %+v; their sums say %d, %d", all, r.count, r.bytes)
	}
	return sums{withFields: 1, bytes: all.bytes}, err
}

func (c *checker) nextExpiries(x *index, g segment) []int64 {
	all := []int64{atomic.LoadInt64(g.expiry()), c.store.nextExpiry[x.slot.id].Load()}
	if x.groups != nil {
		all = append(all, x.groups[g.prefix()/groupPlaces])
	}
	return all
}

// frozen counts what is kept for a capture and is not the slot's any more.
func (c *checker) frozen(sl *Slot) error {
	f := sl.frozen
	switch {
	case f == nil || f.retired:
	case f.separate:
		c.waste(waste{table: f.emptied, except: f.exception(&f.table)})
		for _, g := range f.tables {
			c.waste(g.waste(f.heap, f.exception(g.kept)))
		}
		c.waste(waste{table: f.table})
	default:
		c.know(f.heap, f.given...)
		for _, g := range f.tables {
			c.waste(g.waste(f.heap, exception{}))
		}
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
	for i := range w.inner {
		c.waste(w.inner[i])
	}
	if w.dirRef != 0 {
		c.know(w.heap, w.dirRef)
	}
	cursor := w.cursor
	for len(w.dir) > 0 {
		ref := w.dir[cursor&uint64(len(w.dir)-1)]
		g := segment(w.heap.Bytes(ref))
		for i := range g.count() {
			cell := g.ref(i)
			if w.except.hasCell(w.heap, cell) {
				continue
			}
			c.know(w.heap, cell)
			if fields, ok := w.fields(cell); ok {
				c.waste(fields)
			}
		}
		if !w.except.hasSegment(g) {
			c.know(w.heap, ref)
		}
		if cursor = nextCursor(cursor, g.depth()); cursor == 0 {
			return
		}
	}
}
