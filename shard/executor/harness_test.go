package executor

import (
	"context"
	"errors"
	"log/slog"
	"sync/atomic"
	"testing"
	"time"

	"github.com/hashicorp/raft"
	"go.uber.org/goleak"

	"github.com/holtcache/holt/proto/apierr"
	"github.com/holtcache/holt/proto/slot"
	"github.com/holtcache/holt/raftfsm"
	"github.com/holtcache/holt/raftfsm/entry"
	"github.com/holtcache/holt/raftfsm/store"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// bench is one replica whose log and gate do what the test says. Nothing happens on its own: the test steps the
// executor, commits proposals, and lets them fail.
type bench struct {
	t      testing.TB
	exec   *Executor
	driver *Driver
	store  *store.Store
	fsm    *raftfsm.FSM
	cancel context.CancelFunc

	term   uint64
	leads  bool
	leased bool
	// confirm answers Gate.Confirm.
	confirm func(context.Context, uint64) error

	index uint64
	nonce uint64
	// proposed is what was handed to the log and is neither committed nor refused yet.
	proposed []*fate
	// applied is every record that was applied, in order.
	applied [][]byte
}

// fate is a proposal and what becomes of it.
type fate struct {
	record []byte
	answer chan error
}

func (f *fate) Wait() error { return <-f.answer }

func (b *bench) Leader() (uint64, bool)                         { return b.term, b.leads }
func (b *bench) Leased(uint64) bool                             { return b.leased }
func (b *bench) Confirm(ctx context.Context, term uint64) error { return b.confirm(ctx, term) }
func (b *bench) Propose(record []byte) Proposal {
	f := &fate{record: record, answer: make(chan error, 1)}
	b.proposed = append(b.proposed, f)
	return f
}

// wallClock is a wall clock that a test can put forward.
type wallClock struct{ ahead atomic.Int64 }

func (w *wallClock) now() time.Time       { return time.Now().Add(time.Duration(w.ahead.Load())) }
func (w *wallClock) step(d time.Duration) { w.ahead.Add(int64(d)) }

const testShard = slot.ShardID(2)

var errNobody = errors.New("nobody answers")

// newBench returns a replica that nobody leads yet.
func newBench(t testing.TB, change ...func(*Config)) *bench {
	b := &bench{t: t, store: store.New(), term: 1, leased: true}
	b.confirm = func(context.Context, uint64) error { return errNobody }
	cfg := Config{
		Shard: testShard, Node: "a", Log: b, Gate: b, LeaseMax: time.Millisecond,
		Nonce:  func() uint64 { b.nonce++; return b.nonce },
		Slots:  func() []slot.Range { return slot.Split(1) },
		Logger: slog.New(slog.DiscardHandler),
	}
	for _, c := range change {
		c(&cfg)
	}
	b.exec = New(cfg, b.store)
	b.fsm = raftfsm.New(uint64(testShard), b.store, b.exec)
	ctx, cancel := context.WithCancel(context.Background())
	b.cancel = cancel
	b.driver = b.exec.Drive(ctx)
	t.Cleanup(func() {
		cancel()
		b.driver.Stop()
		for _, f := range b.proposed {
			f.answer <- errNobody
		}
		b.exec.Wait()
	})
	return b
}

// newLeader returns a replica that serves all slots.
func newLeader(t testing.TB, change ...func(*Config)) *bench {
	b := newBench(t, change...)
	b.leads = true
	b.serve()
	b.commitAll() // the slots are its own
	return b
}

// serve steps until the replica serves, committing what it proposes.
func (b *bench) serve() {
	b.t.Helper()
	for deadline := time.Now().Add(10 * time.Second); ; time.Sleep(100 * time.Microsecond) {
		b.driver.Step()
		if _, ok := b.exec.Serving(); ok {
			return
		}
		b.commitAll()
		if time.Now().After(deadline) {
			b.t.Fatal("the replica does not serve")
		}
	}
}

// apply makes a record the next entry of the log, and applies it.
func (b *bench) apply(term uint64, record []byte) {
	b.index++
	b.applied = append(b.applied, record)
	b.fsm.Apply(&raft.Log{Index: b.index, Term: term, Type: raft.LogCommand, Data: record})
}

// commit commits and applies the oldest proposal.
func (b *bench) commit() {
	b.t.Helper()
	if len(b.proposed) == 0 {
		b.t.Fatal("nothing is proposed")
	}
	f := b.proposed[0]
	b.proposed = b.proposed[1:]
	defer func() { f.answer <- nil }() // also where the state machine panics: the end of the test waits for who waits for this
	b.apply(b.term, f.record)
}

func (b *bench) commitAll() {
	for len(b.proposed) > 0 {
		b.commit()
	}
}

// fail answers the oldest proposal with an error and waits until the executor has heard it.
func (b *bench) fail(err error) {
	b.t.Helper()
	f := b.proposed[0]
	b.proposed = b.proposed[1:]
	f.answer <- err
	b.eventually("a note of the failure", func() bool {
		b.exec.mu.Lock()
		defer b.exec.mu.Unlock()
		for _, n := range b.exec.notes {
			if n.failed != nil {
				return true
			}
		}
		return false
	})
}

func (b *bench) eventually(what string, cond func() bool) {
	b.t.Helper()
	for deadline := time.Now().Add(10 * time.Second); !cond(); time.Sleep(100 * time.Microsecond) {
		if time.Now().After(deadline) {
			b.t.Fatalf("no %s", what)
		}
	}
}

// asked is a request on its way.
type asked struct {
	*Request
	waiter *Waiter
}

func (b *bench) submit(key string, do func(*Tx)) *asked {
	b.t.Helper()
	return b.submitAs(&Request{Slot: slot.Of([]byte(key)), Do: do})
}

func (b *bench) submitAs(r *Request) *asked {
	b.t.Helper()
	a := &asked{r, NewWaiter()}
	if err := b.exec.Submit(a.waiter, r); err != nil {
		b.t.Fatal(err)
	}
	return a
}

func (b *bench) set(key, value string) *asked {
	return b.submit(key, func(tx *Tx) { tx.Set([]byte(key), []byte(value), entry.TypeString, 0) })
}

var gone = func() context.Context {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	return ctx
}()

// answered tells whether the request has its answer.
func (a *asked) answered() bool { return a.waiter.Wait(gone) == nil }

func (b *bench) wantApplied(what string, a *asked) {
	b.t.Helper()
	if !a.answered() {
		b.t.Errorf("%s has no answer, want applied", what)
	} else if a.Err != nil {
		b.t.Errorf("%s: %v, want applied", what, a.Err)
	}
}

func (b *bench) wantOpen(what string, a *asked) {
	b.t.Helper()
	if a.answered() {
		b.t.Errorf("%s is answered (err %v) before its outcome is known", what, a.Err)
	}
}

func (b *bench) wantOutcome(what string, a *asked, want apierr.Outcome) {
	b.t.Helper()
	if !a.answered() {
		b.t.Errorf("%s has no answer, want %v", what, want)
	} else if a.Err == nil || a.Err.Result() != want {
		b.t.Errorf("%s: got %v, want an error that says %v", what, a.Err, want)
	}
}

// stored is what the store holds, without overlay.
func (b *bench) stored(key string) string {
	sl := b.store.Slot(slot.Of([]byte(key)))
	sl.RLock()
	defer sl.RUnlock()
	item, _ := sl.GetLocked([]byte(key))
	return string(item.Value)
}
