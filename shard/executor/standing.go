package executor

import (
	"context"

	"github.com/holtcache/holt/proto/apierr"
	"github.com/holtcache/holt/proto/slot"
	"github.com/holtcache/holt/raftfsm"
	"github.com/holtcache/holt/raftfsm/store"
)

// served tells, under the lock of the slot, whether this replica may read and write it as far as the slot goes.
func served(sl *store.Slot, over *slotOverlay) bool {
	return sl.StateLocked() == store.SlotOwned && over.change == nil
}

// serves is served for who does not hold the lock.
func (e *Executor) serves(s slot.ID) bool {
	sl := e.store.Slot(s)
	sl.RLock()
	defer sl.RUnlock()
	return served(sl, &e.overlay.slots[s])
}

// servedOf is that part of slots.
func (e *Executor) servedOf(ranges []slot.Range) (part []slot.Range) {
	for _, r := range ranges {
		for s := int(r.First); s <= int(r.Last); s++ {
			id := slot.ID(s)
			switch last := len(part) - 1; {
			case !e.serves(id):
			case last >= 0 && int(part[last].Last)+1 == s:
				part[last].Last = id
			default:
				part = append(part, slot.Range{First: id, Last: id})
			}
		}
	}
	return part
}

// refusal says why a slot is not served here and what to do, nil where it is served by now.
func (e *Executor) refusal(s slot.ID) *apierr.Error {
	sl := e.store.Slot(s)
	sl.RLock()
	state, change := sl.StateLocked(), e.overlay.slots[s].change
	sl.RUnlock()
	switch {
	case change != nil && change.to != 0:
		return apierr.AskShard(s, change.to)
	case change != nil || state == store.SlotImporting:
		return apierr.New(apierr.KindImporting, "slot %d is being handed over to shard %d, which does not serve it yet; not applied, repeat in a moment", s, e.cfg.Shard)
	case state == store.SlotOwned:
		return nil
	case state == store.SlotFrozen:
		if to, ok := e.handingTo(s); ok {
			return apierr.AskShard(s, to)
		}
		return apierr.New(apierr.KindTryAgain, "slot %d is being handed over by shard %d; not applied, repeat in a moment", s, e.cfg.Shard)
	}
	return apierr.New(apierr.KindNotOwned, "slot %d is not served by shard %d; not applied, ask for the slot map again", s, e.cfg.Shard)
}

// refusalOfAll is refusal for requests that are about whole slots: those that are about to leave have a copy elsewhere by
// now, and those that have arrived whole are nobody else's any more. It runs on Run's goroutine.
func (e *Executor) refusalOfAll() *apierr.Error {
	refused := func() *apierr.Error {
		return apierr.New(apierr.KindTryAgain, "shard %d: slots are being handed over; not applied, repeat in a moment", e.cfg.Shard)
	}
	if e.activating > 0 {
		return refused()
	}
	for _, h := range e.handovers() {
		if h.Side == raftfsm.SideSource || h.Final {
			return refused()
		}
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, b := range e.batches {
		if b.control != nil && b.control.change != nil {
			return refused()
		}
	}
	return nil
}

// AwaitOwned returns nil once this replica serves a slot that another shard is handing over to this one, and the reason
// of a refusal where it does not and will not: it does not lead, the slot is not on its way here, or ctx has ended.
// Nothing was applied.
func (e *Executor) AwaitOwned(ctx context.Context, s slot.ID) error {
	for {
		e.mu.Lock()
		handed, changed := e.handed, e.changed
		e.mu.Unlock()
		if _, err := e.awaitTenure(ctx); err != nil {
			return err
		}
		err := e.refusal(s)
		if err == nil {
			return nil
		}
		if err.Kind != apierr.KindImporting {
			return err
		}
		select {
		case <-handed:
		case <-changed:
		case <-ctx.Done():
			return err
		}
	}
}
