package migration

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"github.com/hashicorp/raft"
	"go.uber.org/goleak"

	"github.com/holtcache/holt/proto/slot"
	"github.com/holtcache/holt/raftfsm"
	"github.com/holtcache/holt/raftfsm/store"
	"github.com/holtcache/holt/shard/executor"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// group is a shard with replicas over one log in memory. What a leader proposes is committed at once, or while the log is
// held, in a prefix of random length when another leader is elected.
type group struct {
	w        *world
	id       slot.ShardID
	replicas []*replica

	mu      sync.Mutex // protects the fields below
	log     []logEntry
	grown   chan struct{} // closed and replaced when log grows
	term    uint64
	leader  *replica
	held    bool
	pending []*proposal
}

type logEntry struct {
	term uint64
	data []byte
}

// proposal is a record that a leader has proposed, and its fate.
type proposal struct {
	entry  logEntry
	answer chan error
}

func (p *proposal) Wait() error { return <-p.answer }

var errLost = errors.New("leadership lost")

// replica is one replica of a group with its driver.
type replica struct {
	g      *group
	name   string
	store  *store.Store
	fsm    *raftfsm.FSM
	exec   *executor.Executor
	driver *Driver
}

var (
	_ executor.Log  = (*replica)(nil)
	_ executor.Gate = (*replica)(nil)
	_ Group         = (*replica)(nil)
)

func newGroup(w *world, id slot.ShardID, slots []slot.Range, replicas int) *group {
	g := &group{w: w, id: id, grown: make(chan struct{}), term: 1}
	for i := range replicas {
		r := &replica{g: g, name: fmt.Sprintf("%d%c", id, 'a'+i), store: store.New()}
		r.exec = executor.New(executor.Config{
			Shard: id, Node: r.name, Log: r, Gate: r, Nonce: rand.Uint64, LeaseMax: time.Millisecond,
			Slots: func() []slot.Range { return slots }, Logger: slog.New(slog.DiscardHandler), Wall: w.wall,
		}, r.store)
		r.fsm = raftfsm.New(uint64(id), r.store, r.exec)
		r.driver = New(Config{
			Group: r, Meta: w.meta, Wire: w, Limits: w.limits, Logger: w.logger(r.name),
			Hook: func(s Step, migration uint64, shard slot.ShardID) { w.hook(r, s) },
		})
		g.replicas = append(g.replicas, r)
		w.spawn(func(ctx context.Context) { _ = r.exec.Run(ctx) })
		w.spawn(r.applyLog)
		w.spawn(func(ctx context.Context) { _ = r.driver.Run(ctx) })
	}
	g.elect(g.replicas[0])
	return g
}

// applyLog applies what is committed.
func (r *replica) applyLog(ctx context.Context) {
	for applied := 0; ; {
		r.g.mu.Lock()
		entries, grown := r.g.log[applied:], r.g.grown
		r.g.mu.Unlock()
		for _, e := range entries {
			applied++
			r.fsm.Apply(&raft.Log{Index: uint64(applied), Term: e.term, Type: raft.LogCommand, Data: e.data})
		}
		select {
		case <-grown:
		case <-ctx.Done():
			return
		}
	}
}

func (r *replica) Leader() (uint64, bool) {
	r.g.mu.Lock()
	defer r.g.mu.Unlock()
	return r.g.term, r.g.leader == r
}

func (r *replica) Leased(term uint64) bool {
	now, leads := r.Leader()
	return leads && now == term
}

func (r *replica) Confirm(_ context.Context, term uint64) error {
	if !r.Leased(term) {
		return errLost
	}
	return nil
}

func (r *replica) Propose(record []byte) executor.Proposal {
	r.g.mu.Lock()
	defer r.g.mu.Unlock()
	p := &proposal{entry: logEntry{r.g.term, record}, answer: make(chan error, 1)}
	switch {
	case r.g.leader != r:
		p.answer <- executor.ErrRefused
	case r.g.held:
		r.g.pending = append(r.g.pending, p)
	default:
		r.g.commitLocked(p)
	}
	return p
}

func (g *group) commitLocked(p *proposal) {
	g.log = append(g.log, p.entry)
	p.answer <- nil
	close(g.grown)
	g.grown = make(chan struct{})
}

// hold keeps what is proposed from now on from being committed.
func (g *group) hold() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.held = true
}

// free commits what was held.
func (g *group) free() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.held = false
	g.settleLocked(len(g.pending))
}

// settleLocked commits the first n of what is pending; the rest is lost.
func (g *group) settleLocked(n int) {
	for i, p := range g.pending {
		if i < n {
			g.commitLocked(p)
		} else {
			p.answer <- errLost
		}
	}
	g.pending = nil
}

// elect makes a replica the leader. What was held is lost, but for a first part of random length.
func (g *group) elect(r *replica) {
	g.mu.Lock()
	g.settleLocked(rand.IntN(len(g.pending) + 1))
	g.held = false
	g.term++
	g.leader = r
	g.mu.Unlock()
	for _, r := range g.replicas {
		r.exec.Kick()
	}
}

// electOther makes another replica the leader.
func (g *group) electOther() {
	old := g.led()
	for {
		if r := g.replicas[rand.IntN(len(g.replicas))]; r != old {
			g.elect(r)
			return
		}
	}
}

// close answers what is pending: nothing is committed any more.
func (g *group) close() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.held, g.leader = false, nil
	g.settleLocked(0)
}

func (g *group) led() *replica {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.leader
}

// caughtUp tells whether a replica has applied all that is committed.
func (r *replica) caughtUp() bool {
	r.g.mu.Lock()
	defer r.g.mu.Unlock()
	return r.fsm.State().Applied == uint64(len(r.g.log))
}

func (r *replica) Shard() slot.ShardID      { return r.g.id }
func (r *replica) Serving() (uint64, bool)  { return r.exec.Serving() }
func (r *replica) State() raftfsm.State     { return r.fsm.State() }
func (r *replica) Store() *store.Store      { return r.store }
func (r *replica) Changed() <-chan struct{} { return r.exec.Changed() }
func (r *replica) Control(ctx context.Context, c executor.Control) error {
	return r.exec.Control(ctx, c)
}
func (r *replica) AddTap(ranges []slot.Range, t executor.Tap) func() { return r.exec.AddTap(ranges, t) }
