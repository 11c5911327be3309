package executor

import (
	"github.com/holtcache/holt/proto/slot"
)

// freezing is a freeze that was evaluated and is not applied yet. It is part of the overlay: it goes when its record is
// applied, which has by then frozen the slots in the store, or with all else when the overlay is cleared.
type freezing struct {
	batch BatchID
	to    slot.ShardID
}

// freeze stops reads and writes of the slots that a control record freezes.
func (e *Executor) freeze(c *pendingControl, batch BatchID) {
	f := &freezing{batch: batch, to: c.FreezeTo}
	e.eachOverlay(c.Freeze, func(o *slotOverlay) { o.freezing = f })
	if len(c.Freeze) > 0 && e.cfg.Observer != nil {
		// What is written at the other shard nobody hears of here.
		e.cfg.Observer.SlotsChanged(c.Freeze)
	}
}

// thaw leaves it to the store's state whether the slots of a freeze that was applied are served. One that changed nothing
// leaves them as they were.
func (e *Executor) thaw(c *pendingControl, batch BatchID) {
	e.eachOverlay(c.Freeze, func(o *slotOverlay) {
		if o.freezing != nil && o.freezing.batch == batch {
			o.freezing = nil
		}
	})
}

// eachOverlay changes the overlay of each slot under the slot's lock.
func (e *Executor) eachOverlay(ranges []slot.Range, change func(*slotOverlay)) {
	for _, r := range ranges {
		for s := int(r.First); s <= int(r.Last); s++ {
			sl := e.store.Slot(slot.ID(s))
			sl.Lock()
			change(&e.overlay.slots[s])
			sl.Unlock()
		}
	}
}
