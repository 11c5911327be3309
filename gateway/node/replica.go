package node

import (
	"bytes"
	"context"
	"slices"
	"sync/atomic"
	"time"

	"github.com/holtcache/holt/gateway/ops"
	"github.com/holtcache/holt/gateway/router"
	"github.com/holtcache/holt/proto/apierr"
	"github.com/holtcache/holt/proto/slot"
	"github.com/holtcache/holt/raftfsm"
	"github.com/holtcache/holt/raftfsm/session"
	"github.com/holtcache/holt/raftfsm/store"
	"github.com/holtcache/holt/shard"
	"github.com/holtcache/holt/shard/executor"
)

// replica is a shard's replica as the protocol servers see it. A connection keeps it for as long as it lasts, idle or not, so the
// replica behind it, which has all the keys, is let go of when it leaves this node.
type replica struct {
	shard slot.ShardID
	r     atomic.Pointer[shard.Replica] // nil once it has left
}

var _ router.Replica = (*replica)(nil)

func newReplica(id slot.ShardID, r *shard.Replica) *replica {
	p := &replica{shard: id}
	p.r.Store(r)
	return p
}

// errLeft refuses what is asked of a replica that has left.
func (p *replica) errLeft() *apierr.Error {
	return apierr.New(apierr.KindNotLeader, "shard %d: its replica has left this node; not applied, ask for the slot map again", p.shard)
}

func (p *replica) Shard() slot.ShardID { return p.shard }

func (p *replica) Leads() bool {
	r := p.r.Load()
	if r == nil {
		return false
	}
	_, leads := r.Leader()
	return leads
}

func (p *replica) NewFlight() router.Flight { return &flight{replica: p, waiter: executor.NewWaiter()} }

func (p *replica) Read(ctx context.Context, s slot.ID, mode router.ReadMode, fn func(ops.Reader)) error {
	r := p.r.Load()
	if r == nil {
		return p.errLeft()
	}
	return r.Executor().Read(ctx, s, executor.ReadMode(mode), func(v *executor.View) { fn(v) })
}

func (p *replica) AwaitOwned(ctx context.Context, s slot.ID) error {
	r := p.r.Load()
	if r == nil {
		return p.errLeft()
	}
	return r.Executor().AwaitOwned(ctx, s)
}

func (p *replica) Holds(s slot.ID) bool {
	r := p.r.Load()
	return r != nil && holds(r.Store(), r.State().Handovers, s)
}

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

func (p *replica) Acknowledged(index uint64) int {
	r := p.r.Load()
	if r == nil {
		return 0
	}
	return r.Acknowledged(index)
}

// Keys leaves out those of slots that are on their way here: the shard that serves them counts them.
func (p *replica) Keys() int {
	r := p.r.Load()
	if r == nil {
		return 0
	}
	keys := r.Store().Len()
	for _, h := range r.State().Handovers {
		if h.Side != raftfsm.SideTarget {
			continue
		}
		for _, rg := range h.Ranges {
			for s := int(rg.First); s <= int(rg.Last); s++ {
				keys -= keysInSlot(r, slot.ID(s))
			}
		}
	}
	return max(keys, 0)
}

func (p *replica) KeysInSlot(s slot.ID) int {
	r := p.r.Load()
	if r == nil {
		return 0
	}
	return keysInSlot(r, s)
}

func (p *replica) HasKeys(s slot.ID) bool {
	r := p.r.Load()
	return r != nil && r.Executor().HasKeys(s)
}

func keysInSlot(r *shard.Replica, s slot.ID) int {
	sl := r.Store().Slot(s)
	sl.RLock()
	defer sl.RUnlock()
	return sl.LenLocked()
}

// ListKeys lists keys of a slot step by step, so that writers wait for one step at most.
func (p *replica) ListKeys(s slot.ID, limit int) [][]byte {
	r := p.r.Load()
	if r == nil {
		return nil
	}
	var keys [][]byte
	sl, now := r.Store().Slot(s), r.Executor().Now()
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
	replica *replica
	waiter  *executor.Waiter
	timer   *time.Timer
	open    []*carrier
	batch   []*executor.Request // space of Submit
	free    []*carrier
}

// carrier is a request of the executor that carries an op; it is used again.
type carrier struct {
	request executor.Request
	op      *router.Op
}

func newCarrier() *carrier {
	c := &carrier{}
	c.request.Do = func(tx *executor.Tx) {
		c.op.Do(tx)
		c.request.Result = c.op.Result
	}
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
	c.request.ID, c.request.Until = session.ID(op.ID), op.Until
	return c
}

// Submit queues ops for evaluation in order; with an error none is taken.
func (f *flight) Submit(ops ...*router.Op) error {
	r := f.replica.r.Load()
	if r == nil {
		return f.replica.errLeft()
	}
	first := len(f.open)
	f.batch = f.batch[:0]
	for _, op := range ops {
		c := f.carrier(op)
		f.open = append(f.open, c)
		f.batch = append(f.batch, &c.request)
	}
	err := r.Executor().Submit(f.waiter, f.batch...)
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
		f.waiter.GiveUp(f.replica.shard, requests...)
		f.waiter = executor.NewWaiter()
	}
	f.timer.Stop()
	for i, c := range f.open {
		c.op.Err, c.op.Acked, c.op.Index = c.request.Err, router.Ack(c.request.Acked), c.request.Index
		if c.op.Until != 0 && c.request.Err == nil {
			c.op.Result, c.op.Repeated = c.request.Result, c.request.Repeated
		}
		c.op = nil
		if c.request.Reset() {
			f.free = append(f.free, c)
		}
		f.open[i] = nil
	}
	f.open = f.open[:0]
}
