package sim

import (
	"flag"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/holtcache/holt/proto/apierr"
	"github.com/holtcache/holt/proto/slot"
	"github.com/holtcache/holt/raftfsm/store"
	"github.com/holtcache/holt/shard"
	"github.com/holtcache/holt/shard/executor"
	"github.com/holtcache/holt/shard/logstore"
	"github.com/holtcache/holt/shard/logstore/crashstore"
)

var (
	simSeeds   = flag.Int("sim.seeds", simSeedsDefault, "how many seeds the random simulation of real raft runs")
	simSeed    = flag.Uint64("sim.seed", 1, "the first of them")
	simMinutes = flag.Float64("sim.minutes", 2, "virtual minutes of each")
)

// rates are what a seed draws once: how bad the world is in this run.
type rates struct {
	loss, double float64
	delay        time.Duration // at most
	pause        time.Duration // mean time between faults
	crashes      int           // nodes that may be down at once
	snapshots    shard.SnapshotPolicy
	sync         logstore.SyncPolicy
	spares       []string // nodes that become voters in the course of the run
}

func drawRates(seed uint64) rates {
	rnd := rand.New(rand.NewPCG(seed, 3))
	r := rates{
		delay:   time.Duration(1+rnd.IntN(40)) * time.Millisecond,
		pause:   time.Duration(500+rnd.IntN(5000)) * time.Millisecond,
		crashes: 1 + 2*rnd.IntN(2), // a minority, or all: appendfsync is always
		snapshots: shard.SnapshotPolicy{
			Bytes: 1 << uint(10+rnd.IntN(8)), Trailing: uint64(5 + rnd.IntN(45)),
		},
	}
	if rnd.IntN(4) > 0 {
		r.loss, r.double = 0.15*rnd.Float64(), 0.1*rnd.Float64()
	}
	if rnd.IntN(4) == 0 {
		r.delay *= 10 // longer than an election timeout
	}
	r.sync = logstore.SyncAlways
	switch seed % 3 { // few seeds are to have all of it
	case 0:
		r.sync = logstore.SyncEverySec
	case 1:
		r.spares = []string{"d", "e"}
	}
	return r
}

// Real raft under random faults: every client sees a linearizable history, whatever is answered "not applied" never
// shows, and after everything has healed the shard serves and its replicas are equal.
func TestRaftKeepsItsPromisesUnderRandomFaults(t *testing.T) {
	t.Parallel()
	terms := 0
	for seed := *simSeed; seed < *simSeed+uint64(*simSeeds); seed++ {
		t.Run(fmt.Sprint("seed=", seed), func(t *testing.T) {
			var history *raftHistory
			raftBubble(t, func(t *testing.T) {
				r := drawRates(seed)
				w := newRaftWorld(t, t.TempDir(), raftOptions{
					seed: seed, snapshots: r.snapshots, spares: r.spares, sync: r.sync, guarded: true,
				})
				run := &randomRun{raftWorld: w, rates: r, history: newRaftHistory(), done: make(chan struct{})}
				history = run.history
				defer w.close()
				run.all(time.Duration(*simMinutes * float64(time.Minute)))
				terms += len(run.terms)
			})
			if !t.Failed() {
				history.verify(t)
			}
			if t.Failed() {
				t.Logf("again: go test ./tests/sim -run %s -sim.seed=%d -sim.seeds=1 -sim.minutes=%v -count=20", "TestRaftKeepsItsPromisesUnderRandomFaults", seed, *simMinutes)
			}
		})
	}
	if !t.Failed() && *simSeeds >= simSeedsDefault && terms < 2**simSeeds {
		t.Errorf("%d seeds saw %d terms with a leader; the faults do no harm", *simSeeds, terms)
	}
}

// randomRun is one seed.
type randomRun struct {
	*raftWorld
	rates   rates
	history *raftHistory
	done    chan struct{} // closed when clients are to end
	values  atomic.Uint64
	clients sync.WaitGroup

	faults  map[string]int // how often each kind was done
	terms   map[uint64]bool
	hanging map[string]*time.Timer // disks that hang until their timer fires

	mu  sync.Mutex // protects the field below
	now map[string]*raftNode
}

const simClients = 8

func (r *randomRun) all(length time.Duration) {
	r.faults, r.terms, r.hanging = map[string]int{}, map[uint64]bool{}, map[string]*time.Timer{}
	r.publish()
	r.lead("a")
	for client := range simClients {
		rnd := rand.New(rand.NewPCG(r.options.seed, uint64(100+client)))
		r.clients.Go(func() { r.client(client, rnd) })
	}
	if r.rates.sync == logstore.SyncEverySec {
		for _, disk := range r.disks {
			r.clients.Go(func() { r.syncEverySec(disk) })
		}
	}
	calm := length / 10
	time.Sleep(calm) // fair weather, to begin with
	before := r.history.now()
	for r.history.now() < length-calm {
		time.Sleep(time.Duration(r.rnd.ExpFloat64() * float64(r.rates.pause)))
		r.fault()
	}
	healed := r.history.now()
	r.heal()
	r.eventually(30*time.Second, "the shard serves again", func() bool { return r.serving() != nil })
	r.eventually(time.Minute, "all nodes are voters", func() bool {
		if !r.grown() {
			r.grow()
		}
		return r.grown()
	})
	time.Sleep(calm)
	close(r.done)
	r.clients.Wait()
	r.finish()

	during := r.history.acknowledged(before, healed)
	after := r.history.acknowledged(healed, r.history.now())
	counts := r.net.counts()
	r.t.Logf("seed %d: %+v; faults %v; %d terms with a leader; frames %+v; %d requests, acknowledged %d before, %d during, %d after",
		r.options.seed, r.rates, r.faults, len(r.terms), counts, len(r.history.events), r.history.acknowledged(0, before), during, after)
	if r.history.acknowledged(0, before) < 50 || during < 20 || after < 50 || len(r.faults) < 3 || counts.lost+counts.late == 0 {
		r.t.Error("too little happened; the run shows nothing")
	}
}

// publish tells clients which nodes run.
func (r *randomRun) publish() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.now = maps.Clone(r.nodes)
}

// node is where a client sends its next request: its own node, or one that serves.
func (r *randomRun) node(client int, rnd *rand.Rand) *raftNode {
	r.mu.Lock()
	defer r.mu.Unlock()
	ids := r.options.members
	if client < 2*len(ids) { // two for each node, which ask it whatever it is
		return r.now[ids[client%len(ids)]]
	}
	start := rnd.IntN(len(ids))
	for i := range ids {
		if n := r.now[ids[(start+i)%len(ids)]]; n != nil && n.serves() {
			return n
		}
	}
	return r.now[ids[start]]
}

// fault does harm, or ends some.
func (r *randomRun) fault() {
	ids := r.ids()
	one := ids[r.rnd.IntN(len(ids))]
	if leader := r.serving(); leader != nil {
		term, _ := leader.replica.Leader()
		r.terms[term] = true
		if r.rnd.IntN(2) == 0 {
			one = leader.id
		}
	}
	other := ids[(slices.Index(ids, one)+1+r.rnd.IntN(len(ids)-1))%len(ids)]
	n := r.nodes[one]
	kind := []string{"weather", "isolate", "one-way", "bridge", "hold", "heal", "heal", "crash", "crash", "start", "start", "transfer", "campaign", "snapshot", "hang", "member"}[r.rnd.IntN(16)]
	r.faults[kind]++
	switch kind {
	case "weather":
		for _, from := range ids {
			for _, to := range ids {
				r.net.change(from, to, func(p *raftPath) {
					p.loss, p.double, p.most = r.rates.loss, r.rates.double, p.least+r.rates.delay
				})
			}
		}
	case "isolate":
		r.net.cut([]string{one}, ids)
	case "one-way":
		r.net.change(one, other, func(p *raftPath) { p.cut = true })
	case "bridge": // two that don't reach each other, and a third that both reach
		r.net.cut([]string{one}, []string{other})
	case "hold": // as a paused process: what was on its way arrives later
		for _, id := range ids {
			r.net.holdBack(one, id, everyFrame)
			r.net.holdBack(id, one, everyFrame)
		}
	case "heal":
		r.net.heal()
	case "crash":
		if leader := r.serving(); leader != nil && r.rates.sync == logstore.SyncEverySec && r.rnd.IntN(2) == 0 && r.mayCrash() {
			r.forget(leader.id)
		} else if n != nil && r.mayCrash() {
			losses := []crashstore.Loss{crashstore.LoseNothing, crashstore.LoseUnsynced, crashstore.LoseSuffix, crashstore.TearRecord}
			r.crash(one, losses[r.rnd.IntN(len(losses))])
			r.publish()
		}
	case "start":
		r.startAll()
	case "transfer":
		if n != nil {
			go func() {
				ctx, cancel := r.within(2 * time.Second)
				defer cancel()
				_ = n.replica.Transfer(ctx, "") // any outcome is allowed
			}()
		}
	case "campaign":
		if n != nil && r.nodes[other] != nil {
			go n.letCampaign(other)
		}
	case "snapshot":
		if n != nil {
			go func() {
				ctx, cancel := r.within(2 * time.Second)
				defer cancel()
				_ = n.replica.Snapshot(ctx) // any outcome is allowed
			}()
		}
	case "member":
		r.grow()
	case "hang":
		if r.hanging[one] == nil {
			release := r.disks[one].HangSync(1 + r.rnd.Uint64N(5))
			r.hanging[one] = time.AfterFunc(time.Duration(r.rnd.IntN(2000))*time.Millisecond, release)
		} else if !r.hanging[one].Stop() { // it was released; the next one may be armed
			delete(r.hanging, one)
		} else {
			r.hanging[one].Reset(time.Second)
		}
	}
}

// mayCrash tells whether one more node may lose its power. Where the log is synced late, one at a time may, and not before the
// one before it holds again whatever it can have acknowledged: then a majority still has every acknowledged write.
func (r *randomRun) mayCrash() bool {
	down := len(r.ids()) - len(r.nodes)
	if r.rates.sync == logstore.SyncAlways {
		return down < r.rates.crashes
	}
	for _, a := range r.amnesia {
		if a.on.Load() {
			return false
		}
	}
	return down == 0
}

// forget is the schedule that an amnesia guard is for: one follower hears nothing of what the leader and the other follower
// acknowledge, that other one loses it with its power, and comes back when the leader can't be reached.
func (r *randomRun) forget(leader string) {
	r.faults["forget"]++
	others := slices.DeleteFunc(r.ids(), func(id string) bool { return id == leader })
	behind := r.rnd.IntN(len(others))
	forgot := others[(behind+1)%len(others)]
	r.net.heal()
	r.net.cut(others[behind:behind+1], r.ids())
	time.Sleep(time.Duration(r.rnd.IntN(800)) * time.Millisecond)
	r.crash(forgot, crashstore.LoseUnsynced)
	r.net.heal()
	r.net.cut([]string{leader}, r.ids())
	r.startAll()
}

// grow takes a step towards all spare nodes being voters: learner first.
func (r *randomRun) grow() {
	leader := r.serving()
	if leader == nil {
		return
	}
	for _, id := range r.options.spares {
		members := leader.replica.Members()
		if slices.Contains(members.Voters, id) {
			continue
		}
		step := leader.replica.AddLearner
		if slices.Contains(members.Learners, id) {
			step = leader.replica.Promote
		}
		go func() {
			ctx, cancel := r.within(2 * time.Second)
			defer cancel()
			_ = step(ctx, id, members.Index) // any outcome is allowed
		}()
		return
	}
}

// grown tells whether all spare nodes are voters.
func (r *randomRun) grown() bool {
	leader := r.serving()
	return leader != nil && len(leader.replica.Members().Voters) == len(r.ids())
}

func (r *randomRun) startAll() {
	for _, id := range r.ids() {
		if r.nodes[id] == nil {
			r.ahead[id] = time.Duration(r.rnd.IntN(4000)-2000) * time.Millisecond
			r.start(id)
		}
	}
	r.publish()
}

func (r *randomRun) heal() {
	r.net.heal()
	r.startAll()
	time.Sleep(2 * time.Second) // until the last disk goes on
}

// syncEverySec makes what a disk was given durable, once a second. A disk that hangs or fails says so to those who write.
func (r *randomRun) syncEverySec(disk *crashstore.Disk) {
	ticker := time.NewTicker(time.Second)
	defer ticker.Stop()
	for {
		select {
		case <-r.done:
			return
		case <-ticker.C:
			_ = disk.Sync()
		}
	}
}

// client sends requests one after another until the run ends.
func (r *randomRun) client(client int, rnd *rand.Rand) {
	for {
		select {
		case <-r.done:
			return
		case <-time.After(time.Duration(10+rnd.IntN(100)) * time.Millisecond):
		}
		if n := r.node(client, rnd); n != nil {
			r.request(client, n, rnd)
		}
	}
}

// keyMillis is for how long a key is used: histories of one key stay short enough to be checked.
const keyMillis = 2500

func (r *randomRun) request(client int, n *raftNode, rnd *rand.Rand) {
	ctx, cancel := r.within(time.Duration(100+rnd.IntN(900)) * time.Millisecond)
	defer cancel()
	kind := []string{"register", "count", "append", "expire"}[rnd.IntN(4)]
	key := fmt.Sprintf("%s-%d", kind, r.history.now().Milliseconds()/keyMillis)
	value := strconv.FormatUint(r.values.Add(1), 10)
	e := raftEvent{client: client, call: r.history.now(), volatile: kind == "expire"}
	e.raftAction = raftAction{kind: "get", key: key}
	var err error
	if rnd.IntN(2) == 0 {
		e.seen, err = n.get(ctx, key, []executor.ReadMode{executor.ReadLease, executor.ReadIndex}[rnd.IntN(2)])
		e.outcome = outcome(err)
		if err != nil {
			e.outcome = apierr.OutcomeUnknown
		}
		r.history.add(e)
		return
	}
	switch kind {
	case "register":
		e.new = "v" + value
		if rnd.IntN(2) == 0 {
			e.kind = "set"
			err = n.set(ctx, key, e.new)
			break
		}
		e.kind, e.old = "swap", r.lastSeen(key)
		e.seen, err = n.update(ctx, key, func(s string) string {
			if s == e.old {
				return e.new
			}
			return s
		})
	case "count":
		e.kind = "incr"
		e.seen, err = n.incr(ctx, key)
	case "append":
		e.kind, e.new = "append", value
		_, err = n.update(ctx, key, func(s string) string {
			if s == "" {
				return value
			}
			return s + "," + value
		})
	case "expire":
		e.kind, e.new = "set", "v"+value
		err = n.setFor(ctx, key, e.new, time.Duration(50+rnd.IntN(2000))*time.Millisecond)
	}
	e.outcome = outcome(err)
	if e.outcome != apierr.OutcomeApplied {
		e.seen = ""
	}
	r.history.add(e)
}

// lastSeen is a value that a key had lately.
func (r *randomRun) lastSeen(key string) string {
	r.history.mu.Lock()
	defer r.history.mu.Unlock()
	for i := len(r.history.events) - 1; i >= 0 && i > len(r.history.events)-100; i-- {
		if e := r.history.events[i]; e.key == key && e.seen != "" {
			return e.seen
		}
	}
	return ""
}

// finish writes and reads once more, and compares the replicas.
func (r *randomRun) finish() {
	r.t.Helper()
	var leader *raftNode
	r.eventually(30*time.Second, "a last write succeeds", func() bool {
		if leader = r.serving(); leader == nil {
			return false
		}
		ctx, cancel := r.within(2 * time.Second)
		defer cancel()
		return leader.set(ctx, "last", "v") == nil
	})
	keys := map[string]bool{}
	for _, e := range r.history.events {
		keys[e.key] = true
	}
	for key := range keys {
		ctx, cancel := r.within(5 * time.Second)
		e := raftEvent{raftAction: raftAction{kind: "get", key: key}, client: simClients, call: r.history.now()}
		var err error
		if e.seen, err = leader.get(ctx, key, executor.ReadLease); err != nil {
			r.t.Errorf("last read of %s: %v", key, err)
		}
		cancel()
		e.outcome, e.volatile = apierr.OutcomeApplied, key[:1] == "e"
		r.history.add(e)
	}
	r.eventually(30*time.Second, "all replicas have applied everything", r.level)
	want := contents(leader.replica.Store(), keys)
	for _, n := range r.nodes {
		if got := contents(n.replica.Store(), keys); !maps.Equal(got, want) {
			r.t.Errorf("%s and %s hold different keys: %d and %d", n.id, leader.id, len(got), len(want))
		}
	}
}

// contents is what a store holds under the keys, as text, and how many keys it holds in all.
func contents(s *store.Store, keys map[string]bool) map[string]string {
	held := map[string]string{"": fmt.Sprint(s.Len())}
	for key := range keys {
		sl := s.Slot(slot.Of([]byte(key)))
		sl.RLock()
		if item, ok := sl.GetLocked([]byte(key)); ok {
			held[key] = fmt.Sprintf("%q %v %d %d", item.Value, item.Type, item.ExpireAt, item.Version)
		}
		sl.RUnlock()
	}
	return held
}
