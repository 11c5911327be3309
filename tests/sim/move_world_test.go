package sim

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"path/filepath"
	"sync"
	"testing"
	"time"

	storagev1 "github.com/holtcache/holt/proto/holt/storage/v1"
	"github.com/holtcache/holt/proto/slot"
	"github.com/holtcache/holt/raftfsm/meta"
	"github.com/holtcache/holt/shard"
	"github.com/holtcache/holt/shard/host"
	"github.com/holtcache/holt/shard/migration"
)

// moveWorld is two shards and a meta group, each of real hashicorp/raft as in raftWorld, with the real driver of migrations
// beside each replica. Only what drivers carry to each other, and to the meta group, is in memory.
type moveWorld struct {
	t      testing.TB
	meta   *raftWorld
	groups map[slot.ShardID]*raftWorld
	limits migration.Limits
	delay  time.Duration // of what drivers carry, at most

	steps   chan moveStep
	calm    chan struct{} // closed when nothing goes wrong any more: nobody waits at steps then
	streams sync.WaitGroup

	mu      sync.Mutex // protects the fields below
	rnd     *rand.Rand // for goroutines beside the test's
	running map[string]*raftNode
	drivers map[*raftNode]*migration.Driver
	open    map[*moveStream]bool
	cuts    map[[2]string]bool // nothing is carried from one to the other
}

// moveStep is a driver at a step of a migration, which waits there for done.
type moveStep struct {
	node *raftNode
	step migration.Step
	done chan struct{}
}

const (
	moveShards = 2
	// moveDelayMax keeps streams faster than the drivers' patience with them: one message travels behind the other.
	moveDelayMax = 20 * time.Millisecond
)

func newMoveWorld(t testing.TB, dir string, seed uint64, r rates) *moveWorld {
	w := &moveWorld{
		t: t, groups: map[slot.ShardID]*raftWorld{}, delay: min(r.delay, moveDelayMax), steps: make(chan moveStep), calm: make(chan struct{}),
		rnd: rand.New(rand.NewPCG(seed, 20)), running: map[string]*raftNode{}, drivers: map[*raftNode]*migration.Driver{},
		open: map[*moveStream]bool{}, cuts: map[[2]string]bool{},
	}
	w.limits = migration.Limits{ChunkBytes: 1 << (9 + w.rnd.IntN(6)), FrozenMax: time.Duration(1+w.rnd.IntN(10)) * time.Second, FrozenKeysMax: 10 << w.rnd.IntN(8)}
	world := func(name string, id slot.ShardID, slots []slot.Range, beside func(*raftNode)) *raftWorld {
		return newRaftWorld(t, filepath.Join(dir, name), raftOptions{
			members: []string{name + "a", name + "b", name + "c"}, seed: 4*seed + uint64(id%4), snapshots: r.snapshots,
			shard: id, slots: func() []slot.Range { return slots }, beside: beside,
		})
	}
	w.meta = world("m", shard.MetaGroup, nil, func(*raftNode) {})
	w.groups[1] = world("s", 1, slot.Split(1), w.drive)
	w.groups[2] = world("t", 2, nil, w.drive)
	w.publish()
	return w
}

// worlds are all groups, the meta group first.
func (w *moveWorld) worlds() []*raftWorld { return []*raftWorld{w.meta, w.groups[1], w.groups[2]} }

// drive lets the driver of a replica run beside it.
func (w *moveWorld) drive(n *raftNode) {
	m := &moveMeta{w: w, n: n, changed: make(chan struct{}), newest: meta.New().State()}
	d := migration.New(migration.Config{
		Group: host.GroupOf(n.replica), Meta: m, Wire: moveWire{w, n}, Limits: w.limits, Logger: slog.New(slog.DiscardHandler),
		Hook: func(s migration.Step, _ uint64, _ slot.ShardID) { w.atStep(n, s) },
	})
	w.mu.Lock()
	w.drivers[n] = d
	w.mu.Unlock()
	n.beside.Go(func() { m.watch(n.ctx) })
	n.beside.Go(func() { _ = d.Run(n.ctx) }) // its only error is ctx's
}

// atStep keeps a driver at a step for as long as the test wants.
func (w *moveWorld) atStep(n *raftNode, s migration.Step) {
	st := moveStep{n, s, make(chan struct{})}
	select {
	case w.steps <- st:
	case <-w.calm:
		return
	case <-n.ctx.Done():
		return
	}
	select {
	case <-st.done:
	case <-n.ctx.Done():
	}
}

// publish tells everybody which nodes run.
func (w *moveWorld) publish() {
	w.mu.Lock()
	defer w.mu.Unlock()
	clear(w.running)
	for _, world := range w.worlds() {
		for id, n := range world.nodes {
			w.running[id] = n
		}
	}
}

// node is the present run of a node, nil for none.
func (w *moveWorld) node(id string) *raftNode {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.running[id]
}

// reaches tells whether anything is carried from one node to another.
func (w *moveWorld) reaches(from, to string) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return !w.cuts[[2]string{from, to}]
}

func (w *moveWorld) draw(n int) int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.rnd.IntN(n)
}

// found creates the two shards in the meta group, of which the first owns all slots.
func (w *moveWorld) found() {
	w.t.Helper()
	settings := meta.DefaultSettings()
	settings.ExpectNodes = 1
	m := &moveMeta{w: w}
	must := func(command *storagev1.MetaCommand) {
		w.t.Helper()
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		result, err := m.Propose(ctx, command)
		if err := cmp.Or(err, result.Err); err != nil {
			w.t.Fatal(err)
		}
	}
	node := &storagev1.RegisterNode{Id: "n", StartCount: 1, Addresses: meta.Addresses{Cluster: "n:1"}.Proto()}
	must(&storagev1.MetaCommand{Command: &storagev1.MetaCommand_InitCluster{InitCluster: &storagev1.InitCluster{
		ClusterId: "sim", FirstNode: node, Settings: settings.Proto(),
	}}})
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	state, err := m.Latest(ctx)
	if err != nil {
		w.t.Fatal(err)
	}
	create := &storagev1.CreateShards{ExpectedEpoch: state.Epoch()}
	for _, ranges := range [][]slot.Range{slot.Split(1), nil} {
		create.Shards = append(create.Shards, &storagev1.NewShard{Ranges: meta.RangesProto(ranges), Replicas: []string{"n"}, PreferredLeader: "n"})
	}
	must(&storagev1.MetaCommand{Command: &storagev1.MetaCommand_CreateShards{CreateShards: create}})
	for id := range uint64(moveShards) {
		must(&storagev1.MetaCommand{Command: &storagev1.MetaCommand_ReportFormed{ReportFormed: &storagev1.ReportFormed{Shard: id + 1, Incarnation: 1}}})
	}
}

// close ends the world.
func (w *moveWorld) close() {
	for _, id := range []slot.ShardID{1, 2} {
		w.groups[id].close()
	}
	w.meta.close()
	w.streams.Wait()
}

// ownerOf is the shard that serves a slot, as far as some node of the meta group knows.
func (w *moveWorld) ownerOf(s slot.ID) slot.ShardID {
	for _, id := range w.meta.ids() {
		if n := w.node(id); n != nil {
			if owner := n.meta.State().SlotMap().Owner(s); owner != 0 {
				return owner
			}
		}
	}
	return 1
}

// collected is nil when no migration is open.
func (w *moveWorld) collected() error {
	for _, id := range w.meta.ids() {
		n := w.node(id)
		if n == nil {
			return fmt.Errorf("%s is down", id)
		}
		if open := n.meta.State().Migrations(); len(open) > 0 {
			return fmt.Errorf("open at %s: %+v", id, open)
		}
	}
	return nil
}
