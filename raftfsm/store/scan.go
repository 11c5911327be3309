package store

import (
	"iter"

	"github.com/holtcache/holt/raftfsm/store/slab"
)

// AllLocked gives every key of the slot with what it holds, in no particular order, fields whole. Key and value are lent.
func (sl *Slot) AllLocked() iter.Seq2[[]byte, Item] {
	return func(yield func([]byte, Item) bool) {
		sl.segments(func(_ slab.Ref, g segment) bool {
			for i := range g.count() {
				c := readCell(sl.heap.Bytes(g.ref(i)))
				if c.table {
					fields := sl.fieldsIn(&c)
					c.Value = fields.AppendPacked(nil)
				}
				if !yield(c.key, c.Item) {
					return false
				}
			}
			return true
		})
	}
}

// ScanLocked gives the keys of one step of a scan and returns the cursor of the next step; a scan begins with 0 and ends
// when 0 comes back. Fields are left out. A key that is there from the first step to the last comes at least once, whatever is written
// in between; one that comes and goes may come or not. A step gives up to 64 keys in nearly all cases.
func (sl *Slot) ScanLocked(cursor uint64, yield func(key []byte, item Item)) uint64 {
	if len(sl.dir) == 0 {
		return 0
	}
	g := sl.segment(int(cursor & uint64(len(sl.dir)-1)))
	sl.yieldSegment(g, func(key []byte, item Item) bool {
		yield(key, item)
		return true
	})
	return nextCursor(cursor, g.depth())
}

func (t *table) yieldSegment(g segment, yield func([]byte, Item) bool) bool {
	for i := range g.count() {
		c := readCell(t.heap.Bytes(g.ref(i)))
		if !yield(c.key, c.shown()) {
			return false
		}
	}
	return true
}
