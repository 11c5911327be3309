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
	return sl.StateLocked() == store.SlotOwned && over.freezing == nil
}

// refusal says why a slot is not served here and what to do, nil where it is served by now.
func (e *Executor) refusal(s slot.ID) *apierr.Error {
	sl := e.store.Slot(s)
	sl.RLock()
	state, pending := sl.StateLocked(), e.overlay.slots[s].freezing
	sl.RUnlock()
	switch {
	case pending != nil:
		return apierr.AskShard(s, pending.to)
	case state == store.SlotOwned:
		return nil
	}
	return apierr.New(apierr.KindNotOwned, "slot %d is not served by shard %d; not applied, ask for the slot map again", s, e.cfg.Shard)
}

// AwaitOwned returns nil once this replica serves a slot that another shard is handing over to this one, and the reason
// of a refusal where it does not and will not: it does not lead, the slot is not on its way here, or ctx has ended.
// Nothing was applied.
func (e *Executor) AwaitOwned(ctx context.Context, s slot.ID) error {
	for {
		e.mu.Lock()
		handed := e.handed
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
		case <-ctx.Done():
			return err
		}
	}
}

// HandoverChanged takes note of what a record of a hand-over has changed.
func (e *Executor) HandoverChanged(state raftfsm.State) {
	e.clock.Observe(state.Time)
	e.signalHanded()
}

// signalHanded wakes those who wait for a slot.
func (e *Executor) signalHanded() {
	e.mu.Lock()
	close(e.handed)
	e.handed = make(chan struct{})
	e.mu.Unlock()
}
