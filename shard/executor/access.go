package executor

import (
	"time"

	"github.com/holtcache/holt/raftfsm/store"
)

// use tells how a use of a key changes its access stamp.
type use struct {
	lfu    bool
	rule   store.LFU
	random func() uint64
}

func (u *use) stamp(old store.Access, now int64) store.Access {
	if u.lfu {
		return u.rule.Used(old, now, u.random())
	}
	return store.LRU(now)
}

// restamp changes what stamps mean, where it does change between two sets of rules. A use in between is not counted.
func (e *Executor) restamp(from, to *Eviction) {
	lfu := to.Policy.lfu()
	if lfu != from.Policy.lfu() {
		now := e.clock.Now()
		e.use.Store(nil)
		e.store.Restamp(func(a store.Access) store.Access {
			if lfu {
				return to.lfu().FromLRU(a, now)
			}
			return store.LRUFromLFU(a, now)
		})
	}
	e.use.Store(&use{lfu: lfu, rule: to.lfu(), random: e.random})
}

// stampWrites lets keys that are written from now on be stamped with the present time.
func (e *Executor) stampWrites() {
	e.stampMu.Lock()
	defer e.stampMu.Unlock()
	e.stampWritesLocked()
}

func (e *Executor) stampWritesLocked() {
	ev, now := e.Eviction(), e.clock.Now()
	if ev.Policy.lfu() {
		e.store.SetStamping(store.Stamping{New: ev.lfu().Initial(now), Keep: true})
		return
	}
	e.store.SetStamping(store.Stamping{New: store.LRU(now)})
}

// Usage is what is known of the use of one key.
type Usage struct {
	// Idle is how long ago the key was used, to the second under an LRU policy and to the minute under an LFU one.
	Idle time.Duration
	// Freq is the logarithmic counter of uses, under an LFU policy.
	Freq uint8
	// Bytes is what the key takes in memory.
	Bytes int64
}

func (ev *Eviction) usage(a store.Access, now int64) Usage {
	if ev.Policy.lfu() {
		return Usage{Idle: store.LRUFromLFU(a, now).Idle(now), Freq: ev.lfu().Freq(a, now)}
	}
	return Usage{Idle: a.Idle(now)}
}

// Usage returns what is known of the use of a key, false where there is none or where it has expired. Asking is no use.
func (v *View) Usage(key []byte) (Usage, bool) {
	item, ok := v.Peek(key)
	if !ok {
		return Usage{}, false
	}
	ev := v.e.Eviction()
	if v.over != nil {
		if p, found := v.over.look(key); found {
			u := Usage{Bytes: itemBytes(key, p.item)}
			if ev.Policy.lfu() { // an overwritten key keeps its counter, and the stamp of another time does not matter
				u = ev.usage(ev.lfu().Initial(v.now), v.now)
				if stored, ok := v.slot.GetLocked(key); ok {
					u = ev.usage(stored.Access, v.now)
				}
				u.Idle, u.Bytes = 0, itemBytes(key, p.item)
			}
			return u, true
		}
	}
	u := ev.usage(item.Access, v.now)
	n, _ := v.slot.MemoryLocked(key)
	u.Bytes = int64(n)
	return u, true
}

// Peek is Get without counting as a use of the key: for commands that ask about keys rather than for them.
func (v *View) Peek(key []byte) (store.Item, bool) {
	use := v.use
	v.use = nil
	defer func() { v.use = use }()
	return v.Get(key)
}

// stored is what the store holds, and notes the use. A key with a pending change gets its stamp when that is applied, but
// for its counter of uses.
func (v *View) stored(key []byte) (store.Item, bool) {
	if v.use == nil {
		return v.slot.GetLocked(key)
	}
	return v.slot.GetTouchLocked(key, v.stamp)
}

func (v *View) stamp(old store.Access) store.Access { return v.use.stamp(old, v.now) }

// Peek is Get without counting as a use of the key.
func (tx *Tx) Peek(key []byte) (store.Item, bool) {
	tx.peeks = true
	defer func() { tx.peeks = false }()
	return tx.Get(key)
}

// stored is what the store holds, and notes the use.
func (tx *Tx) stored(sl *store.Slot, key []byte) (store.Item, bool) {
	use := tx.e.use.Load()
	if use == nil || tx.peeks {
		return sl.GetLocked(key)
	}
	return sl.GetTouchLocked(key, func(a store.Access) store.Access { return use.stamp(a, tx.now) })
}
