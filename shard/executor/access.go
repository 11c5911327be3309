package executor

import "github.com/holtcache/holt/raftfsm/store"

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

// stampKind is how a policy reads access stamps. Those that do not look at them go by clocks.
func (p EvictionPolicy) stampKind() store.StampKind {
	if p.lfu() {
		return store.StampsLFU
	}
	return store.StampsLRU
}

// restamp makes the stamps of the store those of the rules, where they are of the other kind: the rules have changed, or a
// snapshot was loaded that was written under others. A use in between is not counted.
func (e *Executor) restamp(to *Eviction) {
	lfu := to.Policy.lfu()
	if kind := to.Policy.stampKind(); e.store.StampKind() != kind {
		now := e.clock.Now()
		e.use.Store(nil)
		e.store.Restamp(kind, func(a store.Access) store.Access {
			if lfu {
				return to.lfu().FromLRU(a, now)
			}
			return store.LRUFromLFU(a, now)
		})
	}
	e.use.Store(&use{lfu: lfu, rule: to.lfu(), random: e.random})
}

// StampPolicy is the policy by which the access stamps of all keys can be read, false while they are converted.
func (e *Executor) StampPolicy() (EvictionPolicy, bool) {
	policy, u := e.Eviction().Policy, e.use.Load()
	return policy, u != nil && u.lfu == policy.lfu()
}

// stampWrites lets keys that are written from now on be stamped with the present time. Stamps that came with a snapshot
// from under other rules become those of the rules here, once there are any: a start loads before it knows the rules.
func (e *Executor) stampWrites() {
	e.stampMu.Lock()
	defer e.stampMu.Unlock()
	if ev := e.eviction.Load(); ev != nil && e.store.StampKind() != ev.Policy.stampKind() {
		e.restamp(ev)
	}
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
type Usage = store.Usage

func (ev *Eviction) usage(a store.Access, now int64) Usage {
	if ev.Policy.lfu() {
		return Usage{Frequency: true, Idle: store.LRUFromLFU(a, now).Idle(now), Freq: ev.lfu().Freq(a, now)}
	}
	return Usage{Idle: a.Idle(now)}
}

// Usage returns what is known of the use of a key, false where there is none or where it has expired. Asking is no use.
func (v *View) Usage(key []byte) (Usage, bool) {
	item, ok := v.Peek(key)
	if !ok {
		return Usage{}, false
	}
	if v.over != nil {
		if p, pending := v.over.look(key); pending {
			return v.e.pendingUsageLocked(v.slot, key, p.bytes(key), v.now), true
		}
	}
	return v.e.usageLocked(v.slot, key, item, v.now), true
}

// Usage is View.Usage for a request.
func (tx *Tx) Usage(key []byte) (Usage, bool) {
	item, ok := tx.Peek(key)
	if !ok {
		return Usage{}, false
	}
	sl := tx.e.store.Slot(tx.slot)
	sl.RLock()
	defer sl.RUnlock()
	for i := len(tx.writes) - 1; i >= 0; i-- {
		if w := &tx.writes[i]; w.drop == nil && string(w.effect.Key) == string(key) {
			return tx.e.pendingUsageLocked(sl, key, w.bytes(), tx.now), true
		}
	}
	if p, found := tx.e.overlay.slots[tx.slot].look(key); found {
		return tx.e.pendingUsageLocked(sl, key, p.bytes(key), tx.now), true
	}
	return tx.e.usageLocked(sl, key, item, tx.now), true
}

// usageLocked is the usage of a key that holds item.
func (e *Executor) usageLocked(sl *store.Slot, key []byte, item store.Item, now int64) Usage {
	ev := e.Eviction()
	u := ev.usage(item.Access, now)
	n, _ := sl.MemoryLocked(key)
	u.Bytes = int64(n)
	return u
}

// pendingUsageLocked is the usage of a key whose change is not applied yet: it will take bytes then.
func (e *Executor) pendingUsageLocked(sl *store.Slot, key []byte, bytes, now int64) Usage {
	ev := e.Eviction()
	u := Usage{}
	if ev.Policy.lfu() { // an overwritten key keeps its counter, and the stamp of another time does not matter
		u = ev.usage(ev.lfu().Initial(now), now)
		if stored, ok := sl.GetLocked(key); ok {
			u = ev.usage(stored.Access, now)
		}
	}
	u.Idle, u.Bytes = 0, bytes
	return u
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
