package node

import (
	"context"
	"path/filepath"
	"testing"
	"time"

	"github.com/holtcache/holt/shard/placement"
)

// A node that joins holds nothing until replicas are spread: then it holds and leads as much as the others, and every key is
// where it was.
func TestSpreadingGivesANewNodeItsShare(t *testing.T) {
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
	plan, err := nodes[1].host.Load().SpreadReplicas(ctx, true)
	if err != nil || len(plan.Moves) != 2 || fourth.host.Load().State().Epoch() == 0 {
		t.Fatalf("planned %+v, %v, want two moves", plan, err)
	}
	for _, m := range plan.Moves {
		if m.To != fourth.ID() {
			t.Errorf("planned %+v", m)
		}
	}
	var last placement.Spread
	await(t, "replicas and leaders are spread", func() bool {
		if last, err = nodes[1].host.Load().SpreadReplicas(ctx, false); err != nil {
			t.Log(err) // the plan was made on a state that has changed since
			return false
		}
		return last.Done()
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
