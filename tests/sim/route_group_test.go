package sim

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"slices"

	"github.com/hashicorp/raft"

	"github.com/holtcache/holt/gateway/ops"
	"github.com/holtcache/holt/gateway/router"
	"github.com/holtcache/holt/proto/slot"
	"github.com/holtcache/holt/raftfsm"
	"github.com/holtcache/holt/raftfsm/store"
	"github.com/holtcache/holt/shard/executor"
)

// routeGroup is the Raft group of a shard: what its leader proposes is committed at once.
type routeGroup struct {
	id      slot.ShardID
	members []string
	term    uint64
	leader  *routeReplica
	log     []raft.Log
}

// routeReplica is one replica of a group: it believes that it leads from its election until it is told otherwise.
type routeReplica struct {
	node  *routeNode
	group *routeGroup
	leads bool
	term  uint64
	dead  bool

	store   *store.Store
	exec    *executor.Executor
	driver  *executor.Driver
	fsm     *raftfsm.FSM
	stop    context.CancelFunc
	applied int
	queue   []*coreProposal
}

// openReplicas opens what this node is to hold as far as it knows. All nodes have to create a group with the same members.
func (n *routeNode) openReplicas() {
	for _, s := range n.machine.State().Shards() {
		g := n.w.groups[s.ID]
		if g == nil {
			g = &routeGroup{id: s.ID, members: s.InitialReplicas}
			n.w.groups[s.ID] = g
		}
		if !slices.Equal(g.members, s.InitialReplicas) {
			n.w.fail("%s would create shard %d with %v, others with %v", n.id, s.ID, s.InitialReplicas, g.members)
		}
		if n.replicas[s.ID] == nil && slices.Contains(s.InitialReplicas, n.id) {
			n.replicas[s.ID] = newRouteReplica(n, g)
		}
	}
}

func newRouteReplica(n *routeNode, g *routeGroup) *routeReplica {
	r := &routeReplica{node: n, group: g, store: store.New()}
	r.exec = executor.New(executor.Config{
		Shard: g.id, Node: n.id, Log: r, Gate: r, LeaseMax: routeLease,
		Nonce: func() uint64 { n.w.nonce++; return n.w.nonce },
		Slots: func() []slot.Range {
			s, _ := n.machine.State().Shard(g.id)
			return s.Ranges
		},
		Logger: slog.New(slog.DiscardHandler),
	}, r.store)
	r.fsm = raftfsm.New(uint64(g.id), r.store, r.exec)
	ctx, cancel := context.WithCancel(n.w.ctx)
	r.stop, r.driver = cancel, r.exec.Drive(ctx)
	return r
}

// close ends the process of a replica.
func (r *routeReplica) close() {
	r.dead, r.leads = true, false
	if r.group.leader == r {
		r.group.leader = nil
	}
	r.stop()
	r.driver.Stop()
	r.answer(errCoreGone)
	r.exec.Wait()
}

// truly tells whether the replica leads, whatever it believes.
func (r *routeReplica) truly() bool { return !r.dead && r.group.leader == r && r.group.term == r.term }

// Leader and Propose are the executor's view of the log, Leased and Confirm its gate.
func (r *routeReplica) Leader() (uint64, bool) {
	r.node.w.moment.Load()
	return r.term, r.leads
}

func (r *routeReplica) Propose(record []byte) executor.Proposal {
	p := &coreProposal{record: record, answer: make(chan error, 1)}
	r.queue = append(r.queue, p)
	return p
}

func (r *routeReplica) Leased(term uint64) bool {
	r.node.w.moment.Load()
	return r.truly() && r.term == term
}

func (r *routeReplica) Confirm(_ context.Context, term uint64) error {
	if r.Leased(term) {
		return nil
	}
	return errCoreLost
}

// step lets the executor work, and the log take what it proposes.
func (r *routeReplica) step() {
	r.driver.Step()
	if !r.truly() {
		r.answer(errCoreLost)
		return
	}
	if len(r.queue) > 0 && r.node.w.r.IntN(50) == 0 {
		r.answer(executor.ErrRefused)
		return
	}
	for _, p := range r.queue {
		r.group.append(raft.LogCommand, p.record)
	}
	r.apply(len(r.group.log))
	r.answer(nil)
}

func (r *routeReplica) answer(err error) {
	for _, p := range r.queue {
		p.answer <- err
	}
	r.queue = nil
}

func (g *routeGroup) append(kind raft.LogType, data []byte) {
	g.log = append(g.log, raft.Log{Index: uint64(len(g.log) + 1), Term: g.term, Type: kind, Data: data})
}

// apply lets the state machine apply some entries.
func (r *routeReplica) apply(limit int) {
	to := min(r.applied+limit, len(r.group.log))
	for ; r.applied < to; r.applied++ {
		r.fsm.Apply(&r.group.log[r.applied])
	}
}

// elect makes another replica the leader, where a majority of the members runs. The old leader may not know of it yet.
func (w *routeWorld) elect(g *routeGroup) {
	if g == nil {
		return
	}
	var open []*routeReplica
	for _, id := range g.members {
		if r := w.byID(id).replicas[g.id]; r != nil {
			open = append(open, r)
		}
	}
	if len(open) <= len(g.members)/2 {
		return
	}
	w.stat.elections++
	if old := g.leader; old != nil && w.r.IntN(2) == 0 {
		old.leads = false
		old.answer(errCoreLost)
	} else if old != nil {
		w.stat.believers++
	}
	g.term++
	g.leader = open[w.r.IntN(len(open))]
	g.leader.answer(errCoreLost) // of an earlier term
	g.leader.leads, g.leader.term = true, g.term
	g.append(raft.LogNoop, nil)
}

// disabuse tells everybody who leads no more.
func (w *routeWorld) disabuse() {
	for _, n := range w.nodes {
		for _, r := range n.inOrder() {
			if r.leads && !r.truly() {
				r.leads = false
				r.answer(errCoreLost)
			}
		}
	}
}

var _ router.Replica = (*routeReplica)(nil)

func (r *routeReplica) Shard() slot.ShardID { return r.group.id }
func (r *routeReplica) Leads() bool         { return r.leads }
func (r *routeReplica) Read(ctx context.Context, s slot.ID, mode router.ReadMode, fn func(ops.Reader)) error {
	return r.exec.Read(ctx, s, executor.ReadMode(mode), func(v *executor.View) { fn(v) })
}

func (r *routeReplica) AwaitOwned(ctx context.Context, s slot.ID) error {
	return r.exec.AwaitOwned(ctx, s)
}

func (r *routeReplica) Holds(s slot.ID) bool {
	return slices.ContainsFunc(r.store.Owned(), func(owned slot.Range) bool { return owned.Contains(s) })
}

// Nobody asks for these here.
func (r *routeReplica) HasKeys(slot.ID) bool           { panic(fmt.Sprint("shard ", r.group.id)) }
func (r *routeReplica) ListKeys(slot.ID, int) [][]byte { panic(fmt.Sprint("shard ", r.group.id)) }
func (r *routeReplica) NewFlight() router.Flight       { panic(io.ErrUnexpectedEOF) }
func (r *routeReplica) Acknowledged(uint64) int        { panic(fmt.Sprint("shard ", r.group.id)) }
func (r *routeReplica) Keys() int                      { return r.store.Len() }
func (r *routeReplica) KeysInSlot(slot.ID) int         { panic(fmt.Sprint("shard ", r.group.id)) }
