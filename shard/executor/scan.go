package executor

import (
	"github.com/holtcache/holt/proto/slot"
	"github.com/holtcache/holt/raftfsm/store"
)

// Scan gives the keys of one step of a scan of the slot and returns the cursor of the next step; a scan begins with 0 and
// ends when 0 comes back. A key that is there from the first step to the last comes at least once, whatever is written in
// between (store.Slot.ScanLocked). The keys that are on their way come with the first step: those that are
// in the overlay later were in it then, or were not there. Key and item are lent; it is no use of the key.
func (v *View) Scan(cursor uint64, yield func(key []byte, item store.Item)) (next uint64) {
	if v.over != nil && cursor == 0 {
		for key, p := range v.over.keys {
			if !p.deleted {
				v.scanned([]byte(key), yield)
			}
		}
	}
	return v.slot.ScanLocked(cursor, func(key []byte, item store.Item) {
		if v.over != nil {
			if p, found := v.over.look(key); found && (p.deleted || cursor == 0) {
				v.saw = later(v.saw, p.batch)
				return // gone, or given before
			}
		}
		v.scanned(key, yield)
	})
}

func (v *View) scanned(key []byte, yield func(key []byte, item store.Item)) {
	if item, ok := v.Peek(key); ok {
		yield(key, item)
	}
}

// HasKeys tells at no cost whether this replica has keys of a slot that is its shard's, those on their way included.
func (e *Executor) HasKeys(s slot.ID) bool {
	sl := e.store.Slot(s)
	sl.RLock()
	defer sl.RUnlock()
	state := sl.StateLocked()
	return (state == store.SlotOwned || state == store.SlotFrozen) && (sl.LenLocked() > 0 || len(e.overlay.slots[s].keys) > 0)
}
