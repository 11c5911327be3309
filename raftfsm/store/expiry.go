package store

import (
	"sync/atomic"

	"github.com/holtcache/holt/proto/slot"
)

// ExpiredKeys appends to dst copies of up to limit keys that are expired at now (milliseconds since the Unix epoch),
// looking at slots from `from` on, and returns the slot to go on with; a pass over all slots ends with 0.
// Slots in which nothing can have expired cost one load each, and so do parts of a slot. What it finds stays until it is
// deleted: it is found again by the next pass. Slots that are frozen or being imported are left out: nobody may delete there.
func (s *Store) ExpiredKeys(dst [][]byte, from slot.ID, now int64, limit int) ([][]byte, slot.ID) {
	for id := from; id < slot.Count; id++ {
		if next := s.nextExpiry[id].Load(); next == 0 || next > now {
			continue
		}
		if len(dst) >= limit {
			return dst, id
		}
		search := expirySearch{found: dst, now: now, limit: limit}
		s.slots[id].searchExpired(&search)
		dst = search.found
	}
	return dst, 0
}

// expirySearch looks for expired keys until it has limit of them.
type expirySearch struct {
	found [][]byte
	now   int64
	limit int
	chunk []byte
}

func (x *expirySearch) due(next int64) bool { return next != 0 && next <= x.now }
func (x *expirySearch) full() bool          { return len(x.found) >= x.limit }

func (x *expirySearch) add(key []byte) {
	if cap(x.chunk)-len(x.chunk) < len(key) {
		x.chunk = make([]byte, 0, max(1<<10, len(key)))
	}
	start := len(x.chunk)
	x.chunk = append(x.chunk, key...)
	x.found = append(x.found, x.chunk[start:len(x.chunk):len(x.chunk)])
}

// searchExpired looks through one slot, and where it has seen the whole slot, corrects what the slot says of its
// earliest expiry. It corrects under the read lock: the writer is shut out, and two readers find the same.
func (sl *Slot) searchExpired(x *expirySearch) {
	sl.RLock()
	defer sl.RUnlock()
	if sl.state == SlotFrozen || sl.state == SlotImporting {
		return
	}
	earliest := int64(0)
	for first := 0; first < len(sl.dir); first += groupPlaces {
		var group *int64
		if sl.groups != nil {
			group = &sl.groups[first/groupPlaces]
			if next := atomic.LoadInt64(group); !x.due(next) {
				earliest = earlier(earliest, next)
				continue
			}
		}
		next := int64(0)
		for i := first; i < min(first+groupPlaces, len(sl.dir)); i++ {
			g := sl.segment(i)
			if g.prefix() != i {
				continue // it stands further in front, too
			}
			if x.due(atomic.LoadInt64(g.expiry())) {
				sl.searchSegment(x, g)
				if x.full() {
					return
				}
			}
			next = earlier(next, atomic.LoadInt64(g.expiry()))
		}
		if group != nil {
			atomic.StoreInt64(group, next)
		}
		earliest = earlier(earliest, next)
	}
	sl.store.nextExpiry[sl.id].Store(earliest)
}

func (sl *Slot) searchSegment(x *expirySearch, g segment) {
	earliest := int64(0)
	for i := range g.count() {
		c := readCell(sl.heap.Bytes(g.ref(i)))
		earliest = earlier(earliest, c.ExpireAt)
		if c.Expired(x.now) {
			if x.full() {
				return
			}
			x.add(c.key)
		}
	}
	atomic.StoreInt64(g.expiry(), earliest)
}
