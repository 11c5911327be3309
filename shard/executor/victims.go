package executor

import (
	"bytes"

	"github.com/holtcache/holt/proto/slot"
	"github.com/holtcache/holt/raftfsm/store"
)

const (
	// victimsMax is how many candidates are kept from one sample to the next (Redis, evict.c, EVPOOL_SIZE).
	victimsMax = 16
	// Samples without a key that may go: after sampleOwnMax of them the keys that the request itself writes may go too,
	// after sampleMax there is nothing to evict.
	sampleOwnMax = 8
	sampleMax    = 16
	samplesMax   = 64
	// unservedMax is how many samples may be passed over because all their keys are in slots that are frozen or not served yet:
	// enough where nine keys of ten are.
	unservedMax = 256
)

// victim is a key that may be evicted.
type victim struct {
	key   []byte
	slot  slot.ID
	bytes int64
	// rank orders victims: the lowest goes first.
	rank int64
}

// victims chooses which key goes next. It keeps the best candidates of earlier samples, so that a few samples a key come
// near to the order of all keys (Redis, evict.c). Run's goroutine owns it.
type victims struct {
	policy EvictionPolicy
	// pool is sorted by rank. Keys are memory of their own, used again.
	pool    [victimsMax]victim
	n       int
	sampled []store.Candidate
	chosen  []byte
}

// next returns the key that is to be evicted next, false where the policy allows none of those that are not pending.
func (v *victims) next(e *Executor, ev *Eviction) (victim, bool) {
	if v.policy != ev.Policy {
		v.policy, v.n = ev.Policy, 0
	}
	now := e.clock.Now()
	samples := 1
	if !ev.Policy.random() {
		samples = min(max(ev.Samples, 1), samplesMax)
	}
	for try, unserved := 0, 0; try < sampleMax && unserved < unservedMax; {
		v.sampled = e.store.Sample(v.sampled[:0], samples, e.random, ev.Policy.volatile())
		if len(v.sampled) == 0 {
			return victim{}, false
		}
		for i := range v.sampled {
			c := &v.sampled[i]
			v.offer(c, ev.rank(c.Access, c.ExpireAt, now))
		}
		counts := false
		for v.n > 0 {
			best := v.takeBest()
			if bytes, may := e.mayEvict(ev, &best, now, try < sampleOwnMax); may {
				best.bytes = bytes
				return best, true
			}
			counts = counts || e.serves(best.slot)
		}
		if counts {
			try++
		} else {
			unserved++
		}
	}
	return victim{}, false
}

// offer puts a candidate into the pool if it is among the best.
func (v *victims) offer(c *store.Candidate, rank int64) {
	at := v.n
	for at > 0 && v.pool[at-1].rank > rank {
		at--
	}
	for i := at; i > 0 && v.pool[i-1].rank == rank; i-- {
		if bytes.Equal(v.pool[i-1].key, c.Key) {
			return
		}
	}
	if at == victimsMax {
		return
	}
	last := min(v.n, victimsMax-1)
	space := v.pool[last].key
	copy(v.pool[at+1:last+1], v.pool[at:last])
	v.pool[at] = victim{key: append(space[:0], c.Key...), slot: c.Slot, rank: rank}
	v.n = last + 1
}

// takeBest takes the first candidate out. Its key is valid until the next call.
func (v *victims) takeBest() victim {
	best := v.pool[0]
	v.chosen, best.key = best.key, append(v.chosen[:0], best.key...)
	v.n--
	copy(v.pool[:v.n], v.pool[1:v.n+1])
	v.pool[v.n].key = v.chosen // swapped for the copy
	v.chosen = best.key
	return best
}

// mayEvict looks at a candidate as it is now. A key with a pending change was written just now, or is about to go: it
// stays out of it until the change is applied. One that was used since it was sampled is no candidate any more.
func (e *Executor) mayEvict(ev *Eviction, v *victim, now int64, spareOwn bool) (bytes int64, may bool) {
	if spareOwn && e.tx.writesKey(v.slot, v.key) {
		return 0, false
	}
	sl := e.store.Slot(v.slot)
	sl.RLock()
	defer sl.RUnlock()
	over := &e.overlay.slots[v.slot]
	if _, found := over.look(v.key); found || !served(sl, over) {
		return 0, false
	}
	item, ok := sl.GetLocked(v.key)
	if !ok || ev.Policy.volatile() && item.ExpireAt == 0 || ev.rank(item.Access, item.ExpireAt, now) > v.rank {
		return 0, false
	}
	n, _ := sl.MemoryLocked(v.key)
	return int64(n), true
}

// writesKey tells whether the request that was evaluated last writes a key.
func (tx *Tx) writesKey(s slot.ID, key []byte) bool {
	if s != tx.slot {
		return false
	}
	for i := range tx.writes {
		if bytes.Equal(tx.writes[i].effect.Key, key) {
			return true
		}
	}
	return false
}

// rank is the place of a key in the order in which keys go.
func (ev *Eviction) rank(a store.Access, expireAt, now int64) int64 {
	switch ev.Policy {
	case AllKeysLRU, VolatileLRU:
		return a.UsedAt(now)
	case AllKeysLFU, VolatileLFU:
		return int64(ev.lfu().Freq(a, now))
	case VolatileTTL:
		return expireAt
	}
	return 0
}
