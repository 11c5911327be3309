package client

import (
	"net"
	"testing"

	"google.golang.org/protobuf/proto"

	"github.com/holtcache/holt/proto/apierr"
	cachev1 "github.com/holtcache/holt/proto/holt/cache/v1"
	clusterv1 "github.com/holtcache/holt/proto/holt/cluster/v1"
	"github.com/holtcache/holt/proto/slot"
)

func TestCallGoesToTheLeaderAndWhereItIsSent(t *testing.T) {
	nodes := fakeNodes(t, 3, 0)
	nodes[0].answer = inTurn(failed(apierr.KindNotLeader, nodes[1].addr))
	nodes[1].answer = inTurn(failed(apierr.KindAsk, nodes[2].addr))
	c := dialNodes(t, nodes)
	if _, err := c.Set(within(t, testTime), oneSet); err != nil {
		t.Fatal(err)
	}
	for i, asking := range []bool{false, false, true} {
		calls := nodes[i].seen()
		if len(calls) != 1 {
			t.Fatalf("node %d was asked %d times", i, len(calls))
		}
		if o := optionsOf(calls[0]); !o.GetNoForward() || o.GetAsking() != asking {
			t.Errorf("node %d was asked with %v, want asking %v", i, o, asking)
		}
	}
}

// A leader that this client can't reach is reached by the other nodes, perhaps.
func TestCallGoesThroughAnotherNodeWhereTheLeaderCannotBeReached(t *testing.T) {
	nodes := fakeNodes(t, 2, 1)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	cutOff := l.Addr().String()
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	m := proto.Clone(nodes[0].maps.current).(*clusterv1.SlotMap)
	m.Nodes[1].Addresses.Grpc = cutOff
	nodes[0].maps.set(m)
	c := dialNodes(t, nodes)
	if _, err := c.Set(within(t, testTime), oneSet); err != nil {
		t.Fatal(err)
	}
	if calls := nodes[0].seen(); len(calls) != 1 || optionsOf(calls[0]).GetNoForward() {
		t.Errorf("the other node was asked %v", calls)
	}
}

// A leader that is cut off from the others does not answer; the call does not wait for it once the others have chosen another.
func TestCallMovesToTheNewLeaderWithoutWaitingForTheOldOne(t *testing.T) {
	nodes := fakeNodes(t, 2, 0)
	release, asked := make(chan struct{}), make(chan struct{}, 1)
	nodes[0].answer = func(*cachev1.PipelineCall) *cachev1.PipelineReply {
		asked <- struct{}{}
		<-release
		return setTo(1)
	}
	nodes[1].answer = inTurn(setTo(2))
	defer close(release)
	c := dialNodes(t, nodes)
	go func() {
		<-asked
		nodes[0].maps.set(mapOf(nodes, 1, 2))
	}()
	r, err := c.Set(within(t, testTime), oneSet)
	if err != nil || r.Version != 2 {
		t.Errorf("got %+v, %v, want the answer of the new leader", r, err)
	}
	if a, b := nodes[0].ids(), nodes[1].ids(); len(a) != 1 || len(b) != 1 || a[0] != b[0] {
		t.Errorf("asked under %q and %q", a, b)
	}
}

func TestNewerMapsAndHigherTermsCount(t *testing.T) {
	nodes := []*fakeNode{{addr: "a:1"}, {addr: "b:1"}}
	first := merged(nil, mapOf(nodes, 0, 5), 0)
	if addr, known := first.leaderOf(100); addr != "a:1" || !known {
		t.Fatalf("the leader is %q, %v", addr, known)
	}
	if addr, _ := merged(first, mapOf(nodes, 1, 4), 0).leaderOf(100); addr != "a:1" {
		t.Errorf("a claim of an older term made %q the leader", addr)
	}
	if addr, _ := merged(first, mapOf(nodes, 1, 6), 0).leaderOf(100); addr != "b:1" {
		t.Errorf("behind a newer term the leader is %q", addr)
	}
	next := mapOf(nodes, 0, 5)
	next.Epoch = 2
	next.Shards = append(next.Shards, &clusterv1.Shard{Id: 2, Slots: []*clusterv1.SlotRange{{First: 8192, Last: 16383}}, LeaderNodeId: nodeID(1), Term: 1})
	next.Shards[0].Slots[0].Last = 8191
	split := merged(first, next, 0)
	if addr, _ := split.leaderOf(9000); addr != "b:1" {
		t.Errorf("slot 9000 is at %q", addr)
	}
	back := merged(split, mapOf(nodes, 0, 5), 0)
	if addr, _ := back.leaderOf(9000); addr != "b:1" || back.owners[9000] != slot.ShardID(2) {
		t.Errorf("an older map took slot 9000 to %q", addr)
	}
}

func TestCallsThatWaitShareAMessage(t *testing.T) {
	l := newLink(t.Context(), "nowhere", nil, &counters{})
	defer l.giveUp()
	for range messageCalls + 10 {
		if err := l.submit(&flight{call: &cachev1.PipelineCall{}, bytes: 10}); err != nil {
			t.Fatal(err)
		}
	}
	for _, want := range []int{messageCalls, 10, 0} {
		if got := len(l.take().GetCalls()); got != want {
			t.Errorf("a message of %d calls, want %d", got, want)
		}
	}
	for range 3 {
		if err := l.submit(&flight{call: &cachev1.PipelineCall{}, bytes: messageBytes - 1}); err != nil {
			t.Fatal(err)
		}
	}
	if got := len(l.take().GetCalls()); got != 2 {
		t.Errorf("a message of %d large calls, want 2", got)
	}
}

func TestCloseAnswersEverybody(t *testing.T) {
	nodes := fakeNodes(t, 1, 0)
	release, asked := make(chan struct{}), make(chan struct{}, 1)
	nodes[0].answer = func(*cachev1.PipelineCall) *cachev1.PipelineReply {
		asked <- struct{}{}
		<-release
		return setTo(1)
	}
	defer close(release)
	c := dialNodes(t, nodes)
	go func() {
		<-asked
		_ = c.Close()
	}()
	if _, err := c.Set(within(t, testTime), oneSet); apierr.Of(err).Result() != apierr.OutcomeUnknown {
		t.Errorf("a call in flight at Close: %v", err)
	}
	if _, err := c.Set(within(t, testTime), oneSet); apierr.KindOf(err) != apierr.KindShutdown || apierr.Of(err).Result() != apierr.OutcomeNotApplied {
		t.Errorf("a call behind Close: %v", err)
	}
}
