package node

import (
	"context"
	"path/filepath"
	"testing"
	"time"

	clusterv1 "github.com/holtcache/holt/proto/holt/cluster/v1"
)

// A node that joins holds nothing until a rebalance is asked for: then it holds and leads as much as the others, and every key is
// where it was.
func TestRebalanceGivesANewNodeItsShareOfReplicas(t *testing.T) {
	t.Parallel()
	nodes := openCluster(t, 3)
	c := clientOf(t, nodes)
	for i := range 30 {
		set(t, c, string(rune('a'+i)), i)
	}
	fourth := open(t, Config{Dir: filepath.Join(t.TempDir(), "4"), Join: []string{nodes[0].Addresses().Cluster}})
	awaitReady(t, fourth)
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	await(t, "the fourth node is alive to the one that is asked", func() bool {
		return nodes[1].host.Load().Liveness().Alive(fourth.ID())
	})
	ask := admin{nodes[1]}
	plan, err := ask.plan(ctx, goalOf(&clusterv1.RebalanceGoal{Shards: 3}))
	if err != nil || len(plan.plan.Create)+len(plan.plan.Moves) > 0 {
		t.Fatalf("planned %+v, %v, want replicas to be spread alone", plan.plan, err)
	}
	if err := ask.StartRebalance(ctx, &clusterv1.RebalanceGoal{Shards: 3}); err != nil {
		t.Fatal(err)
	}
	await(t, "the rebalance is done", func() bool {
		_, runs := nodes[0].host.Load().State().Rebalance()
		return !runs && nodes[0].host.Load().State().Epoch() > plan.state.Epoch()
	})
	await(t, "the fourth node has opened two replicas, and nobody holds more than three", func() bool {
		total := 0
		for _, n := range append(nodes, fourth) {
			total += len(n.host.Load().Replicas())
		}
		return len(fourth.host.Load().Replicas()) == 2 && total == 9
	})
	for i := range 30 {
		if got, err := c.Get(ctx, string(rune('a'+i))).Int(); err != nil || got != i {
			t.Errorf("key %c: got %d, %v, want %d", 'a'+i, got, err, i)
		}
	}
}
