package store

import "sync/atomic"

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
	s := sl.store
	if keys != 0 || expiring != 0 {
		s.counts[sl.id].add(keys, expiring)
		s.groups[int(sl.id)/countGroup].add(keys, expiring)
		s.total.add(keys, expiring)
	}
	sl.accountBytes(bytes)
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
