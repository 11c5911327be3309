package clients

import (
	"context"
	"fmt"
	"testing"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"

	cachev1 "github.com/holtcache/holt/proto/holt/cache/v1"
	clusterv1 "github.com/holtcache/holt/proto/holt/cluster/v1"
	"github.com/holtcache/holt/tests/cluster"
)

func TestStubsMadeInGoWorkAtEveryNode(t *testing.T) {
	t.Parallel()
	c := cluster.Start(t, cluster.Options{Settings: cluster.Calm})
	ctx, cancel := context.WithTimeout(t.Context(), cluster.Deadline)
	defer cancel()
	for _, n := range c.Nodes {
		conn, err := grpc.NewClient("passthrough:///"+n.Addr.GRPC, grpc.WithTransportCredentials(insecure.NewCredentials()))
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		cache := cachev1.NewCacheServiceClient(conn)
		for i := range 20 { // of all shards: what this node does not lead it forwards
			key, value := []byte(fmt.Sprintf("n%d-%d", n.Number, i)), []byte(fmt.Sprint(i))
			set, err := cache.Set(ctx, &cachev1.SetRequest{Key: key, Value: value})
			if err != nil || set.Header.Version == 0 {
				t.Fatalf("node %d, Set: %v, %v", n.Number, set, err)
			}
			got, err := cache.Get(ctx, &cachev1.GetRequest{Key: key})
			if err != nil || string(got.Item.GetValue()) != string(value) || got.Header.Version != set.Header.Version {
				t.Fatalf("node %d, Get: %v, %v; want %s", n.Number, got, err, value)
			}
		}
		slots, err := clusterv1.NewTopologyServiceClient(conn).GetSlotMap(ctx, &clusterv1.GetSlotMapRequest{})
		if err != nil || len(slots.GetSlotMap().GetShards()) != 3 {
			t.Errorf("node %d, GetSlotMap: %v, %v", n.Number, slots, err)
		}
		pipeline(ctx, t, cache)
	}
}

// pipeline sends many calls on one stream before it reads an answer.
func pipeline(ctx context.Context, t *testing.T, cache cachev1.CacheServiceClient) {
	t.Helper()
	stream, err := cache.Pipeline(ctx)
	if err != nil {
		t.Fatal(err)
	}
	const calls = 200
	for i := range calls {
		call := &cachev1.PipelineCall{Id: uint64(i), Call: &cachev1.PipelineCall_Set{
			Set: &cachev1.SetRequest{Key: fmt.Append(nil, "pipelined-", i), Value: []byte("v")},
		}}
		if err := stream.Send(&cachev1.PipelineRequest{Calls: []*cachev1.PipelineCall{call}}); err != nil {
			t.Fatal(err)
		}
	}
	if err := stream.CloseSend(); err != nil {
		t.Fatal(err)
	}
	answered := map[uint64]bool{}
	for len(answered) < calls {
		response, err := stream.Recv()
		if err != nil {
			t.Fatalf("after %d replies of %d: %v", len(answered), calls, err)
		}
		for _, reply := range response.Replies {
			if reply.GetSet() == nil || answered[reply.Id] {
				t.Errorf("got %v", reply)
			}
			answered[reply.Id] = true
		}
	}
}
