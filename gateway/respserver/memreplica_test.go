package respserver

import (
	"context"
	"io"
	"log/slog"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/hashicorp/raft"

	"github.com/holtcache/holt/gateway/ops"
	"github.com/holtcache/holt/gateway/router"
	"github.com/holtcache/holt/proto/apierr"
	"github.com/holtcache/holt/proto/slot"
	"github.com/holtcache/holt/raftfsm"
	"github.com/holtcache/holt/raftfsm/store"
	"github.com/holtcache/holt/shard/executor"
)

// memReplica is a replica that needs no other: the real executor, state machine and store over a log that commits
// everything as soon as commits are not held.
type memReplica struct {
	shard slot.ShardID
	exec  *executor.Executor
	fsm   *raftfsm.FSM
	store *store.Store
	log   *memLog
	// ranges are what the shard owns once it has served.
	ranges []slot.Range
	// reads counts reads that did not go through the executor, submits the calls of Submit.
	reads, submits atomic.Int64
	// beforeRead, where set, runs before each read is evaluated.
	beforeRead atomic.Pointer[func()]
	acked      atomic.Int64
	// holds is what Holds says.
	holds atomic.Bool
	// handover refuses what is asked of slots on their way.
	handover handover
}

// handover is what a replica says of slots on their way to it or from it, in place of its executor.
type handover struct {
	mu      sync.Mutex // protects the fields below
	refuse  func(slot.ID) *apierr.Error
	changed chan struct{}
}

// say makes the replica refuse by f, nil for nothing.
func (h *handover) say(f func(slot.ID) *apierr.Error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.refuse = f
	if h.changed != nil {
		close(h.changed)
	}
	h.changed = make(chan struct{})
}

func (h *handover) refusal(s slot.ID) (*apierr.Error, chan struct{}) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.refuse == nil {
		return nil, h.changed
	}
	return h.refuse(s), h.changed
}

// memLog applies what is proposed, in order, on one goroutine: the FSM's.
type memLog struct {
	records chan []byte
	leads   atomic.Bool
	term    atomic.Uint64
	gate    sync.Mutex // held by a test that holds commits
	index   uint64
}

type memProposal struct{}

func (memProposal) Wait() error { return nil }

func (l *memLog) Leader() (uint64, bool) { return l.term.Load(), l.leads.Load() }

func (l *memLog) Propose(record []byte) executor.Proposal {
	l.records <- record
	return memProposal{}
}

type memGate struct{}

func (memGate) Leased(uint64) bool                    { return true }
func (memGate) Confirm(context.Context, uint64) error { return nil }

func discardLogger() *slog.Logger { return slog.New(slog.NewTextHandler(io.Discard, nil)) }

func newMemReplica(t testing.TB, shard slot.ShardID, ranges []slot.Range, observer executor.Observer) *memReplica {
	r := &memReplica{shard: shard, store: store.New(), log: &memLog{records: make(chan []byte, 1024)}, ranges: ranges}
	var nonce atomic.Uint64
	r.exec = executor.New(executor.Config{
		Shard: shard, Node: "self", Log: r.log, Gate: memGate{}, Nonce: func() uint64 { return nonce.Add(1) },
		Slots: func() []slot.Range { return ranges }, Observer: observer, Logger: discardLogger(),
	}, r.store)
	r.fsm = raftfsm.New(uint64(shard), r.store, r.exec)
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() {
		for record := range r.log.records {
			r.log.gate.Lock()
			r.log.index++
			r.fsm.Apply(&raft.Log{Index: r.log.index, Term: r.log.term.Load(), Type: raft.LogCommand, Data: record})
			r.log.gate.Unlock()
		}
	})
	ran := make(chan struct{})
	go func() {
		defer close(ran)
		_ = r.exec.Run(ctx)
	}()
	t.Cleanup(func() {
		cancel()
		<-ran
		r.exec.Wait()
		close(r.log.records)
		running.Wait()
	})
	return r
}

// lead makes the replica the leader of the next term, or of none.
func (r *memReplica) lead(leads bool) {
	if leads {
		r.log.term.Add(1)
	}
	r.log.leads.Store(leads)
	r.exec.Kick()
}

// awaitServing returns when the replica serves.
func (r *memReplica) awaitServing(t testing.TB) {
	t.Helper()
	eventually(t, "the replica serves", func() bool {
		_, serving := r.exec.Serving()
		return serving && slices.Equal(r.store.Owned(), r.ranges)
	})
}

func (r *memReplica) Shard() slot.ShardID { return r.shard }
func (r *memReplica) Leads() bool         { return r.log.leads.Load() }
func (r *memReplica) Holds(slot.ID) bool  { return r.holds.Load() }
func (r *memReplica) Keys() int           { return r.store.Len() }

func (r *memReplica) KeysInSlot(s slot.ID) int {
	sl := r.store.Slot(s)
	sl.RLock()
	defer sl.RUnlock()
	return sl.LenLocked()
}

func (r *memReplica) HasKeys(s slot.ID) bool { return r.exec.HasKeys(s) }

func (r *memReplica) AwaitOwned(ctx context.Context, s slot.ID) error {
	for {
		err, changed := r.handover.refusal(s)
		switch {
		case err == nil:
			return r.exec.AwaitOwned(ctx, s)
		case err.Kind != apierr.KindImporting:
			return err
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return err
		}
	}
}

func (r *memReplica) ListKeys(s slot.ID, limit int) (keys [][]byte) {
	sl := r.store.Slot(s)
	sl.RLock()
	defer sl.RUnlock()
	for key := range sl.AllLocked() {
		if len(keys) < limit {
			keys = append(keys, slices.Clone(key))
		}
	}
	return keys
}

func (r *memReplica) Acknowledged(uint64) int { return int(r.acked.Load()) }

func (r *memReplica) Read(ctx context.Context, s slot.ID, mode router.ReadMode, fn func(ops.Reader)) error {
	r.reads.Add(1)
	if before := r.beforeRead.Load(); before != nil {
		(*before)()
	}
	if err, _ := r.handover.refusal(s); err != nil {
		return err
	}
	return r.exec.Read(ctx, s, executor.ReadMode(mode), func(v *executor.View) { fn(v) })
}

func (r *memReplica) NewFlight() router.Flight {
	return &memFlight{r: r, waiter: executor.NewWaiter(), timer: time.NewTimer(time.Hour)}
}

type memFlight struct {
	r        *memReplica
	waiter   *executor.Waiter
	timer    *time.Timer
	ops      []*router.Op
	requests []*executor.Request
}

func (f *memFlight) Submit(ops ...*router.Op) error {
	f.r.submits.Add(1)
	from := len(f.requests)
	taken := ops[:0:0]
	for _, op := range ops {
		if op.Err, _ = f.r.handover.refusal(op.Slot); op.Err != nil {
			continue
		}
		taken = append(taken, op)
		f.requests = append(f.requests, &executor.Request{
			Slot: op.Slot, AllSlots: op.AllSlots, Ack: executor.Ack(op.Ack), Do: func(tx *executor.Tx) { op.Do(tx) },
		})
	}
	if err := f.r.exec.Submit(f.waiter, f.requests[from:]...); err != nil {
		f.requests = f.requests[:from]
		return err
	}
	f.ops = append(f.ops, taken...)
	return nil
}

func (f *memFlight) Wait(deadline time.Time) {
	f.timer.Reset(time.Until(deadline))
	if !f.waiter.WaitUntil(f.timer, nil) {
		f.waiter.GiveUp(f.r.shard, f.requests...)
		f.waiter = executor.NewWaiter()
	}
	for i, op := range f.ops {
		q := f.requests[i]
		op.Err, op.Acked, op.Index = q.Err, router.Ack(q.Acked), q.Index
	}
	f.ops, f.requests = f.ops[:0], f.requests[:0]
}

// eventually waits for a condition.
func eventually(t testing.TB, what string, holds func() bool) {
	t.Helper()
	deadline := time.Now().Add(10 * time.Second)
	ticker := time.NewTicker(time.Millisecond)
	defer ticker.Stop()
	for !holds() {
		if time.Now().After(deadline) {
			t.Fatalf("waited 10 s in vain until %s", what)
		}
		<-ticker.C
	}
}
