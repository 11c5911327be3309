package store

import (
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
		budget -= s.moveSome() + 1
		if m.cursor == 0 {
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
	ref := sl.dir[m.cursor&uint64(len(sl.dir)-1)]
	g := segment(sl.heap.Bytes(ref))
	m.cursor = nextCursor(m.cursor, g.depth())
	for i := range g.count() {
		cell := g.ref(i)
		if to, moved := sl.heap.Move(cell); moved {
			g.setRef(i, to)
			sl.heap.Free(cell)
		}
	}
	if to, moved := sl.heap.Move(ref); moved {
		sl.setDir(g.prefix(), g.depth(), to)
		sl.heap.Free(ref)
	}
	return g.count()
}
