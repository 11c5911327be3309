package shard

import (
	"fmt"
	"log/slog"
	"testing"
	"time"

	"github.com/holtcache/holt/proto/slot"
	"github.com/holtcache/holt/raftfsm"
	"github.com/holtcache/holt/raftfsm/entry"
	"github.com/holtcache/holt/raftfsm/store"
	"github.com/holtcache/holt/shard/executor"
	"github.com/holtcache/holt/shard/transport"
)

// carriers are the carriers of one shard without Raft: node l leads. What is sent arrives at once, unless the test says
// otherwise; now stands still.
type carriers struct {
	t      *testing.T
	term   uint64
	leads  bool
	nodes  map[string]*stampCarrier
	policy executor.EvictionPolicy
	// fails is what sending to a node ends with.
	fails map[string]error
	bytes map[string]int
	keys  int
	now   int64
}

type carrierNode struct {
	*carriers
	id string
}

func (n carrierNode) Group() slot.ShardID             { return 7 }
func (n carrierNode) Leader() (uint64, bool)          { return n.term, n.leads && n.id == "l" }
func (n carrierNode) KnownLeader() (string, uint64)   { return "l", n.term }
func (n carrierNode) Stamps() <-chan transport.Stamps { return nil }

func (n carrierNode) others() (ids []string) {
	for id := range n.nodes {
		if id != n.id {
			ids = append(ids, id)
		}
	}
	return ids
}

func (n carrierNode) SendStamps(to string, term uint64, portion []byte) error {
	if len(portion) > transport.StampsBytesMax {
		n.t.Errorf("a portion of %d bytes", len(portion))
	}
	n.bytes[to] += len(portion)
	if err := n.fails[to]; err != nil {
		return err
	}
	n.nodes[to].receive(transport.Stamps{From: n.id, Term: term, Portion: portion})
	return nil
}

func newCarriers(t *testing.T, keys int) *carriers {
	cs := &carriers{
		t: t, term: 3, leads: true, policy: executor.AllKeysLRU, nodes: map[string]*stampCarrier{}, fails: map[string]error{},
		bytes: map[string]int{}, keys: keys, now: 1_800_000_000_000,
	}
	for _, id := range []string{"l", "f", "g"} {
		cs.join(id)
	}
	for i := range keys {
		cs.use(i, cs.now-int64(i)*1000)
	}
	return cs
}

func (cs *carriers) join(id string) {
	st := store.New()
	for i := range cs.keys {
		sl := st.Slot(slot.Of(cs.key(i)))
		sl.Lock()
		sl.ApplyLocked(&entry.Effect{Kind: entry.EffectSet, Type: entry.TypeString, Key: cs.key(i), Version: 1})
		sl.Unlock()
	}
	n := carrierNode{cs, id}
	cs.nodes[id] = &stampCarrier{
		group: n, wire: n, pacing: StampPacing{}.withDefaults(), store: st, log: slog.New(slog.DiscardHandler),
		policy: func() (executor.EvictionPolicy, bool) { return cs.policy, true }, now: func() int64 { return cs.now },
	}
}

func (cs *carriers) key(i int) []byte { return fmt.Appendf(nil, "key %d", i) }

// use is a use of a key at the leader.
func (cs *carriers) use(i int, at int64) { touch(cs.nodes["l"].store, cs.key(i), at) }

func touch(st *store.Store, key []byte, at int64) {
	sl := st.Slot(slot.Of(key))
	sl.RLock()
	defer sl.RUnlock()
	sl.GetTouchLocked(key, func(store.Access) store.Access { return store.LRU(at) })
}

// wrong counts the keys whose stamps differ from the leader's.
func (cs *carriers) wrong(id string) (n int) {
	for i := range cs.keys {
		if accessOf(cs.nodes[id].store, cs.key(i)) != accessOf(cs.nodes["l"].store, cs.key(i)) {
			n++
		}
	}
	return n
}

func accessOf(st *store.Store, key []byte) store.Access {
	sl := st.Slot(slot.Of(key))
	sl.RLock()
	defer sl.RUnlock()
	item, _ := sl.GetLocked(key)
	return item.Access
}

// round makes as many steps as a round takes.
func (cs *carriers) round() {
	for range stampTicks {
		cs.nodes["l"].step()
	}
	cs.now += 30_000
}

func TestLeaderCarriesUsesToItsFollowers(t *testing.T) {
	cs := newCarriers(t, 20_000)
	cs.round()
	if f, g := cs.wrong("f"), cs.wrong("g"); f+g != 0 {
		t.Fatalf("after a round %d and %d stamps differ", f, g)
	}
	cs.round() // whole as well
	clear(cs.bytes)
	for i := range 100 {
		cs.use(i, cs.now)
	}
	cs.round()
	if f := cs.wrong("f"); f != 0 {
		t.Errorf("after a second round %d stamps differ", f)
	}
	if got := cs.bytes["f"]; got > 100*16+stampTicks*8 {
		t.Errorf("%d bytes for 100 keys that were used", got)
	}
}

// Lost portions cost a round each, and no more: what a follower missed it gets when it can be reached again.
func TestFollowerThatMissedPortionsGetsAllStampsAgain(t *testing.T) {
	for name, fail := range map[string]error{"cut off": transport.ErrUnreachable, "busy": transport.ErrBusy} {
		t.Run(name, func(t *testing.T) {
			cs := newCarriers(t, 5000)
			cs.fails["g"] = fail
			cs.round()
			cs.round()
			cs.round()
			if f, g := cs.wrong("f"), cs.wrong("g"); f != 0 || g < 4000 {
				t.Fatalf("%d and %d stamps differ, want none and nearly all", f, g)
			}
			clear(cs.bytes)
			cs.round()
			if whole := cs.bytes["f"] > 4000; whole != (name == "busy") {
				t.Errorf("%d bytes in a round while g is %s", cs.bytes["f"], name)
			}
			delete(cs.fails, "g")
			cs.use(0, cs.now) // anything that is sent shows that it is back
			cs.round()
			cs.round()
			if g := cs.wrong("g"); g != 0 {
				t.Errorf("two rounds after it is back %d stamps differ", g)
			}
		})
	}
}

func TestReplicaThatJoinsGetsAllStamps(t *testing.T) {
	cs := newCarriers(t, 5000)
	cs.round()
	cs.round()
	cs.join("h")
	cs.use(0, cs.now)
	cs.round()
	cs.round()
	if h := cs.wrong("h"); h != 0 {
		t.Errorf("%d stamps differ", h)
	}
	// And whatever went wrong unseen is repaired in time.
	cs.join("f")
	for range stampRoundsWhole + 1 {
		cs.round()
	}
	if f := cs.wrong("f"); f != 0 {
		t.Errorf("%d stamps of a replica that lost them differ", f)
	}
}

func TestBytesPerSecondAreKept(t *testing.T) {
	cs := newCarriers(t, 20_000)
	const perSecond = 2000
	cs.nodes["l"].pacing.BytesPerSecond = perSecond
	cs.round()
	sum := cs.bytes["f"] + cs.bytes["g"]
	if most := perSecond*30 + 2*transport.StampsBytesMax; sum > most || sum < perSecond*20 {
		t.Errorf("%d bytes in 30 s, want at most %d and not much less", sum, most)
	}
	if cs.wrong("f") == 0 {
		t.Error("all was sent in one round")
	}
	for range 10 {
		cs.round()
	}
	if f := cs.wrong("f"); f != 0 {
		t.Errorf("%d stamps differ in the end", f)
	}
}

func TestStampsAreCarriedOnlyByALeaderWhosePolicyNeedsThem(t *testing.T) {
	for _, policy := range []executor.EvictionPolicy{executor.NoEviction, executor.AllKeysRandom, executor.VolatileRandom, executor.VolatileTTL} {
		cs := newCarriers(t, 100)
		cs.policy = policy
		cs.round()
		if len(cs.bytes) != 0 || cs.nodes["l"].pass != nil {
			t.Errorf("%v: stamps were sent", policy)
		}
	}
	cs := newCarriers(t, 100)
	cs.leads = false
	cs.round()
	if len(cs.bytes) != 0 {
		t.Error("a follower sent stamps")
	}
	cs.leads = true
	cs.round()
	if f := cs.wrong("f"); f != 0 {
		t.Errorf("%d stamps differ once it leads", f)
	}
}

// What comes from another node than the leader, of another term, or makes no sense, changes nothing.
func TestFollowerTakesStampsOfItsLeaderOnly(t *testing.T) {
	cs := newCarriers(t, 100)
	portion, _, _ := store.NewStampPass(cs.nodes["l"].store, store.StampsLRU, false).Next(nil, cs.now, slot.Count, 32<<10)
	f := cs.nodes["f"]
	for _, got := range []transport.Stamps{{From: "g", Term: 3, Portion: portion}, {From: "l", Term: 2, Portion: portion}, {From: "l", Term: 3, Portion: []byte("garbage")}} {
		f.receive(got)
	}
	if wrong := cs.wrong("f"); wrong != 100 {
		t.Errorf("%d of 100 stamps differ, want all", wrong)
	}
	if f.refused != 3 {
		t.Error("garbage was not noticed")
	}
	f.receive(transport.Stamps{From: "l", Term: 3, Portion: portion})
	if wrong := cs.wrong("f"); wrong != 0 {
		t.Errorf("%d stamps differ", wrong)
	}
	if (StampPacing{}).withDefaults() != (StampPacing{30 * time.Second, 1 << 20}) {
		t.Error("defaults")
	}
}

// Nodes hear of a new policy one after another. Followers that are late pass over what a leader of the new one sends.
func TestFollowerThatHearsOfThePolicyLateIsWarmToo(t *testing.T) {
	cs := newCarriers(t, 5000)
	late := cs.nodes["f"]
	policy := late.policy
	late.policy = func() (executor.EvictionPolicy, bool) { return executor.NoEviction, true }
	cs.round()
	if f := cs.wrong("f"); f != 5000 {
		t.Fatalf("%d of 5000 stamps differ under no policy, want all", f)
	}
	late.policy = policy
	cs.round()
	if f := cs.wrong("f"); f != 0 {
		t.Errorf("%d stamps differ a round later", f)
	}
}

// While stamps are converted to those of another policy, some of either kind are in the store: nobody sends them, not even
// those of a step that had begun before, and nobody takes any.
func TestNoStampsAreCarriedWhileTheyAreConverted(t *testing.T) {
	const keys = 5000
	cs := newCarriers(t, keys)
	converting := func() (executor.EvictionPolicy, bool) { return cs.policy, false }
	leader, f, g := cs.nodes["l"], cs.nodes["f"], cs.nodes["g"]
	settled := leader.policy
	f.policy = converting
	cs.round()
	if f, g := cs.wrong("f"), cs.wrong("g"); f != keys || g != 0 {
		t.Errorf("%d and %d stamps differ, want all of the follower that converts and none of the other", f, g)
	}
	f.policy, g.policy = settled, converting
	clear(cs.bytes)
	leader.policy = converting
	cs.round()
	asked := 0
	leader.policy = func() (executor.EvictionPolicy, bool) { // begins in the middle of a step
		asked++
		return cs.policy, asked == 1
	}
	leader.step()
	if len(cs.bytes) != 0 || leader.pass != nil || asked < 2 {
		t.Errorf("%v bytes were sent while the leader converts, asked %d times", cs.bytes, asked)
	}
	leader.policy, g.policy = settled, settled
	cs.round()
	if f := cs.wrong("f"); f != 0 {
		t.Errorf("%d stamps differ when all have converted", f)
	}
}

func TestReplicaThatLoadsIsToldFromOneThatFollows(t *testing.T) {
	const now = 1_800_000_000_000
	l := loading{target: 100}
	for i, step := range []struct {
		what    string
		applied uint64
		time    int64 // of the last batch
		loads   bool
	}{
		{"nothing applied yet", 0, 0, true},
		{"the log that it had", 60, now - 3600_000, true},
		{"the end of that log", 100, now - 3600_000, true},
		{"nothing new", 100, now - 3600_000, false},
		{"entries of the time that it was away", 150, now - 1800_000, true},
		{"what is written now", 200, now, false},
		{"quiet", 200, now - 60_000, false},
		{"a new snapshot", 200 + loadingJump + 1, now, true},
		{"what is written now, again", 300 + loadingJump, now, false},
	} {
		at := int64(now + i*10)
		l.note(raftfsm.State{Applied: step.applied, Time: step.time}, at)
		if loads := l.until == at; loads != step.loads {
			t.Errorf("%s: loading %v, want %v", step.what, loads, step.loads)
		}
	}
}

// All keys of a replica that has just started look as if they had been used at that time. The leader knows better; but what
// was used here since then stays.
func TestStampsOfLoadingGiveWayToTheLeaders(t *testing.T) {
	cs := newCarriers(t, 1000)
	f := cs.nodes["f"]
	for i := range cs.keys {
		touch(f.store, cs.key(i), cs.now)
	}
	f.loading.until = cs.now
	cs.now += 10_000
	touch(f.store, cs.key(500), cs.now)
	cs.round()
	if wrong := cs.wrong("f"); wrong != 1 || accessOf(f.store, cs.key(500)) == accessOf(cs.nodes["l"].store, cs.key(500)) {
		t.Errorf("%d stamps differ, want that of the key that was used", wrong)
	}
}
