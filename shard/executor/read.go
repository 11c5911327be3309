package executor

import (
	"context"

	"github.com/holtcache/holt/proto/apierr"
	"github.com/holtcache/holt/proto/slot"
	"github.com/holtcache/holt/raftfsm/store"
)

// ReadMode says what a read promises.
type ReadMode uint8

const (
	// ReadLease is linearizable while the lease holds, and falls back to ReadIndex. The zero value.
	ReadLease ReadMode = iota
	// ReadIndex is linearizable without any assumption on clocks: a quorum confirms after the read has arrived.
	ReadIndex
	// ReadStale shows some committed state of the past, on any replica.
	ReadStale
)

// View is one slot as a reader sees it. It is valid only during the call it is passed to.
type View struct {
	over    *slotOverlay // nil for stale reads
	slot    *store.Slot
	now     int64
	saw     BatchID
	expired [][]byte
	e       *Executor
	use     *use // nil: a look is no use
}

// Now is the shard's clock in milliseconds since the Unix epoch.
func (v *View) Now() int64 { return v.now }

// Get returns the item of a key, false where there is none or where it has expired. Item.Value is lent for as long as
// the view is valid.
func (v *View) Get(key []byte) (store.Item, bool) {
	if v.over != nil {
		if p, found := v.over.look(key); found {
			v.saw = later(v.saw, p.batch)
			return v.live(key, p.item, !p.deleted)
		}
	}
	item, ok := v.stored(key)
	return v.live(key, item, ok)
}

func (v *View) live(key []byte, item store.Item, ok bool) (store.Item, bool) {
	if ok && item.Expired(v.now) {
		v.expired = append(v.expired, append([]byte(nil), key...))
		return store.Item{}, false
	}
	return item, ok
}

// Read evaluates fn against the slot in the caller's goroutine and returns when what it saw can no longer be lost:
// this replica leads (by lease or by a quorum's word), and every pending batch whose values fn saw has committed.
// fn runs under the slot's lock and must not block; it may run several times and sets its results anew each time.
func (e *Executor) Read(ctx context.Context, s slot.ID, mode ReadMode, fn func(*View)) error {
	e.stats.reads.add(s)
	if mode == ReadStale {
		return e.readStale(s, fn)
	}
	for {
		ten, err := e.awaitTenure(ctx)
		if err != nil {
			return err
		}
		if err := e.pass(ctx, ten, mode); err != nil {
			return err
		}
		view := View{over: &e.overlay.slots[s], slot: e.store.Slot(s), now: e.clock.Now(), e: e, use: e.use.Load()}
		owned := view.run(fn)
		if e.tenure.Load() != ten {
			continue // what was pending when it looked may have been dropped since
		}
		if !owned {
			if err := e.refusal(s); err != nil {
				return err
			}
			continue // it came to this shard just now
		}
		if view.saw != (BatchID{}) {
			e.stats.held.Add(1)
			applied, stopped := e.await(view.saw, ctx.Done())
			if stopped {
				return e.readTimeout()
			}
			if !applied {
				continue
			}
		}
		if len(view.expired) > 0 {
			again, err := e.expire(ctx, s, view.expired)
			if err != nil {
				return err
			}
			if again {
				continue
			}
		}
		return nil
	}
}

// run evaluates fn under one hold of the slot: slot state, overlay and store are of one moment.
func (v *View) run(fn func(*View)) (owned bool) {
	v.slot.RLock()
	defer v.slot.RUnlock()
	if v.over == nil && v.slot.StateLocked() != store.SlotOwned || v.over != nil && !served(v.slot, v.over) {
		return false
	}
	fn(v)
	return true
}

// pass is the gate of every linearizable read: leader of the tenure's term at this instant, by lease or by a quorum
// that answers after the read has arrived.
func (e *Executor) pass(ctx context.Context, ten *tenure, mode ReadMode) error {
	if term, leads := e.cfg.Log.Leader(); !leads || term != ten.term {
		return e.notLeader()
	}
	if mode == ReadLease && e.cfg.Gate.Leased(ten.term) {
		return nil
	}
	if err := e.cfg.Gate.Confirm(ctx, ten.term); err != nil {
		if term, leads := e.cfg.Log.Leader(); leads && term == ten.term {
			return e.readTimeout()
		}
		return e.notLeader()
	}
	return nil
}

// awaitTenure returns the tenure in which this replica serves, waiting for one while it leads without serving yet.
func (e *Executor) awaitTenure(ctx context.Context) (*tenure, error) {
	for {
		if ten := e.tenure.Load(); ten != nil {
			return ten, nil
		}
		e.mu.Lock()
		changed := e.changed
		closed := e.closed
		e.mu.Unlock()
		if e.tenure.Load() != nil {
			continue
		}
		if _, leads := e.cfg.Log.Leader(); !leads || closed {
			return nil, e.notLeader()
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return nil, e.readTimeout()
		}
	}
}

// readStale shows the applied state of any replica. Nothing pending is shown, so nothing that can be lost is.
func (e *Executor) readStale(s slot.ID, fn func(*View)) error {
	view := View{slot: e.store.Slot(s), now: e.clock.Now(), e: e, use: e.use.Load()}
	for !view.run(fn) {
		if err := e.refusal(s); err != nil {
			return err
		}
	}
	return nil
}

// expire deletes keys that a reader has found expired and returns when that is committed. again tells that leadership
// changed meanwhile, so that the reader has to look again.
func (e *Executor) expire(ctx context.Context, s slot.ID, keys [][]byte) (again bool, err error) {
	w, r := NewWaiter(), e.expiry(s, keys)
	if err := e.Submit(w, r); err != nil {
		return false, err
	}
	if w.Wait(ctx) != nil {
		w.GiveUp(e.cfg.Shard, r)
	}
	switch {
	case r.Err == nil:
		return false, nil
	case ctx.Err() != nil:
		return false, e.readTimeout()
	}
	return true, nil
}

func (e *Executor) notLeader() error {
	return apierr.New(apierr.KindNotLeader, "shard %d: this node is not the leader; not applied, retry there", e.cfg.Shard)
}

func (e *Executor) readTimeout() error {
	return apierr.New(apierr.KindDeadline, "shard %d: leadership could not be confirmed in time; nothing was changed, retry", e.cfg.Shard)
}
