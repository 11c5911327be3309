package gossip

import (
	"context"
	"errors"
	"fmt"
	"net"
	"reflect"
	"sync"
	"testing"
	"time"

	"github.com/hashicorp/memberlist"
)

// patience is how long a test waits for what must come; it is long because test machines starve.
const patience = 20 * time.Second

// fastConfig is a node on loopback that notices things within a fraction of a second.
func fastConfig(id string, seeds ...string) Config {
	return Config{
		ClusterID:        "cluster-a",
		NodeID:           id,
		Self:             Node{Start: 1, RESP: id + ":6379", Zone: "z"},
		BindAddr:         "127.0.0.1:0",
		Seeds:            func() []string { return seeds },
		ProbeInterval:    100 * time.Millisecond,
		ProbeTimeout:     50 * time.Millisecond,
		GossipInterval:   10 * time.Millisecond,
		PushPullInterval: 300 * time.Millisecond,
		StreamTimeout:    time.Second,
		RejoinMin:        20 * time.Millisecond,
		RejoinMax:        200 * time.Millisecond,
	}
}

func open(t *testing.T, cfg Config) *Gossip {
	t.Helper()
	g, err := Open(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := g.Close(); err != nil {
			t.Errorf("close %s: %v", g.id, err)
		}
	})
	return g
}

// openCluster opens nodes n1, n2, ... and waits until each sees all.
func openCluster(t *testing.T, size int, tune func(*Config)) []*Gossip {
	t.Helper()
	var nodes []*Gossip
	var seeds []string
	for i := range size {
		cfg := fastConfig(fmt.Sprint("n", i+1), seeds...)
		if tune != nil {
			tune(&cfg)
		}
		g := open(t, cfg)
		nodes = append(nodes, g)
		seeds = []string{nodes[0].Self().Gossip}
	}
	for _, g := range nodes {
		for _, o := range nodes {
			waitState(t, g, o.id, StateAlive)
		}
	}
	return nodes
}

// waitFor waits until cond holds. It looks when g changes, and now and then, since counters give no signal.
func waitFor(t *testing.T, g *Gossip, what string, cond func() bool) {
	t.Helper()
	changed, stop := g.Watch()
	defer stop()
	deadline := time.NewTimer(patience)
	defer deadline.Stop()
	look := time.NewTicker(10 * time.Millisecond)
	defer look.Stop()
	for !cond() {
		select {
		case <-changed:
		case <-look.C:
		case <-deadline.C:
			t.Fatalf("%s: waited %v for %s; nodes %+v, leaders %+v, stats %+v", g.id, patience, what, g.Nodes(), g.Leaders(), g.Stats())
		}
	}
}

func waitState(t *testing.T, g *Gossip, id string, want State) {
	t.Helper()
	waitFor(t, g, fmt.Sprintf("%s to be %v", id, want), func() bool {
		n, _ := g.Node(id)
		return n.State == want
	})
}

func TestNodesFindEachOtherAndTheirAddresses(t *testing.T) {
	nodes := openCluster(t, 3, nil)
	for _, g := range nodes {
		all := g.Nodes()
		if len(all) != 3 {
			t.Fatalf("%s sees %d nodes, want 3: %+v", g.id, len(all), all)
		}
		for i, n := range all {
			id := fmt.Sprint("n", i+1)
			want := Node{ID: id, Start: 1, RESP: id + ":6379", Zone: "z", State: n.State, Since: n.Since, Gossip: nodes[i].Self().Gossip}
			if n != want || n.Since.IsZero() {
				t.Errorf("%s: got %+v, want %+v", g.id, n, want)
			}
		}
	}
}

func TestEncryptedClusterTakesInNobodyWithoutTheKey(t *testing.T) {
	key := []byte("0123456789abcdef")
	nodes := openCluster(t, 2, func(c *Config) { c.SecretKeys = [][]byte{key} })
	stranger := open(t, fastConfig("stranger", nodes[0].Self().Gossip))
	addr := memberlist.Address{Addr: nodes[0].addr}
	if err := stranger.list.SendToAddress(addr, encodeLeader(testTag, Leader{Shard: 1, Term: 99, Node: "stranger"})); err != nil {
		t.Fatal(err)
	}
	// The nodes' own hint goes the same way later; once it has arrived, the stranger's had its chance.
	nodes[1].AnnounceLeader(Leader{Shard: 1, Term: 5, Node: "n2"})
	want := map[uint64]Leader{1: {Shard: 1, Term: 5, Node: "n2"}}
	waitFor(t, nodes[0], "the hint", func() bool { return reflect.DeepEqual(nodes[0].Leaders(), want) })
	if _, known := nodes[0].Node("stranger"); known || len(stranger.Nodes()) != 1 {
		t.Error("a node without the key was taken in")
	}
}

func TestLeaderHintsSpreadAndHighestTermWins(t *testing.T) {
	nodes := openCluster(t, 3, nil)
	nodes[0].AnnounceLeader(Leader{Shard: 7, Term: 4, Node: "n1"})
	nodes[1].AnnounceLeader(Leader{Shard: 7, Term: 6, Node: "n2"})
	nodes[2].AnnounceLeader(Leader{Shard: 7, Term: 5, Node: "n3"})
	nodes[2].AnnounceLeader(Leader{Shard: 8, Term: 1})
	nodes[2].AnnounceLeader(Leader{Shard: 9, Term: 0, Node: "n3"}) // no such term: ignored
	want := map[uint64]Leader{7: {7, 6, "n2"}, 8: {8, 1, ""}}
	late := open(t, fastConfig("late", nodes[1].Self().Gossip)) // learns by push/pull what was said before it came
	for _, g := range append(nodes, late) {
		waitFor(t, g, "all hints", func() bool { return reflect.DeepEqual(g.Leaders(), want) })
	}
}

func TestEpochReachesEveryNodeAndOnlyGrows(t *testing.T) {
	nodes := openCluster(t, 3, nil)
	for e := range uint64(50) {
		nodes[0].AnnounceEpoch(e)
	}
	nodes[0].AnnounceEpoch(3)
	for _, g := range nodes {
		waitFor(t, g, "epoch 49 of n1", func() bool { n, _ := g.Node("n1"); return n.Epoch == 49 })
	}
}

func TestNodeThatStopsWithoutAWordIsDeadAndIsFoundAgain(t *testing.T) {
	// memberlist forgets the dead at once, so nobody gossips to its old address by chance.
	forgetful := func(c *Config) { c.RetainTime = time.Millisecond }
	nodes := openCluster(t, 3, forgetful)
	addr := nodes[2].Self().Gossip
	if err := nodes[2].Close(); err != nil {
		t.Fatal(err)
	}
	waitState(t, nodes[0], "n3", StateDead)
	waitState(t, nodes[1], "n3", StateDead)
	if nodes[0].Forget("n2") {
		t.Error("a living node was forgotten")
	}

	// It comes back without seeds of its own: the others look for it.
	cfg := fastConfig("n3")
	forgetful(&cfg)
	cfg.BindAddr, cfg.Self.Start = addr, 2
	back := open(t, cfg)
	waitState(t, nodes[0], "n3", StateAlive)
	waitState(t, nodes[1], "n3", StateAlive)
	waitState(t, back, "n1", StateAlive)
}

// The suspicion timeout is far beyond the test, so only our own rule can name the state.
func TestUnansweredNodeIsSuspectUntilItAnswers(t *testing.T) {
	patientConfig := func(c *Config) { c.SuspicionMult = 1000 }
	nodes := openCluster(t, 2, patientConfig)
	addr := nodes[1].Self().Gossip
	if err := nodes[1].Close(); err != nil {
		t.Fatal(err)
	}
	waitState(t, nodes[0], "n2", StateSuspect)

	cfg := fastConfig("n2", nodes[0].Self().Gossip)
	patientConfig(&cfg)
	cfg.BindAddr, cfg.Self.Start = addr, 2
	open(t, cfg)
	waitState(t, nodes[0], "n2", StateAlive)
}

// A process that is stopped (SIGSTOP) still has its connections accepted by the kernel.
func TestNodeThatAcceptsButDoesNotAnswerIsSuspect(t *testing.T) {
	nodes := openCluster(t, 2, func(c *Config) { c.SuspicionMult = 1000 })
	addr := nodes[1].Self().Gossip
	if err := nodes[1].Close(); err != nil {
		t.Fatal(err)
	}
	silent, err := net.Listen("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	defer silent.Close()
	waitState(t, nodes[0], "n2", StateSuspect)
}

func TestNodeThatLeavesIsLeftAndNotDead(t *testing.T) {
	nodes := openCluster(t, 3, nil)
	var mu sync.Mutex
	seen := map[State]bool{}
	changed, stop := nodes[0].Watch()
	ended := make(chan struct{})
	quit := make(chan struct{})
	go func() {
		defer close(ended)
		for {
			select {
			case <-changed:
				n, _ := nodes[0].Node("n3")
				mu.Lock()
				seen[n.State] = true
				mu.Unlock()
			case <-quit:
				return
			}
		}
	}()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	if err := nodes[2].Leave(ctx); err != nil {
		t.Fatal(err)
	}
	if err := nodes[2].Leave(ctx); err != nil {
		t.Errorf("second leave: got %v, want nil", err)
	}
	waitState(t, nodes[0], "n3", StateLeft)
	waitState(t, nodes[1], "n3", StateLeft)
	if got := nodes[2].Self().State; got != StateLeft {
		t.Errorf("own state after leave: got %v, want left", got)
	}
	stop()
	close(quit)
	<-ended
	if mu.Lock(); seen[StateDead] {
		t.Error("n3 was shown as dead on its way")
	}
	mu.Unlock()
	if err := nodes[2].Close(); err != nil {
		t.Fatal(err)
	}
	if err := nodes[2].Leave(ctx); !errors.Is(err, ErrClosed) {
		t.Errorf("leave after close: got %v, want %v", err, ErrClosed)
	}
	if !nodes[0].Forget("n3") {
		t.Error("a node that left could not be forgotten")
	}
}

func TestRestartWithAnotherPortAndHigherStartIsSeen(t *testing.T) {
	// Periodic exchanges are off: seconds must do, not the next exchange.
	noPushPull := func(c *Config) { c.PushPullInterval = time.Hour }
	nodes := openCluster(t, 3, noPushPull)
	old := nodes[2].Self().Gossip
	if err := nodes[2].Close(); err != nil { // as after kill -9
		t.Fatal(err)
	}
	cfg := fastConfig("n3", nodes[0].Self().Gossip, nodes[1].Self().Gossip)
	noPushPull(&cfg)
	cfg.Self.Start, cfg.Self.RESP = 2, "elsewhere:6379"
	back := open(t, cfg)
	if back.Self().Gossip == old {
		t.Skip("the kernel gave the same port again")
	}
	for _, g := range nodes[:2] {
		waitFor(t, g, "n3 alive at its new address", func() bool {
			n, _ := g.Node("n3")
			return n.State == StateAlive && n.Start == 2 && n.Gossip == back.Self().Gossip && n.RESP == "elsewhere:6379"
		})
		// memberlist has accepted the address too, and not only our table.
		waitFor(t, g, "memberlist to probe the new address", func() bool {
			g.mu.Lock()
			defer g.mu.Unlock()
			return g.table.members["n3"].addr == back.addr
		})
	}
}

// Three steps, each at all nodes before the next, change a key while everybody understands everybody.
func TestKeyIsChangedWhileNodesGossip(t *testing.T) {
	old, fresh := []byte("0123456789abcdef"), []byte("fedcba9876543210")
	nodes := openCluster(t, 2, func(c *Config) { c.SecretKeys = [][]byte{old} })
	term := uint64(0)
	heard := func() {
		t.Helper()
		for i, g := range nodes {
			term++
			g.AnnounceLeader(Leader{Shard: 1, Term: term, Node: g.id})
			want := map[uint64]Leader{1: {Shard: 1, Term: term, Node: g.id}}
			other := nodes[1-i]
			waitFor(t, other, "the hint", func() bool { return reflect.DeepEqual(other.Leaders(), want) })
		}
	}
	heard()
	for _, keys := range [][][]byte{{old, fresh}, {fresh, old}, {fresh}} {
		for _, g := range nodes {
			if err := g.UseKeys(keys); err != nil {
				t.Fatal(err)
			}
			heard()
		}
	}
	if stranger := open(t, func() Config {
		c := fastConfig("stranger", nodes[0].Self().Gossip)
		c.SecretKeys = [][]byte{old}
		return c
	}()); len(stranger.Nodes()) != 1 {
		t.Error("a node with the old key was taken in")
	}
	for _, keys := range [][][]byte{nil, {[]byte("short")}, {fresh, fresh, fresh, fresh, fresh, fresh, fresh, fresh, fresh}} {
		if err := nodes[0].UseKeys(keys); err == nil {
			t.Errorf("%d keys were taken", len(keys))
		}
	}
	if err := open(t, fastConfig("plain", "")).UseKeys([][]byte{fresh}); !errors.Is(err, ErrPlain) {
		t.Errorf("a node without a key: %v", err)
	}
	heard()
}
