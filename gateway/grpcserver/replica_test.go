package grpcserver

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/holtcache/holt/gateway/ops"
	"github.com/holtcache/holt/gateway/router"
	"github.com/holtcache/holt/proto/apierr"
	"github.com/holtcache/holt/proto/slot"
	"github.com/holtcache/holt/raftfsm"
	"github.com/holtcache/holt/raftfsm/store"
	"github.com/holtcache/holt/shard/executor"
)

// memLog is a log of one replica in memory: what is proposed is committed, unless it is held. It leads while leads is set.
type memLog struct {
	leads    atomic.Bool
	appended func(index uint64, record []byte)
	apply    func(index uint64, record []byte)
	proposed chan memProposal

	mu   sync.Mutex
	held chan struct{} // closed: nothing is held
}

type memProposal struct {
	record []byte
	done   chan error
}

func (p memProposal) Wait() error { return <-p.done }

func (l *memLog) Leader() (uint64, bool) { return 1, l.leads.Load() }

func (l *memLog) Propose(record []byte) executor.Proposal {
	p := memProposal{record: record, done: make(chan error, 1)}
	l.proposed <- p
	return p
}

// hold keeps what is proposed from being committed until the returned function is called.
func (l *memLog) hold() (release func()) {
	held := make(chan struct{})
	l.mu.Lock()
	l.held = held
	l.mu.Unlock()
	return sync.OnceFunc(func() { close(held) })
}

func (l *memLog) run(ctx context.Context) {
	var index uint64
	for {
		select {
		case <-ctx.Done():
			for {
				select {
				case p := <-l.proposed:
					p.done <- errors.New("the log was closed")
				default:
					return
				}
			}
		case p := <-l.proposed:
			index++
			l.appended(index, p.record)
			l.mu.Lock()
			held := l.held
			l.mu.Unlock()
			select {
			case <-held:
				l.apply(index, p.record)
				p.done <- nil
			case <-ctx.Done():
				p.done <- errors.New("the log was closed")
			}
		}
	}
}

// always is the gate of a leader that nobody contests.
type always struct{}

func (always) Leased(uint64) bool                    { return true }
func (always) Confirm(context.Context, uint64) error { return nil }

// memReplica is a replica with the real executor, state machine and store over a memLog.
type memReplica struct {
	id    slot.ShardID
	log   *memLog
	exec  *executor.Executor
	store *store.Store
	// holds is what Holds says.
	holds atomic.Bool
}

var _ router.Replica = (*memReplica)(nil)

var nonces atomic.Uint64

// blank returns a new value of a callback's argument: the state machine takes a type of a library that this package has
// no business importing.
func blank[T any](func(*T) any) *T { return new(T) }

// newMemReplica starts the leader of a shard over some slots and waits until it serves them.
func newMemReplica(t *testing.T, id slot.ShardID, node string, slots []slot.Range) *memReplica {
	t.Helper()
	r := &memReplica{id: id, store: store.New(), log: &memLog{proposed: make(chan memProposal, 64), held: make(chan struct{})}}
	close(r.log.held)
	r.log.leads.Store(true)
	r.exec = executor.New(executor.Config{
		Shard: id, Node: node, Log: r.log, Gate: always{},
		Nonce:  func() uint64 { return nonces.Add(1) },
		Slots:  func() []slot.Range { return slots },
		Logger: slog.New(slog.DiscardHandler),
	}, r.store)
	fsm := raftfsm.New(uint64(id), r.store, r.exec)
	r.log.appended = r.exec.Appended
	r.log.apply = func(index uint64, record []byte) {
		entry := blank(fsm.Apply)
		entry.Index, entry.Term, entry.Data = index, 1, record
		fsm.Apply(entry)
	}
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() { r.log.run(ctx) })
	running.Go(func() { _ = r.exec.Run(ctx) })
	t.Cleanup(func() {
		cancel()
		running.Wait()
		// Whatever Run proposed after the log had ended.
		for len(r.log.proposed) > 0 {
			(<-r.log.proposed).done <- errors.New("the log was closed")
		}
		r.exec.Wait()
	})
	// Slots are given to it one after another: the first is there before the last.
	eventually(t, func() bool { return slices.Equal(r.store.Owned(), slots) })
	return r
}

func (r *memReplica) Shard() slot.ShardID            { return r.id }
func (r *memReplica) Leads() bool                    { return r.log.leads.Load() }
func (r *memReplica) Holds(slot.ID) bool             { return r.holds.Load() }
func (r *memReplica) Acknowledged(uint64) int        { return 0 }
func (r *memReplica) Keys() int                      { return r.store.Len() }
func (r *memReplica) KeysInSlot(slot.ID) int         { return 0 }
func (r *memReplica) HasKeys(slot.ID) bool           { return false }
func (r *memReplica) ListKeys(slot.ID, int) [][]byte { return nil }
func (r *memReplica) NewFlight() router.Flight       { return &memFlight{r: r, waiter: executor.NewWaiter()} }
func (r *memReplica) setLeads(leads bool)            { r.log.leads.Store(leads); r.exec.Kick() }
func (r *memReplica) hold(t *testing.T) (f func())   { f = r.log.hold(); t.Cleanup(f); return f }

func (r *memReplica) AwaitOwned(ctx context.Context, s slot.ID) error {
	return r.exec.AwaitOwned(ctx, s)
}

var readModes = map[router.ReadMode]executor.ReadMode{
	router.ReadLease: executor.ReadLease, router.ReadIndex: executor.ReadIndex, router.ReadStale: executor.ReadStale,
}

func (r *memReplica) Read(ctx context.Context, s slot.ID, mode router.ReadMode, fn func(ops.Reader)) error {
	return r.exec.Read(ctx, s, readModes[mode], func(v *executor.View) { fn(v) })
}

// memFlight is a flight over the executor's waiter.
type memFlight struct {
	r        *memReplica
	waiter   *executor.Waiter
	requests []*executor.Request
	ops      []*router.Op
}

func (f *memFlight) Submit(submitted ...*router.Op) error {
	var requests []*executor.Request
	for _, op := range submitted {
		r := &executor.Request{Slot: op.Slot, AllSlots: op.AllSlots, Ack: executor.Ack(op.Ack), Until: op.Until}
		r.ID.Client, r.ID.Sequence = op.ID.Client, op.ID.Sequence
		r.Do = func(tx *executor.Tx) { op.Do(tx); r.Result = op.Result }
		requests = append(requests, r)
	}
	if err := f.r.exec.Submit(f.waiter, requests...); err != nil {
		return err
	}
	f.requests = append(f.requests, requests...)
	f.ops = append(f.ops, submitted...)
	return nil
}

func (f *memFlight) Wait(deadline time.Time) {
	ctx, cancel := context.WithDeadline(context.Background(), deadline)
	defer cancel()
	if f.waiter.Wait(ctx) != nil {
		f.waiter.GiveUp(f.r.id, f.requests...)
	}
	for i, r := range f.requests {
		f.ops[i].Err, f.ops[i].Acked, f.ops[i].Index = r.Err, router.Ack(r.Acked), r.Index
		f.ops[i].Result, f.ops[i].Repeated = r.Result, r.Repeated
	}
}

// fakeReplica answers with what a test sets.
type fakeReplica struct {
	memReplica
	submit func(ops []*router.Op) error
	read   func(ctx context.Context, fn func(ops.Reader)) error
}

func (r *fakeReplica) Leads() bool              { return true }
func (r *fakeReplica) NewFlight() router.Flight { return fakeFlight{r} }

func (r *fakeReplica) Read(ctx context.Context, _ slot.ID, _ router.ReadMode, fn func(ops.Reader)) error {
	return r.read(ctx, fn)
}

type fakeFlight struct{ r *fakeReplica }

func (f fakeFlight) Submit(submitted ...*router.Op) error { return f.r.submit(submitted) }
func (f fakeFlight) Wait(time.Time)                       {}

// refusing is a replica that does not lead, whatever the router thinks.
func refusing(id slot.ShardID, kind apierr.Kind, asked *atomic.Int64) *fakeReplica {
	return &fakeReplica{
		memReplica: memReplica{id: id},
		submit: func([]*router.Op) error {
			asked.Add(1)
			return apierr.New(kind, "shard %d: refused", id)
		},
		read: func(context.Context, func(ops.Reader)) error {
			asked.Add(1)
			return apierr.New(kind, "shard %d: refused", id)
		},
	}
}
