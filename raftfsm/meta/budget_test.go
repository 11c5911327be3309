package meta

import (
	"testing"

	"github.com/holtcache/holt/proto/slot"
)

// Nodes 1, 2 and 3 hold all three shards, node 4 none.
func TestBudgetOfAShardIsTheSmallestShareOfItsNodes(t *testing.T) {
	for _, row := range []struct {
		name   string
		memory map[string]uint64
		want   map[slot.ShardID]int64
	}{
		{"no node has a limit", nil, map[slot.ShardID]int64{1: 0, 2: 0, 3: 0, 9: 0}},
		{"one node has one", map[string]uint64{"node-2": 300}, map[slot.ShardID]int64{1: 100, 2: 100, 3: 100}},
		{"all have the same", map[string]uint64{"node-1": 300, "node-2": 300, "node-3": 300}, map[slot.ShardID]int64{1: 100, 2: 100, 3: 100}},
		{"the smallest counts", map[string]uint64{"node-1": 900, "node-2": 300, "node-3": 600}, map[slot.ShardID]int64{1: 100, 2: 100, 3: 100}},
		{"a node without replicas bounds nothing", map[string]uint64{"node-4": 1}, map[slot.ShardID]int64{1: 0, 2: 0, 3: 0}},
		{"less than a byte for each is not no limit", map[string]uint64{"node-1": 2}, map[slot.ShardID]int64{1: 1, 2: 1, 3: 1}},
	} {
		c := threeShards(t)
		c.must(registerCommand(4, 1))
		for node, bytes := range row.memory {
			c.must(changesCommand(t, memoryOf(node, 1, bytes)))
		}
		for shard, want := range row.want {
			if got := c.State().Budget(shard); got != want {
				t.Errorf("%s: shard %d: got %d, want %d", row.name, shard, got, want)
			}
		}
	}
}

func TestBudgetFollowsTheReplicas(t *testing.T) {
	c := threeShards(t)
	c.must(registerCommand(4, 1))
	c.must(changesCommand(t, memoryOf("node-3", 1, 300)))
	c.must(changesCommand(t, memoryOf("node-4", 1, 50)))
	all := []string{"node-1", "node-2", "node-3"}
	c.must(replicasCommand(1, all, []string{"node-1", "node-2", "node-4"}))
	for shard, want := range map[slot.ShardID]int64{1: 50, 2: 150, 3: 150} {
		if got := c.State().Budget(shard); got != want {
			t.Errorf("shard %d: got %d, want %d", shard, got, want)
		}
	}
}
