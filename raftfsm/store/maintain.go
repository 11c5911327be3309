package store

import (
	"bytes"
	"sync"

	"github.com/holtcache/holt/proto/slot"
	"github.com/holtcache/holt/raftfsm/store/slab"
)

// moving is a pass over all cells that moves together what stands in sparse runs.
type moving struct {
	mu   sync.Mutex // protects the fields below; taken before a slot's lock
	heap *slab.Heap // nil: no pass is under way
	// slot and cursor are where the pass goes on.
	slot   int
	cursor uint64
	// inner are keys of the segment before cursor whose fields have tables: the pass goes through those first, through that of the last
	// key from field on.
	inner [][]byte
	field uint64
	// left is the room in what the last pass has not emptied: what no pass can help. It is 0 where the pass left slots out.
	left int64
	// skipped: this pass has left slots out, because a capture has to see them as they are.
	skipped bool
	// wasteMin is how much waste is not worth a pass in any case.
	wasteMin int64
}

const (
	wasteMin = 1 << 20
	// wasteShare is the share of the held memory up to which waste is not worth a pass, gainShare that up to which what a
	// pass could give back is not.
	wasteShare = 10
	gainShare  = 20
)

// Maintain frees what was dropped and moves cells together where deletions have left holes, so that memory goes back to
// the operating system. It works on about budget cells, holds a slot for one segment at a time, and tells whether there
// is more to do. Any goroutine may call it. What an open capture still has to see it leaves where it is.
func (s *Store) Maintain(budget int) (more bool) {
	for ; budget > 0; budget -= collectAtOnce {
		if !s.garbage.collect(collectAtOnce) {
			break
		}
	}
	if budget <= 0 {
		return true
	}
	m := &s.moving
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.heap == nil && !s.beginMoving() {
		return false
	}
	for budget > 0 {
		if len(m.inner) > 0 {
			budget -= s.moveFields() + 1
		} else {
			budget -= s.moveSome() + 1
		}
		if m.cursor == 0 && len(m.inner) == 0 {
			if m.slot++; m.slot == slot.Count {
				s.endMoving()
				return false
			}
		}
	}
	return true
}

func (s *Store) beginMoving() bool {
	sl := s.Slot(0)
	sl.RLock()
	heap := sl.heap
	sl.RUnlock()
	m := &s.moving
	stats := heap.Stats()
	if stats.Waste() <= max(stats.Held/wasteShare, m.wasteMin) {
		return false
	}
	if heap.SparseBytes()-m.left <= stats.Held/gainShare || heap.MarkSparse() == 0 {
		return false
	}
	m.heap, m.slot, m.cursor, m.skipped = heap, 0, 0, false
	m.inner, m.field = nil, 0
	return true
}

func (s *Store) endMoving() {
	m := &s.moving
	m.left = m.heap.Unmark()
	if m.skipped {
		m.left = 0
	}
	m.heap = nil
}

// moveSome moves what has to move of one segment and tells how many cells it looked at.
func (s *Store) moveSome() int {
	m := &s.moving
	sl := &s.slots[m.slot]
	sl.Lock()
	defer sl.Unlock()
	if len(sl.dir) == 0 || sl.heap != m.heap || sl.frozen != nil {
		m.skipped = m.skipped || sl.frozen != nil
		m.cursor = 0
		return 0
	}
	x := sl.keys()
	g := x.move(&m.cursor)
	for i := range g.count() {
		if c := readCell(sl.heap.Bytes(g.ref(i))); c.table {
			m.inner = append(m.inner, bytes.Clone(c.key))
		}
	}
	return g.count()
}

// moveFields does the same for the fields of a key.
func (s *Store) moveFields() int {
	m := &s.moving
	key := m.inner[len(m.inner)-1]
	sl := &s.slots[m.slot]
	sl.Lock()
	defer sl.Unlock()
	at, exists := sl.find(s.hash(key), key)
	var c cell
	if exists {
		c = readCell(at.object)
	}
	if !c.table || sl.heap != m.heap || sl.frozen != nil {
		m.skipped = m.skipped || sl.frozen != nil
		m.inner, m.field = m.inner[:len(m.inner)-1], 0
		return 0
	}
	r := readRoot(c.Value)
	if r.count == 0 {
		m.inner, m.field = m.inner[:len(m.inner)-1], 0
		return 0
	}
	if to, moved := sl.heap.Move(r.dir.ref); moved {
		sl.heap.Free(r.dir.ref)
		r.dir.ref = to
		encoded := r.encode()
		copy(c.Value, encoded[:])
	}
	t := r.table(sl.heap)
	x := sl.fields(&r, &t, nil)
	count := x.move(&m.field).count()
	if m.field == 0 {
		m.inner = m.inner[:len(m.inner)-1]
	}
	return count
}

// move moves what has to move of the segment at a cursor, which it steps on. No capture sees the table.
func (x *index) move(cursor *uint64) segment {
	ref := x.dir[*cursor&uint64(len(x.dir)-1)]
	g := segment(x.heap.Bytes(ref))
	*cursor = nextCursor(*cursor, g.depth())
	for i := range g.count() {
		cell := g.ref(i)
		if to, moved := x.heap.Move(cell); moved {
			g.setRef(i, to)
			x.heap.Free(cell)
		}
	}
	if to, moved := x.heap.Move(ref); moved {
		x.setDir(g.prefix(), g.depth(), to)
		x.heap.Free(ref)
		return segment(x.heap.Bytes(to))
	}
	return g
}
