package executor

import "github.com/holtcache/holt/raftfsm/store"

// Usage is what eviction knows of a key.
type Usage = store.Usage

// Peek is Get without counting as a use of the key.
func (v *View) Peek(key []byte) (store.Item, bool) { return v.Get(key) }

// Usage tells what eviction knows of a key; false where there is none. It is no use of the key. A key whose first write is
// not committed yet has the usage of a new one.
func (v *View) Usage(key []byte) (Usage, bool) {
	item, ok := v.Peek(key)
	if !ok {
		return Usage{}, false
	}
	return v.e.usageLocked(v.slot, key, item, v.now), true
}

// Peek is Get without counting as a use of the key.
func (tx *Tx) Peek(key []byte) (store.Item, bool) { return tx.Get(key) }

// Usage is View.Usage for a request.
func (tx *Tx) Usage(key []byte) (Usage, bool) {
	item, ok := tx.get(key, valueLent)
	if !ok {
		return Usage{}, false
	}
	sl := tx.e.store.Slot(tx.slot)
	sl.RLock()
	defer sl.RUnlock()
	return tx.e.usageLocked(sl, key, item, tx.now), true
}

// usageLocked is the usage of a key that holds item. The store's own stamp counts: an item that is pending has none.
func (e *Executor) usageLocked(sl *store.Slot, key []byte, item store.Item, now int64) Usage {
	rules := Eviction{}
	if ev := e.eviction.Load(); ev != nil {
		rules = *ev
	}
	lfu := store.LFU{LogFactor: rules.LFULogFactor, DecayMinutes: rules.LFUDecayMinutes}
	usage := Usage{Frequency: rules.Policy == AllKeysLFU || rules.Policy == VolatileLFU, Bytes: itemBytes(key, item)}
	access := store.LRU(now)
	if usage.Frequency {
		access = lfu.Initial(now)
	}
	if stored, ok := sl.GetLocked(key); ok {
		access = stored.Access
		if bytes, ok := sl.MemoryLocked(key); ok && stored.Version == item.Version {
			usage.Bytes = int64(bytes)
		}
	}
	if usage.Frequency {
		usage.Freq = lfu.Freq(access, now)
	} else {
		usage.Idle = access.Idle(now)
	}
	return usage
}

// itemBytes is what a key with this item takes.
func itemBytes(key []byte, item store.Item) int64 {
	return int64(store.CellBytes(key, len(item.Value), item.Type, item.ExpireAt, item.Version))
}
