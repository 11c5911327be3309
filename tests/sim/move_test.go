package sim

import (
	"context"
	"flag"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	storagev1 "github.com/holtcache/holt/proto/holt/storage/v1"
	"github.com/holtcache/holt/proto/slot"
	"github.com/holtcache/holt/raftfsm/meta"
	"github.com/holtcache/holt/shard/logstore/crashstore"
	"github.com/holtcache/holt/shard/migration"
)

var (
	moveSeeds   = flag.Int("move.seeds", moveSeedsDefault, "how many seeds the simulation of migrations between groups of real raft runs")
	moveSeed    = flag.Uint64("move.seed", 1, "the first of them")
	moveMinutes = flag.Float64("move.minutes", 1, "virtual minutes of each")
)

// moveRun is one seed.
type moveRun struct {
	*moveWorld
	seed    uint64
	rates   rates
	rnd     *rand.Rand // of the test's goroutine
	history *raftHistory
	done    chan struct{} // closed when clients are to end
	values  atomic.Uint64
	clients sync.WaitGroup
	faults  map[string]int
	struck  map[migration.Step]int // steps that something went wrong at

	stats moveStats // protected by moveWorld.mu
}

// moveStats count what happened, so that runs in which nothing did show nothing.
type moveStats struct{ begun, committed, aborted, cancelled, repeated int }

func (r *moveRun) count(f func(*moveStats)) {
	r.mu.Lock()
	defer r.mu.Unlock()
	f(&r.stats)
}

// Slots move back and forth between two groups of real raft by the real driver, while leaders of the source, of the target and
// of the meta group crash, are cut off and hang at its steps and in between. Each key has a linearizable history, requests with
// ids count once however often they are repeated, versions rise, and in the end each slot has one owner and nobody else holds
// any of its keys.
func TestSlotsMoveBetweenGroupsOfRealRaftUnderRandomFaults(t *testing.T) {
	t.Parallel()
	var sum moveStats
	steps := map[migration.Step]int{}
	for seed := *moveSeed; seed < *moveSeed+uint64(*moveSeeds); seed++ {
		t.Run(fmt.Sprint("seed=", seed), func(t *testing.T) {
			var run *moveRun
			raftBubble(t, func(t *testing.T) {
				run = newMoveRun(t, seed)
				defer run.close()
				run.all(time.Duration(*moveMinutes * float64(time.Minute)))
			})
			if !t.Failed() {
				run.history.verify(t)
				run.history.verifyVersions(t)
			}
			if t.Failed() {
				t.Logf("again: go test ./tests/sim -run %s -move.seed=%d -move.seeds=1 -move.minutes=%v -count=20", "TestSlotsMoveBetweenGroupsOfRealRaftUnderRandomFaults", seed, *moveMinutes)
				return
			}
			sum.begun, sum.committed, sum.aborted = sum.begun+run.stats.begun, sum.committed+run.stats.committed, sum.aborted+run.stats.aborted
			sum.cancelled, sum.repeated = sum.cancelled+run.stats.cancelled, sum.repeated+run.stats.repeated
			for step, n := range run.struck {
				steps[step] += n
			}
		})
	}
	t.Logf("%d seeds: %+v, struck at %v", *moveSeeds, sum, steps)
	if t.Failed() || *moveSeeds < 3 { // fewer need not meet everything
		return
	}
	if sum.committed < *moveSeeds || sum.repeated == 0 || len(steps) < len(migration.Steps)/2 {
		t.Errorf("%d seeds: %+v, struck at %v: too little happened", *moveSeeds, sum, steps)
	}
}

func newMoveRun(t testing.TB, seed uint64) *moveRun {
	r := drawRates(seed)
	r.spares = nil
	run := &moveRun{
		moveWorld: newMoveWorld(t, t.TempDir(), seed, r), seed: seed, rates: r, rnd: rand.New(rand.NewPCG(seed, 21)), history: newRaftHistory(),
		done: make(chan struct{}), faults: map[string]int{}, struck: map[migration.Step]int{},
	}
	return run
}

const moveClients = 8

func (r *moveRun) all(length time.Duration) {
	r.found()
	source := r.groups[1]
	source.eventually(time.Minute, "the first shard serves", func() bool { return source.serving() != nil })
	for client := range moveClients {
		rnd := rand.New(rand.NewPCG(r.seed, uint64(100+client)))
		r.clients.Go(func() { r.client(client, rnd) })
	}
	r.clients.Go(func() { r.controller(rand.New(rand.NewPCG(r.seed, 22))) })
	for r.history.now() < length {
		r.pause(time.Duration(r.rnd.ExpFloat64() * float64(r.rates.pause)))
		r.fault()
	}
	r.heal()
	close(r.calm)
	time.Sleep(length / 10)
	close(r.done)
	r.clients.Wait()
	source.eventually(2*time.Minute, "no migration is open", func() bool { return r.collected() == nil })
	r.finish()
	r.t.Logf("seed %d: %+v, chunks of %d bytes; faults %v, struck at %v; %d requests; %+v",
		r.seed, r.rates, r.limits.ChunkBytes, r.faults, r.struck, len(r.history.events), r.stats)
	if r.stats.begun == 0 || len(r.history.events) < 200 {
		r.t.Error("too little happened; the run shows nothing")
	}
}

// moveParts is how many parts the slots are in, each of which moves as one.
const moveParts = 4

// controller begins migrations, and cancels some.
func (r *moveRun) controller(rnd *rand.Rand) {
	m := &moveMeta{w: r.moveWorld}
	for {
		select {
		case <-r.done:
			return
		case <-time.After(time.Duration(100+rnd.IntN(2000)) * time.Millisecond):
		}
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		r.control(ctx, m, rnd)
		cancel()
	}
}

func (r *moveRun) control(ctx context.Context, m *moveMeta, rnd *rand.Rand) {
	state, err := m.Latest(ctx)
	if err != nil {
		return
	}
	if open := state.Migrations(); len(open) > 0 && rnd.IntN(12) == 0 {
		if result, err := m.Propose(ctx, meta.AbortMigration(open[rnd.IntN(len(open))].ID, "cancelled")); err == nil && result.Err == nil {
			r.count(func(s *moveStats) { s.cancelled++ })
		}
		return
	}
	i := rnd.IntN(moveParts)
	ranges := slot.Split(moveParts)[i : i+1]
	if _, open := state.MigrationOf(ranges[0].First); open {
		return
	}
	from := state.SlotMap().Owner(ranges[0].First)
	result, err := m.Propose(ctx, &storagev1.MetaCommand{Command: &storagev1.MetaCommand_StartMigrations{StartMigrations: &storagev1.StartMigrations{
		ExpectedEpoch: state.Epoch(), StartedMs: 1,
		Migrations: []*storagev1.NewMigration{{From: uint64(from), To: uint64(1 + moveShards - from), Ranges: meta.RangesProto(ranges)}},
	}}})
	if err == nil && result.Err == nil {
		r.count(func(s *moveStats) { s.begun++ })
	}
}

// pause lets time pass, and strikes at steps that drivers come to meanwhile.
func (r *moveRun) pause(d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	for {
		select {
		case <-timer.C:
			return
		case s := <-r.steps:
			if r.rnd.IntN(3) > 0 {
				close(s.done)
				continue
			}
			r.struck[s.step]++
			r.strike(s.node)
			time.AfterFunc(time.Duration(r.rnd.IntN(1500))*time.Millisecond, func() { close(s.done) })
		}
	}
}

// strike makes something go wrong around a driver at a step.
func (r *moveRun) strike(at *raftNode) {
	worlds := r.worlds()
	world := worlds[r.rnd.IntN(len(worlds))]
	one := r.leaderOf(world)
	if r.rnd.IntN(3) == 0 {
		one = at.id
	}
	kind := []string{"crash", "crash", "isolate", "carrier", "streams", "nothing"}[r.rnd.IntN(6)]
	r.do(kind, one)
}

// leaderOf is a node that believes to lead, or any.
func (r *moveRun) leaderOf(world *raftWorld) string {
	ids := world.ids()
	for _, id := range ids {
		if n := world.nodes[id]; n != nil && n.leads() {
			return id
		}
	}
	return ids[r.rnd.IntN(len(ids))]
}

// fault does harm, or ends some.
func (r *moveRun) fault() {
	worlds := r.worlds()
	world := worlds[r.rnd.IntN(len(worlds))]
	one := world.ids()[r.rnd.IntN(len(world.ids()))]
	if r.rnd.IntN(2) == 0 {
		one = r.leaderOf(world)
	}
	r.do([]string{"weather", "isolate", "carrier", "heal", "heal", "crash", "start", "start", "transfer", "snapshot", "streams"}[r.rnd.IntN(11)], one)
}

// worldOf is the group of a node.
func (r *moveRun) worldOf(id string) *raftWorld {
	for _, world := range r.worlds() {
		if world.disks[id] != nil {
			return world
		}
	}
	panic("no node is called " + id)
}

func (r *moveRun) do(kind, one string) {
	r.faults[kind]++
	world := r.worldOf(one)
	switch kind {
	case "weather":
		for _, from := range world.ids() {
			for _, to := range world.ids() {
				world.net.change(from, to, func(p *raftPath) {
					p.loss, p.double, p.most = r.rates.loss, r.rates.double, p.least+r.rates.delay
				})
			}
		}
	case "isolate": // from everybody, clients excepted
		world.net.cut([]string{one}, world.ids())
		r.cutCarrier(one)
	case "carrier":
		r.cutCarrier(one)
	case "streams":
		r.breakStreams()
	case "heal":
		r.mend(world)
	case "crash":
		if world.nodes[one] != nil && len(world.ids())-len(world.nodes) < r.rates.crashes {
			losses := []crashstore.Loss{crashstore.LoseNothing, crashstore.LoseUnsynced, crashstore.LoseSuffix, crashstore.TearRecord}
			world.crash(one, losses[r.rnd.IntN(len(losses))])
			r.publish()
		}
	case "start":
		r.startAll(world)
	case "transfer":
		if n := world.nodes[one]; n != nil {
			go func() {
				ctx, cancel := world.within(2 * time.Second)
				defer cancel()
				if n.meta != nil {
					_ = n.meta.Transfer(ctx, "") // any outcome is allowed
				} else {
					_ = n.replica.Transfer(ctx, "")
				}
			}()
		}
	case "snapshot":
		if n := world.nodes[one]; n != nil && n.replica != nil {
			go func() {
				ctx, cancel := world.within(2 * time.Second)
				defer cancel()
				_ = n.replica.Snapshot(ctx) // any outcome is allowed
			}()
		}
	}
}

// cutCarrier cuts a driver off from those of other groups, in one direction or both.
func (r *moveRun) cutCarrier(one string) {
	shape := r.rnd.IntN(4)
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, world := range r.worlds() {
		for _, other := range world.ids() {
			if shape != 0 {
				r.cuts[[2]string{one, other}] = true
			}
			if shape != 1 {
				r.cuts[[2]string{other, one}] = true
			}
		}
	}
}

func (r *moveRun) mend(world *raftWorld) {
	world.net.heal()
	r.mu.Lock()
	defer r.mu.Unlock()
	clear(r.cuts)
}

func (r *moveRun) startAll(world *raftWorld) {
	for _, id := range world.ids() {
		if world.nodes[id] == nil {
			world.start(id)
		}
	}
	r.publish()
}

func (r *moveRun) heal() {
	for _, world := range r.worlds() {
		r.mend(world)
		r.startAll(world)
	}
}
