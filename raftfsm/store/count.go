package store

import (
	"sync/atomic"

	"github.com/holtcache/holt/proto/slot"
	"github.com/holtcache/holt/raftfsm/entry"
)

// countGroup is how many slots share a sum of counts: finding the slot of the n-th key looks at 128 sums, then at 128
// slots.
const countGroup = 128

// count is a number of keys in its low 32 bits, and of those with an expiry in its high ones. Readers need no lock.
type count struct{ atomic.Uint64 }

func (c *count) add(keys, expiring int) { c.Add(uint64(keys) + uint64(expiring)<<32) }

func (c *count) keys() int     { return int(uint32(c.Load())) }
func (c *count) expiring() int { return int(c.Load() >> 32) }

// of is the number of keys, or of those with an expiry.
func (c *count) of(expiringOnly bool) int {
	if expiringOnly {
		return c.expiring()
	}
	return c.keys()
}

// account adds to the sums of slot and store.
func (sl *Slot) account(keys, expiring int, bytes int64) {
	if keys != 0 || expiring != 0 {
		sl.store.counts[sl.id].add(keys, expiring)
		if sl.state != SlotImporting {
			sl.show(keys, expiring)
		}
	}
	sl.accountBytes(bytes)
}

// countFields notes that a key of one type has given way to one of another; 0 is none.
func (sl *Slot) countFields(from, to entry.Type) {
	if from.HasFields() != to.HasFields() {
		n := 1
		if from.HasFields() {
			n = -1
		}
		sl.addWithFields(n)
	}
}

func (sl *Slot) addWithFields(n int) {
	if n != 0 {
		sl.withFields += n
		sl.store.withFields.Add(int64(n))
	}
}

// show adds to the sums of the keys that may be seen.
func (sl *Slot) show(keys, expiring int) {
	sl.store.groups[int(sl.id)/countGroup].add(keys, expiring)
	sl.store.total.add(keys, expiring)
}

// setState changes the state. Keys of a slot that is being imported are in no sum but their slot's.
func (sl *Slot) setState(state SlotState) {
	hides, hid := state == SlotImporting, sl.state == SlotImporting
	sl.state = state
	if hides == hid {
		return
	}
	keys, expiring := sl.LenLocked(), sl.store.counts[sl.id].expiring()
	if hides {
		keys, expiring = -keys, -expiring
	}
	sl.show(keys, expiring)
	sl.store.hidden.set(sl.id, hides)
}

// slotSet is a set of slots that is read without a lock. One goroutine writes.
type slotSet [slot.Count / 64]atomic.Uint64

func (s *slotSet) has(id slot.ID) bool { return s[id/64].Load()>>(id%64)&1 != 0 }

func (s *slotSet) set(id slot.ID, in bool) {
	if in {
		s[id/64].Or(1 << (id % 64))
	} else {
		s[id/64].And(^(uint64(1) << (id % 64)))
	}
}

func (sl *Slot) accountBytes(bytes int64) {
	if bytes != 0 {
		sl.bytes += bytes
		sl.store.bytes.Add(bytes)
	}
}

// expiringOf is 1 for an expiry that is set.
func expiringOf(expireAt int64) int {
	if expireAt != 0 {
		return 1
	}
	return 0
}
