package store

import (
	"sync/atomic"
	"time"
)

// restampAtOnce is how many segments are changed under one hold of their slot: some ten microseconds.
const restampAtOnce = 16

// StampKind tells how the stamps of the keys are read. It goes into snapshots and comes with them, since nothing else
// tells counters from clocks.
func (s *Store) StampKind() StampKind { return max(StampKind(s.stamps.Load()), StampsLRU) }

// SetStampKind says how the stamps are to be read that are loaded into the store.
func (s *Store) SetStampKind(kind StampKind) { s.stamps.Store(uint32(kind)) }

// Restamp gives each key the stamp of another kind, which convert makes of its old one. It
// holds a slot for a few segments at a time. A key that is written meanwhile, or whose segment joins another, may keep its
// old stamp or be converted twice: stamps are hints.
func (s *Store) Restamp(to StampKind, convert func(Access) Access) {
	s.SetStampKind(to)
	for i := range s.slots {
		sl := &s.slots[i]
		for cursor, more := uint64(0), true; more; {
			cursor, more = sl.restamp(cursor, convert)
		}
	}
}

func (sl *Slot) restamp(cursor uint64, convert func(Access) Access) (next uint64, more bool) {
	sl.RLock()
	defer sl.RUnlock()
	for range restampAtOnce {
		if len(sl.dir) == 0 {
			return 0, false
		}
		g := sl.segment(int(cursor & uint64(len(sl.dir)-1)))
		for i := range g.count() {
			word := wordOf(sl.heap.Bytes(g.ref(i)))
			old := atomic.LoadUint32(word)
			atomic.CompareAndSwapUint32(word, old, old&^accessMask|uint32(convert(Access(old&accessMask))&accessMask))
		}
		if cursor = nextCursor(cursor, g.depth()); cursor == 0 {
			return 0, false
		}
	}
	return cursor, true
}

// FromLRU is the stamp of a key whose last use an LRU stamp tells: the counter of a new key at that time, which has
// decayed since.
func (LFU) FromLRU(a Access, now int64) Access {
	return lfuStamp(now-a.Idle(now).Milliseconds(), lfuInitial)
}

// LRUFromLFU is the LRU stamp of a key whose last use an LFU stamp tells to the minute, up to 45 days back. How often it
// was used is lost.
func LRUFromLFU(a Access, now int64) Access {
	minutes := int64((lfuMinutes(now) - a>>8) & 0xffff)
	return LRU(now - minutes*time.Minute.Milliseconds())
}
