package node

import (
	"bytes"
	"context"
	"slices"
	"time"

	"github.com/holtcache/holt/gateway/ops"
	"github.com/holtcache/holt/gateway/router"
	"github.com/holtcache/holt/proto/slot"
	"github.com/holtcache/holt/raftfsm"
	"github.com/holtcache/holt/raftfsm/store"
	"github.com/holtcache/holt/shard"
	"github.com/holtcache/holt/shard/executor"
)

// replica is a shard's replica as the protocol servers see it.
type replica struct{ r *shard.Replica }

var _ router.Replica = replica{}

func (p replica) Shard() slot.ShardID { return p.r.Group() }

func (p replica) Leads() bool {
	_, leads := p.r.Leader()
	return leads
}

func (p replica) NewFlight() router.Flight { return &flight{r: p.r, waiter: executor.NewWaiter()} }

func (p replica) Read(ctx context.Context, s slot.ID, mode router.ReadMode, fn func(ops.Reader)) error {
	return p.r.Executor().Read(ctx, s, executor.ReadMode(mode), func(v *executor.View) { fn(v) })
}

func (p replica) AwaitOwned(ctx context.Context, s slot.ID) error {
	return p.r.Executor().AwaitOwned(ctx, s)
}

func (p replica) Holds(s slot.ID) bool { return holds(p.r.Store(), p.r.State().Handovers, s) }

func holds(st *store.Store, handovers []raftfsm.Handover, s slot.ID) bool {
	sl := st.Slot(s)
	sl.RLock()
	state := sl.StateLocked()
	sl.RUnlock()
	if state != store.SlotImporting {
		return state == store.SlotOwned
	}
	for _, h := range handovers {
		if h.Side == raftfsm.SideTarget && slices.ContainsFunc(h.Ranges, func(r slot.Range) bool { return r.Contains(s) }) {
			return h.Final
		}
	}
	return false
}

func (p replica) Acknowledged(index uint64) int { return p.r.Acknowledged(index) }

// Keys leaves out those of slots that are on their way here: the shard that serves them counts them.
func (p replica) Keys() int {
	keys := p.r.Store().Len()
	for _, h := range p.r.State().Handovers {
		if h.Side != raftfsm.SideTarget {
			continue
		}
		for _, r := range h.Ranges {
			for s := int(r.First); s <= int(r.Last); s++ {
				keys -= p.KeysInSlot(slot.ID(s))
			}
		}
	}
	return max(keys, 0)
}

func (p replica) KeysInSlot(s slot.ID) int {
	sl := p.r.Store().Slot(s)
	sl.RLock()
	defer sl.RUnlock()
	return sl.LenLocked()
}

// ListKeys lists keys of a slot step by step, so that writers wait for one step at most.
func (p replica) ListKeys(s slot.ID, limit int) [][]byte {
	var keys [][]byte
	sl, now := p.r.Store().Slot(s), p.r.Executor().Now()
	for cursor := uint64(0); len(keys) < limit; {
		sl.RLock()
		cursor = sl.ScanLocked(cursor, func(key []byte, item store.Item) {
			if len(keys) < limit && !item.Expired(now) {
				keys = append(keys, bytes.Clone(key))
			}
		})
		sl.RUnlock()
		if cursor == 0 {
			break
		}
	}
	return keys
}

// flight is the ops that one connection has on one replica.
type flight struct {
	r      *shard.Replica
	waiter *executor.Waiter
	timer  *time.Timer
	open   []*carrier
	batch  []*executor.Request // space of Submit
	free   []*carrier
}

// carrier is a request of the executor that carries an op; it is used again.
type carrier struct {
	request executor.Request
	op      *router.Op
}

func newCarrier() *carrier {
	c := &carrier{}
	c.request.Do = func(tx *executor.Tx) { c.op.Do(tx) }
	return c
}

func (f *flight) carrier(op *router.Op) *carrier {
	c := (*carrier)(nil)
	if n := len(f.free); n > 0 {
		c, f.free = f.free[n-1], f.free[:n-1]
	} else {
		c = newCarrier()
	}
	c.op = op
	c.request.Slot, c.request.AllSlots, c.request.Ack = op.Slot, op.AllSlots, executor.Ack(op.Ack)
	return c
}

// Submit queues ops for evaluation in order; with an error none is taken.
func (f *flight) Submit(ops ...*router.Op) error {
	first := len(f.open)
	f.batch = f.batch[:0]
	for _, op := range ops {
		c := f.carrier(op)
		f.open = append(f.open, c)
		f.batch = append(f.batch, &c.request)
	}
	err := f.r.Executor().Submit(f.waiter, f.batch...)
	clear(f.batch)
	if err != nil {
		for _, c := range f.open[first:] {
			c.op = nil
			f.free = append(f.free, c)
		}
		clear(f.open[first:])
		f.open = f.open[:first]
	}
	return err
}

// Wait returns when every op has its answer, or has been given up at the deadline.
func (f *flight) Wait(deadline time.Time) {
	if len(f.open) == 0 {
		return
	}
	if f.timer == nil {
		f.timer = time.NewTimer(time.Until(deadline))
	} else {
		f.timer.Reset(time.Until(deadline))
	}
	if !f.waiter.WaitUntil(f.timer, nil) {
		requests := make([]*executor.Request, 0, len(f.open))
		for _, c := range f.open {
			requests = append(requests, &c.request)
		}
		f.waiter.GiveUp(f.r.Group(), requests...)
		f.waiter = executor.NewWaiter()
	}
	f.timer.Stop()
	for i, c := range f.open {
		c.op.Err, c.op.Acked, c.op.Index = c.request.Err, router.Ack(c.request.Acked), c.request.Index
		c.op = nil
		if c.request.Reset() {
			f.free = append(f.free, c)
		}
		f.open[i] = nil
	}
	f.open = f.open[:0]
}
