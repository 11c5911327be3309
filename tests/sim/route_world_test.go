package sim

import (
	"context"
	"fmt"
	"hash/fnv"
	"math/rand/v2"
	"reflect"
	"slices"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/holtcache/holt/gateway/router"
	"github.com/holtcache/holt/proto/slot"
	"github.com/holtcache/holt/raftfsm/meta"
)

// The route simulation runs a cluster of some shards on five nodes: the state machine of the meta group, the planner of
// shards, the router, and on each replica executor, state machine and store, all of them the real ones. What nodes know of the
// cluster is as old, and their slot maps are as wrong, as the scheduler likes; logs commit at once, since the core simulation
// does the worst to those. Whoever a client asks, and wherever it is sent from there, what it is told has to be right.
const (
	routeNodes  = 5
	routeShards = 4
	// routeAddrs is how many addresses there are: a node that starts again takes any that is free, also one that another node
	// had, as far as old views know.
	routeAddrs = 7
	// routeLease is how long a new leader waits.
	routeLease = 2 * time.Millisecond
)

// routeWorld is one run.
type routeWorld struct {
	r     *rand.Rand
	ctx   context.Context
	nodes [routeNodes]*routeNode
	nonce uint64
	step  int

	// metaLog is what the meta group has committed, proposals are on their way into it.
	metaLog   []routeCommand
	proposals [][]byte

	groups map[slot.ShardID]*routeGroup
	keys   []*routeKey

	// moment orders what the scheduler wrote before what readers look at once it sleeps, for the race detector.
	moment atomic.Uint64

	violation string
	stat      routeStats
}

// routeStats counts what happened.
type routeStats struct {
	commands, refused, lateCreations, restores, watched, restarts, elections, believers, scrambled, writes, reads, unknown,
	redirects, strangers, held, notLed, notOwned int
}

// routeNode is one node: what it knows of the cluster, and its replicas.
type routeNode struct {
	w      *routeWorld
	id     string
	addr   string
	starts uint64

	machine *meta.Machine
	// applied is how much of the meta log the machine has; snapshot is what a start begins with.
	applied, snapshotAt int
	snapshot            []byte

	view     *router.View
	leaders  map[slot.ShardID]routeLeader
	replicas map[slot.ShardID]*routeReplica
}

// routeLeader is what a node has heard of the leader of a shard.
type routeLeader struct {
	node string
	term uint64
}

var _ router.Cluster = (*routeNode)(nil)

func (n *routeNode) View() *router.View { return n.view }

func (n *routeNode) Changed() <-chan struct{} { return nil }

func (n *routeNode) Replica(id slot.ShardID) (router.Replica, bool) {
	r, ok := n.replicas[id]
	return r, ok
}

func newRouteWorld(ctx context.Context, seed uint64) *routeWorld {
	w := &routeWorld{r: rand.New(rand.NewPCG(seed, 23)), ctx: ctx, groups: map[slot.ShardID]*routeGroup{}}
	for i := range w.nodes {
		n := &routeNode{w: w, id: fmt.Sprint("node-", i), starts: 1, machine: meta.New(), leaders: map[slot.ShardID]routeLeader{}, replicas: map[slot.ShardID]*routeReplica{}}
		n.addr = w.freeAddr()
		w.nodes[i] = n
		n.look(false)
	}
	for i := range 2 * routeShards { // in each quarter of the slots two
		w.keys = append(w.keys, newRouteKey(i))
	}
	return w
}

// freeAddr draws an address at which nobody is.
func (w *routeWorld) freeAddr() string {
	for {
		addr := fmt.Sprintf("host-%d:1", w.r.IntN(routeAddrs))
		if w.at(addr) == nil {
			return addr
		}
	}
}

// at is the node at an address, nil where nobody is.
func (w *routeWorld) at(addr string) *routeNode {
	for _, n := range w.nodes {
		if n != nil && n.addr == addr {
			return n
		}
	}
	return nil
}

func (w *routeWorld) byID(id string) *routeNode {
	for _, n := range w.nodes {
		if n.id == id {
			return n
		}
	}
	return nil
}

func (w *routeWorld) fail(format string, args ...any) {
	if w.violation == "" {
		w.violation = fmt.Sprintf("step %d: ", w.step) + fmt.Sprintf(format, args...)
	}
}

// wait lets everybody else run until all sleep.
func (w *routeWorld) wait() {
	w.moment.Add(1)
	synctest.Wait()
}

// act lets one thing happen beside what clients do.
func (w *routeWorld) act() {
	n := w.nodes[w.r.IntN(routeNodes)]
	switch draw := w.r.IntN(100); {
	case draw < 6:
		w.propose(n)
	case draw < 12:
		w.commit()
	case draw < 22:
		n.applyMeta(1 + w.r.IntN(3))
	case draw < 23:
		n.watch(w.nodes[w.r.IntN(routeNodes)])
	case draw < 24:
		n.restore()
	case draw < 34:
		n.look(w.r.IntN(6) == 0)
	case draw < 46:
		n.hear(w.nodes[w.r.IntN(routeNodes)])
	case draw < 49:
		n.openReplicas()
	case draw < 51:
		w.elect(w.drawGroup())
	case draw < 53:
		w.disabuse()
	case draw < 54:
		if w.r.IntN(5) == 0 {
			n.restart()
		}
	case draw < 72:
		for _, r := range n.inOrder() {
			r.apply(w.r.IntN(4))
		}
	default:
		w.run(n)
	}
	w.wait()
}

// run lets a node's executors work, and time pass.
func (w *routeWorld) run(n *routeNode) {
	for _, r := range n.inOrder() {
		r.step()
	}
	w.moment.Add(1)
	time.Sleep(time.Millisecond)
}

// inOrder lists a node's replicas by shard.
func (n *routeNode) inOrder() []*routeReplica {
	var list []*routeReplica
	for id := slot.ShardID(0); len(list) < len(n.replicas); id++ {
		if r, ok := n.replicas[id]; ok {
			list = append(list, r)
		}
	}
	return list
}

// look makes the node's view of what it knows. A scrambled one says of every slot that it belongs to another shard, as a map
// from before or after moves would that this node has dreamed of.
func (n *routeNode) look(scramble bool) {
	state := n.machine.State()
	v := &router.View{ClusterID: state.ClusterID(), Self: n.id, Map: state.SlotMap()}
	for _, known := range state.Nodes() {
		v.Nodes = append(v.Nodes, router.Node{ID: known.ID, RESP: known.Addresses.RESP})
	}
	shards := state.Shards()
	by := 0
	if scramble && len(shards) > 1 {
		n.w.stat.scrambled++
		by = 1 + n.w.r.IntN(len(shards)-1)
	}
	var assigned []slot.Assignment
	for i, s := range shards {
		leader := n.leaders[s.ID]
		if leader.node == n.id && (n.replicas[s.ID] == nil || !n.replicas[s.ID].leads) {
			leader.node = ""
		}
		ranges := shards[(i+by)%len(shards)].Ranges
		v.Shards = append(v.Shards, router.Shard{ID: s.ID, Ranges: ranges, Replicas: s.Replicas, Leader: leader.node, Term: leader.term})
		for _, r := range ranges {
			assigned = append(assigned, slot.Assignment{Range: r, Shard: s.ID})
		}
	}
	if by > 0 {
		m, err := slot.NewMap(v.Map.Epoch(), assigned)
		if err != nil {
			n.w.fail("%s: the shards of epoch %d: %v", n.id, v.Map.Epoch(), err)
			return
		}
		v.Map = m
	}
	n.view = v
}

// hear takes from another node who leads: the higher term counts.
func (n *routeNode) hear(other *routeNode) {
	for _, s := range n.machine.State().Shards() {
		for _, from := range []*routeNode{n, other} {
			if r := from.replicas[s.ID]; r != nil && r.leads {
				from.leaders[s.ID] = routeLeader{from.id, r.term}
			}
		}
		if heard := other.leaders[s.ID]; heard.term > n.leaders[s.ID].term {
			n.leaders[s.ID] = heard
		}
	}
}

// restart ends a node and starts it elsewhere, with what it had on its disk.
func (n *routeNode) restart() {
	n.w.stat.restarts++
	for _, r := range n.inOrder() {
		r.close()
		n.replicas[r.group.id] = newRouteReplica(n, r.group)
	}
	n.starts++
	n.addr = n.w.freeAddr()
	n.leaders = map[slot.ShardID]routeLeader{}
	n.restore()
	n.look(false)
}

// begin brings the cluster to life at once: what comes before is not what most runs are for.
func (w *routeWorld) begin() {
	w.propose(w.nodes[0])
	w.settle()
	w.createShards(w.nodes[0].machine.State())
	w.settle()
}

// settle ends all confusion: everybody knows everything, and every shard has a leader that serves.
func (w *routeWorld) settle() {
	for range 5 { // registrations may be lost
		for len(w.proposals) > 0 {
			w.commit()
		}
		for _, n := range w.nodes {
			n.applyMeta(len(w.metaLog))
			if known, ok := n.machine.State().Node(n.id); ok && known.StartCount == n.starts && known.Addresses.RESP != n.addr {
				n.starts++ // a late registration of another node has taken its address away: it is to be started again
			}
			w.register(n)
		}
	}
	if state := w.nodes[0].machine.State(); !state.Initialized() || len(state.Shards()) == 0 {
		return // it has not come so far
	}
	for _, n := range w.nodes {
		n.openReplicas()
	}
	for id := slot.ShardID(1); int(id) <= routeShards; id++ {
		w.elect(w.groups[id])
	}
	for range 12 {
		w.disabuse()
		for _, n := range w.nodes {
			w.run(n)
			w.wait()
			for _, r := range n.inOrder() {
				r.apply(len(r.group.log))
			}
		}
	}
	for range 2 {
		for _, n := range w.nodes {
			for _, other := range w.nodes {
				n.hear(other)
			}
		}
	}
	for _, n := range w.nodes {
		n.look(false)
	}
}

// check asks every node for every key, and compares what replicas hold.
func (w *routeWorld) check() {
	w.checkMeta()
	if len(w.nodes[0].machine.State().Shards()) == 0 {
		return
	}
	for _, k := range w.keys {
		for _, n := range w.nodes {
			hops, served := w.read(k, n, false)
			if !served || hops > 1 {
				w.fail("%s asked for %s after everything was mended: served %v, %d redirects", n.id, k.name, served, hops)
			}
		}
	}
	for id, g := range w.groups {
		var first *routeReplica
		for _, node := range g.members {
			r := w.byID(node).replicas[id]
			switch {
			case r == nil:
			case first == nil:
				first = r
			case r.store.Digest() != first.store.Digest() || !reflect.DeepEqual(r.fsm.State(), first.fsm.State()):
				w.fail("shard %d: %s differs from %s: %+v, %+v", id, r.node.id, first.node.id, r.fsm.State(), first.fsm.State())
			}
		}
	}
}

// digest is what two runs of a seed have in common.
func (w *routeWorld) digest() uint64 {
	h := fnv.New64a()
	for _, k := range w.keys {
		fmt.Fprint(h, k.name, k.holds, k.open, ";")
	}
	for id := slot.ShardID(1); int(id) <= routeShards; id++ {
		if g := w.groups[id]; g != nil {
			fmt.Fprint(h, g.term, len(g.log), g.members)
		}
	}
	fmt.Fprintf(h, "%x %+v", w.nodes[0].machine.State().Snapshot(), w.stat)
	return h.Sum64()
}

// runRoute runs one seed in a bubble of virtual time.
func runRoute(t *testing.T, seed uint64, steps int) (w *routeWorld) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(context.Background())
		defer cancel()
		w = newRouteWorld(ctx, seed)
		if seed%4 > 0 {
			w.begin()
		}
		for w.step = 1; w.step < steps && w.violation == ""; w.step++ {
			if w.act(); w.r.IntN(4) == 0 {
				w.client()
			}
		}
		if w.violation == "" {
			w.settle()
			w.check()
		}
		for _, n := range w.nodes {
			for _, r := range n.inOrder() {
				r.close()
			}
		}
	})
	return w
}

func (w *routeWorld) drawGroup() *routeGroup {
	return w.groups[slot.ShardID(1+w.r.IntN(routeShards))] // nil before there are any
}

// add sums counts up.
func (s *routeStats) add(o routeStats) {
	for i, n := range o.fields() {
		*s.fields()[i].count += *n.count
	}
}

type routeCount struct {
	name  string
	count *int
}

func (s *routeStats) fields() []routeCount {
	return []routeCount{
		{"meta commands", &s.commands}, {"commands refused", &s.refused}, {"shards created too late", &s.lateCreations},
		{"meta snapshots restored", &s.restores}, {"states watched", &s.watched}, {"restarts", &s.restarts}, {"elections", &s.elections},
		{"leaders that did not know of their end", &s.believers}, {"scrambled maps", &s.scrambled}, {"writes", &s.writes}, {"reads", &s.reads},
		{"unknown outcomes", &s.unknown}, {"redirects", &s.redirects}, {"redirects to another node than was meant", &s.strangers},
		{"requests without a leader", &s.held}, {"requests at replicas that led no more", &s.notLed}, {"requests at shards that own other slots", &s.notOwned},
	}
}

// demandAll fails the test if something that was to be tried never happened.
func (s *routeStats) demandAll(t *testing.T) {
	t.Helper()
	if i := slices.IndexFunc(s.fields(), func(c routeCount) bool { return *c.count == 0 }); i >= 0 {
		t.Errorf("no run had any of: %s", s.fields()[i].name)
	}
}
