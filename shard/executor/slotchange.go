package executor

import (
	"github.com/holtcache/holt/proto/apierr"
	"github.com/holtcache/holt/proto/slot"
	"github.com/holtcache/holt/raftfsm"
	"github.com/holtcache/holt/raftfsm/entry"
)

// slotChange is a record on its way that changes whether slots are served. From its evaluation on they are not, whatever
// their state in the store is: a freeze stops them before it is applied, and an activation lets them go only when Run's
// goroutine knows the version above which theirs are. It is part of the overlay and goes when the record is applied, or
// with all else when the overlay is cleared.
type slotChange struct {
	batch  BatchID
	ranges []slot.Range
	// to is the shard that is to have the slots, 0 where that is this one.
	to slot.ShardID
}

// changeOf is what a control record changes, nil for one that leaves alone what is served.
func (e *Executor) changeOf(c *pendingControl, record []byte) (*slotChange, error) {
	header, body, err := entry.DecodeHeader(record)
	if err != nil {
		return nil, apierr.New(apierr.KindInvalid, "control record: %w; not applied", err)
	}
	id := idOf(header)
	freezes := header.Kind == entry.KindFreeze
	switch {
	case freezes != (len(c.Freeze) > 0) || freezes != (c.FreezeTo != 0):
		return nil, apierr.New(apierr.KindInvalid, "control record of kind %d: a freeze, and nothing else, names slots and the shard they go to; not applied", header.Kind)
	case freezes:
		return &slotChange{batch: id, ranges: c.Freeze, to: c.FreezeTo}, nil
	case header.Kind != entry.KindActivate:
		return nil, nil
	}
	a, err := entry.DecodeActivate(body)
	if err != nil {
		return nil, apierr.New(apierr.KindInvalid, "control record: %w; not applied", err)
	}
	for _, h := range e.handovers() {
		if h.Migration == a.Migration && h.Side == raftfsm.SideTarget && h.Final {
			return &slotChange{batch: id, ranges: h.Ranges}, nil
		}
	}
	return nil, apierr.New(apierr.KindTryAgain, "shard %d: the slots of migration %d have not arrived whole; not applied", e.cfg.Shard, a.Migration)
}

// begin stops reads and writes of the slots.
func (e *Executor) begin(c *slotChange) {
	e.eachOverlay(c.ranges, func(o *slotOverlay) { o.change = c })
}

// end leaves it to the store's state whether the slots are served.
func (e *Executor) end(c *slotChange) {
	e.eachOverlay(c.ranges, func(o *slotOverlay) {
		if o.change == c {
			o.change = nil
		}
	})
}

// changeApplied ends a change whose record was applied. A freeze that changed nothing leaves the slots as they were.
func (e *Executor) changeApplied(c *slotChange) {
	if c.to != 0 {
		e.end(c)
		return
	}
	e.leave(note{activated: &activatedNote{change: c, version: e.handedVersion}})
}

// activatedNote is an activation that was applied, with the state's version then.
type activatedNote struct {
	change  *slotChange
	version uint64
}

// handleActivated serves slots that have come to this shard: versions go on above those that the keys had elsewhere.
// Keys may have come and gone there, too.
func (e *Executor) handleActivated(n *activatedNote) {
	if !e.incarnate() || n.change.batch.Incarnation != e.inc {
		return // the next adoption starts from the state
	}
	e.version = max(e.version, n.version)
	e.eachOverlay(n.change.ranges, func(o *slotOverlay) { o.deletions++ })
	e.end(n.change)
	e.activating--
	e.signalHanded()
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
