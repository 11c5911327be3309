package grpcserver

import (
	"context"
	"testing"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/proto"

	"github.com/holtcache/holt/gateway/router"
	cachev1 "github.com/holtcache/holt/proto/holt/cache/v1"
	clusterv1 "github.com/holtcache/holt/proto/holt/cluster/v1"
	"github.com/holtcache/holt/proto/slot"
)

func TestSlotMapNamesNodesShardsAndLeaders(t *testing.T) {
	n := start(t, 2, Limits{})[0]
	n.cluster.change(func(v *router.View) {
		v.Nodes[1].State = router.NodeSuspect
		v.Shards[1].Leader, v.Shards[1].Term = "", 0
	})
	got := must[*clusterv1.GetSlotMapResponse](t)(n.topology.GetSlotMap(within(t, testTime), nil)).SlotMap
	want := &clusterv1.SlotMap{
		Epoch: 1, ClusterId: "test",
		Nodes: []*clusterv1.Node{
			{Id: nodeID(0), Addresses: &clusterv1.Addresses{Grpc: "grpc-0:6380", Cluster: "cluster-0:6381"}, Health: clusterv1.NodeHealth_NODE_HEALTH_ALIVE},
			{Id: nodeID(1), Addresses: &clusterv1.Addresses{Grpc: "grpc-1:6380", Cluster: "cluster-1:6381"}, Health: clusterv1.NodeHealth_NODE_HEALTH_SUSPECT},
		},
		Shards: []*clusterv1.Shard{
			{Id: 1, Slots: []*clusterv1.SlotRange{{First: 0, Last: 8191}}, LeaderNodeId: nodeID(0), Term: 1,
				Replicas: []*clusterv1.Replica{{NodeId: nodeID(0), Role: clusterv1.ReplicaRole_REPLICA_ROLE_VOTER}}},
			{Id: 2, Slots: []*clusterv1.SlotRange{{First: 8192, Last: 16383}},
				Replicas: []*clusterv1.Replica{{NodeId: nodeID(1), Role: clusterv1.ReplicaRole_REPLICA_ROLE_VOTER}}},
		},
	}
	if !proto.Equal(got, want) {
		t.Errorf("got %v\nwant %v", got, want)
	}
}

// setEpoch puts a map of another epoch in place and returns when the watcher has seen it.
func setEpoch(t *testing.T, c *fakeCluster, epoch uint64) {
	t.Helper()
	m, err := slot.NewMap(epoch, c.View().Map.Assignments())
	if err != nil {
		t.Fatal(err)
	}
	c.changeSeen(t, func(v *router.View) { v.Map = m })
}

func TestWatchSendsTheMapAndThenEachChange(t *testing.T) {
	n := start(t, 2, Limits{})[0]
	watch, err := n.topology.WatchSlotMap(within(t, testTime), nil)
	if err != nil {
		t.Fatal(err)
	}
	next := func() *clusterv1.SlotMap {
		t.Helper()
		return must[*clusterv1.WatchSlotMapResponse](t)(watch.Recv()).SlotMap
	}
	if got := next(); got.Epoch != 1 || got.Shards[1].Term != 1 {
		t.Fatalf("first: %v", got)
	}
	n.cluster.change(func(v *router.View) { v.Shards[1].Leader, v.Shards[1].Term = nodeID(0), 2 })
	if got := next(); got.Epoch != 1 || got.Shards[1].LeaderNodeId != nodeID(0) || got.Shards[1].Term != 2 {
		t.Fatalf("new leader: %v", got)
	}
	n.cluster.changeSeen(t, func(*router.View) {}) // nothing that the map shows: no message
	setEpoch(t, n.cluster, 3)
	if got := next(); got.Epoch != 3 {
		t.Fatalf("new epoch: %v", got)
	}
	setEpoch(t, n.cluster, 2) // a node that learned less after its restart: no message
	setEpoch(t, n.cluster, 4)
	if got := next(); got.Epoch != 4 {
		t.Fatalf("after an older map: %v", got)
	}
}

// Nobody receives while many changes come: what is received then are fewer messages, the last of them the newest map.
func TestWatchJoinsChangesThatAClientDoesNotRead(t *testing.T) {
	n := start(t, 2, Limits{})[0]
	watch, err := n.topology.WatchSlotMap(within(t, testTime), nil)
	if err != nil {
		t.Fatal(err)
	}
	must[*clusterv1.WatchSlotMapResponse](t)(watch.Recv())
	const changes = 20000
	for epoch := uint64(2); epoch <= changes; epoch++ {
		term := epoch
		n.cluster.change(func(v *router.View) { v.Shards[1].Term = term })
	}
	for received := 1; ; received++ {
		got := must[*clusterv1.WatchSlotMapResponse](t)(watch.Recv()).SlotMap
		if got.Shards[1].Term == changes {
			if received >= changes-1 {
				t.Errorf("%d messages for %d changes", received, changes)
			}
			return
		}
	}
}

func TestStreamsEndWithTheServer(t *testing.T) {
	n := start(t, 1, Limits{})[0]
	ctx := within(t, testTime)
	watch, err := n.topology.WatchSlotMap(ctx, nil)
	if err != nil {
		t.Fatal(err)
	}
	must[*clusterv1.WatchSlotMapResponse](t)(watch.Recv())
	stream := openPipeline(t, ctx, n)
	exchange(t, stream, pipelined(1, set([]byte("k"), "v")))
	stopCtx, cancel := context.WithTimeout(context.Background(), testTime)
	defer cancel()
	n.server.Stop(stopCtx)
	if stopCtx.Err() != nil {
		t.Error("Stop had to cut the streams")
	}
	_, err = watch.Recv()
	expect(t, err, codes.Unavailable, "shutdown", notApplied)
	_, err = stream.Recv()
	expect(t, err, codes.Unavailable, "shutdown", notApplied)
}

// A client that neither reads nor leaves cannot keep the server from stopping.
func TestStopCutsWhoDoesNotLeave(t *testing.T) {
	n := start(t, 1, Limits{})[0]
	must[*cachev1.SetResponse](t)(n.cache.Set(within(t, testTime), set([]byte("warm"), "up")))
	n.replica().hold(t)
	before := n.replica().exec.Stats().Evaluated
	done := make(chan struct{})
	go func() { defer close(done); _, _ = n.cache.Set(within(t, testTime), set([]byte("k"), "v")) }()
	eventually(t, func() bool { return n.replica().exec.Stats().Evaluated > before })
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Millisecond)
	defer cancel()
	n.server.Stop(ctx)
	<-done
}
