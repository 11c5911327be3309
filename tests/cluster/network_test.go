package cluster_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/holtcache/holt/tests/cluster"
	"github.com/holtcache/holt/tests/model"
	"github.com/holtcache/holt/tests/nemesis"
	"github.com/holtcache/holt/tests/workload"

	clusterv1 "github.com/holtcache/holt/proto/holt/cluster/v1"
)

// apart is a cluster of one shard, each node on a host of its own.
type apart struct {
	*cluster.Cluster
	net   *nemesis.Network
	shard uint64
}

func startApart(t *testing.T, nodes int) *apart {
	t.Helper()
	net := nemesis.NewNetwork(t, nodes)
	c := cluster.Start(t, cluster.Options{
		Nodes: nodes, Homes: cluster.On(net), Settings: &clusterv1.Settings{Shards: 1, Replicas: uint32(nodes)},
	})
	return &apart{c, net, c.ShardIDs()[0]}
}

// others lists the nodes but one.
func (a *apart) others(one *cluster.Node) []*cluster.Node {
	var nodes []*cluster.Node
	for _, n := range a.Nodes {
		if n != one {
			nodes = append(nodes, n)
		}
	}
	return nodes
}

// writesMeanwhile take longer than an election does.
const writesMeanwhile = 10 * writesBetween

// hold lets something go wrong while clients work, who make progress before it, during it and after it.
func (a *apart) hold(t *testing.T, run *workload.Run, f nemesis.Fault, during func()) {
	t.Helper()
	instant(t, run, drawing())
	nemesis.During(t, f, func() {
		during()
		progress(t, run, "while there is: "+f.Name(), writesMeanwhile)
	})
	switch f := f.(type) {
	case *nemesis.Cut:
		t.Logf("%s: packets dropped %v", f.Name(), f.Dropped())
	case *nemesis.Disturbance:
		t.Logf("%s: %+v", f.Name(), f.Effects())
	}
	allReady(t, a.Cluster)
	progress(t, run, "after "+f.Name(), writesBetween)
}

// A leader that is cut off from the other nodes, and not from its clients, is replaced. It answers no read that the next
// leader's writes could have changed, by no way of reading that promises anything; who asks for stale data gets some.
func TestIsolatedLeaderIsReplacedAndAnswersNothingStale(t *testing.T) {
	t.Parallel()
	a := startApart(t, 3)
	run := work(t, a.Cluster, []uint64{a.shard})
	for i := range *rounds {
		a.WaitSettled() // else leadership goes back to where it was before the last cut, in the middle of this one
		old := a.Leader(a.shard)
		key := a.Key(a.shard, "isolated", i)
		set(t, run, workload.Pinned(old.Node.Addr.RESP, workload.Modes{}), key, "before")
		early := dialAll(t, old.Node, 4)
		var cut time.Time
		a.hold(t, run, a.net.Isolate(old.Node.Number), func() {
			cut = time.Now()
			reads := queueReads(t, run, early[:2], key) // still within the lease, or not
			a.firstWrite(t, run, a.others(old.Node), key, "after")
			t.Logf("the first write of the next leader is acknowledged %v after the cut", time.Since(cut).Round(time.Millisecond))
			if next := a.LeaderAfter(a.shard, old.Term); next.Node == old.Node {
				t.Fatalf("the isolated node leads in term %d", next.Term)
			}
			reads()
			a.refuses(t, run, early[2:], key)
			if values, err := valuesAt(old.Node, []string{key}); err != nil || values[0] == nil {
				t.Errorf("stale read at the isolated node: %v, %v", values, err)
			}
		})
	}
	accept(t, run)
}

// firstWrite writes at several nodes in turn until one acknowledges it.
func (a *apart) firstWrite(t *testing.T, run *workload.Run, nodes []*cluster.Node, key, value string) {
	t.Helper()
	var clients []workload.Client
	for _, n := range nodes {
		client := workload.Pinned(n.Addr.RESP, workload.Modes{})
		defer client.Close()
		clients = append(clients, client)
	}
	attempts := 0
	cluster.Eventually(t, "a write is acknowledged", func() error {
		attempts++
		o := run.Attempt(clients[attempts%len(clients)], model.Op{Client: 950, Kind: model.Set, Key: key, Arg: fmt.Sprint(value, attempts)})
		if o.Outcome != model.OK {
			return errors.New(o.String())
		}
		return nil
	})
}

// refuses reads at a deposed leader, and wants errors.
func (a *apart) refuses(t *testing.T, run *workload.Run, conns []*workload.Conn, key string) {
	t.Helper()
	for _, conn := range conns {
		reply, err := conn.Do(cluster.Deadline, "GET", key)
		var refused workload.ServerError
		if !errors.As(err, &refused) {
			t.Errorf("read at the isolated leader: %v, %v, want a refusal", reply, err)
		}
		conn.Close()
	}
}

// Cuts of some links, none of which keeps a majority from working: the clients make progress and see nothing wrong.
func TestHistoriesAreLinearizableWhileLinksAreCut(t *testing.T) {
	needsAll(t)
	a := startApart(t, 3)
	run := work(t, a.Cluster, []uint64{a.shard})
	for range *rounds {
		for _, c := range []struct {
			what string
			cut  func(leader, follower int) *nemesis.Cut
		}{
			{"the leader is heard by nobody", func(leader, _ int) *nemesis.Cut { return a.net.Mute(leader) }},
			{"the leader hears nobody", func(leader, _ int) *nemesis.Cut { return a.net.Deaf(leader) }},
			{"a follower does not hear the leader", func(leader, follower int) *nemesis.Cut { return a.net.OneWay(leader, follower) }},
			{"the leader does not hear a follower", func(leader, follower int) *nemesis.Cut { return a.net.OneWay(follower, leader) }},
			{"a follower is the bridge between the others", func(_, follower int) *nemesis.Cut { return a.net.Bridge(follower) }},
			{"the leader's links are refused", func(leader, _ int) *nemesis.Cut { return a.net.Isolate(leader).Refusing() }},
		} {
			t.Log(c.what)
			leader := a.Leader(a.shard).Node
			a.hold(t, run, c.cut(leader.Number, a.others(leader)[0].Number), func() {})
		}
	}
	accept(t, run)
}

// Cuts that only five nodes can have: a majority is left, or there is one for everybody, each another.
func TestHistoriesOfFiveNodesAreLinearizableWhileLinksAreCut(t *testing.T) {
	needsAll(t)
	a := startApart(t, 5)
	run := work(t, a.Cluster, []uint64{a.shard})
	for _, cut := range []func(leader int) *nemesis.Cut{
		a.net.Minority, // the leader is in it
		a.net.Majority,
		a.net.Bridge,
		func(int) *nemesis.Cut { return a.net.Ring() },
	} {
		a.hold(t, run, cut(a.Leader(a.shard).Node.Number), func() {})
	}
	accept(t, run)
}

// Links and programs that are bad and not broken: everything goes on, if slowly, and nobody sees anything wrong.
func TestHistoriesAreLinearizableWhileAllIsSlow(t *testing.T) {
	needsAll(t)
	a := startApart(t, 3)
	run := work(t, a.Cluster, []uint64{a.shard})
	random := drawing()
	leader := func() *cluster.Node { return a.Leader(a.shard).Node }
	links := func() []nemesis.Link { return a.net.Isolate(leader().Number).Links }
	for _, makes := range []func() nemesis.Fault{
		func() nemesis.Fault {
			return a.net.Disturb(nemesis.Quality{Delay: time.Millisecond, Jitter: 30 * time.Millisecond, Duplicates: 0.1}, random, links()...)
		},
		func() nemesis.Fault { return a.net.Disturb(nemesis.Quality{Loss: 0.05}, random, links()...) },
		func() nemesis.Fault {
			return &nemesis.Flapping{Fault: a.net.Isolate(leader().Number), Random: random, On: time.Second, Off: time.Second}
		},
		func() nemesis.Fault {
			return &nemesis.Slowness{Program: cluster.Programs(leader())[0], Share: 0.5}
		},
	} {
		a.hold(t, run, makes(), func() {})
	}
	accept(t, run)
}

// unreachedWrites take seconds: longer than an election.
const unreachedWrites = 2

// Clients that cannot reach the leader are no reason to have another one.
func TestLeaderThatOnlyClientsCannotReachStaysLeader(t *testing.T) {
	needsAll(t)
	a := startApart(t, 3)
	run := work(t, a.Cluster, []uint64{a.shard})
	a.WaitSettled()
	old := a.Leader(a.shard)
	instant(t, run, drawing())
	moved, unreached := a.Key(a.shard, "moved", 0), a.Key(a.shard, "unreached", 0)
	cut := a.net.ClientLinks(old.Node.Number)
	nemesis.During(t, cut, func() {
		conn, err := workload.Dial(a.others(old.Node)[0].Addr.RESP, workload.RequestTimeout)
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		for range unreachedWrites {
			// The node knows a leader all the while, and says so: who follows is cut off.
			_, err := conn.Do(workload.RequestTimeout, "SET", moved, "v")
			var redirect workload.ServerError
			if !errors.As(err, &redirect) || !strings.HasPrefix(string(redirect), "MOVED ") || !strings.HasSuffix(string(redirect), old.Node.Addr.RESP) {
				t.Fatalf("a follower answers %v, want that the leader is at %s", err, old.Node.Addr.RESP)
			}
			client := workload.Pinned(old.Node.Addr.RESP, workload.Modes{})
			if o := run.Attempt(client, model.Op{Client: 960, Kind: model.Set, Key: unreached, Arg: "v"}); o.Outcome == model.OK {
				t.Errorf("a client that is cut off: %s", o)
			}
			client.Close()
		}
	})
	allReady(t, a.Cluster)
	progress(t, run, "after the cut", writesBetween)
	if now := a.Leader(a.shard); now.Term != old.Term {
		t.Errorf("term %d after the cut, want %d", now.Term, old.Term)
	}
	accept(t, run)
}
