package store

import (
	"sync/atomic"

	"github.com/holtcache/holt/proto/slot"
)

// Candidate is a key that might be evicted.
type Candidate struct {
	Key      []byte
	Slot     slot.ID
	Access   Access
	ExpireAt int64
	// Bytes is what evicting it would free.
	Bytes int
}

// samplePerSlot is how many keys of one slot are taken at a time: which slot and place a key has says nothing of its use,
// and the cells of one place are found at one go.
const samplePerSlot = 4

// Sample appends to dst n keys chosen at random, or none where there is no key to choose from; volatileOnly chooses among
// those that have an expiry. Slots that are being imported are left out. Keys may come twice, keys of one slot come together. random gives random numbers. The keys
// are copied, into the memory of candidates beyond the end of dst where there are any.
func (s *Store) Sample(dst []Candidate, n int, random func() uint64, volatileOnly bool) []Candidate {
	n += len(dst)
	for tries := 0; len(dst) < n && tries < 8; { // a slot may lose its keys between the choice and the look
		total := s.total.of(volatileOnly)
		if total == 0 {
			return dst
		}
		before := len(dst)
		sl := &s.slots[s.slotOf(int(random()%uint64(total)), volatileOnly)]
		sl.RLock()
		dst = sl.sample(dst, min(n-before, samplePerSlot), random(), random(), volatileOnly)
		sl.RUnlock()
		if len(dst) == before {
			tries++
		}
	}
	return dst
}

func appendCandidate(dst []Candidate, id slot.ID, c cell) []Candidate {
	var key []byte
	if len(dst) < cap(dst) {
		key = dst[:len(dst)+1][len(dst)].Key[:0]
	}
	return append(dst, Candidate{
		Key: append(key, c.key...), Slot: id, Access: c.Access, ExpireAt: c.ExpireAt, Bytes: c.capacity + int(c.fieldBytes()) + cellShareBytes,
	})
}

// RandomKey appends to dst a key chosen at random; ok is false where the store has none.
func (s *Store) RandomKey(dst []byte, random func() uint64) (key []byte, ok bool) {
	var one [1]Candidate
	one[0].Key = dst
	found := s.Sample(one[:0], 1, random, false)
	if len(found) == 0 {
		return dst, false
	}
	return append(dst, found[0].Key...), true
}

// slotOf is the slot of the n-th key, counted over all slots.
func (s *Store) slotOf(n int, volatileOnly bool) slot.ID {
	group := 0
	for ; group < len(s.groups)-1; group++ {
		m := s.groups[group].of(volatileOnly)
		if n < m {
			break
		}
		n -= m
	}
	for id := group * countGroup; id < slot.Count; id++ {
		if s.hidden.has(slot.ID(id)) {
			continue
		}
		m := s.counts[id].of(volatileOnly)
		if n < m {
			return slot.ID(id)
		}
		n -= m
	}
	return slot.Count - 1 // keys went meanwhile
}

// sample appends up to n cells of one segment: one random number chooses the segment, the other the first cell; the
// others follow at equal distances, so that cells that were written together seldom come together.
func (sl *Slot) sample(dst []Candidate, n int, place, first uint64, volatileOnly bool) []Candidate {
	if len(sl.dir) == 0 {
		return dst
	}
	cursor, before := place&uint64(len(sl.dir)-1), len(dst)
	for range len(sl.dir) {
		g := sl.segment(int(cursor & uint64(len(sl.dir)-1)))
		count := g.count()
		if count > 0 && !(volatileOnly && atomic.LoadInt64(g.expiry()) == 0) {
			at, step := int(first%uint64(count)), max(1, count/n)
			for seen := 0; seen < count && len(dst)-before < n; {
				c := readCell(sl.heap.Bytes(g.ref(at)))
				stride := 1
				if !volatileOnly || c.ExpireAt != 0 {
					dst = appendCandidate(dst, sl.id, c)
					stride = step
				}
				at = (at + stride) % count
				seen += stride
			}
			if len(dst) > before {
				return dst
			}
		}
		cursor = nextCursor(cursor, g.depth())
	}
	return dst
}
