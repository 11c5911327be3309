package cluster_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/holtcache/holt/shard/migration"
	"github.com/holtcache/holt/tests/cluster"
	"github.com/holtcache/holt/tests/workload"
)

// asked is a node's reply to one command.
func asked(t *testing.T, n *cluster.Node, args ...string) any {
	t.Helper()
	conn, err := workload.Dial(n.Addr.RESP, cluster.Deadline)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	reply, err := conn.Do(cluster.Deadline, args...)
	if err != nil {
		t.Fatalf("%v at node %d: %v", args, n.Number, err)
	}
	return reply
}

// counted waits until all nodes together count that many keys.
func counted(t *testing.T, c *cluster.Cluster, keys int64) {
	t.Helper()
	cluster.Eventually(t, fmt.Sprintf("the nodes count %d keys", keys), func() error {
		var sum int64
		for _, n := range c.Nodes {
			sum += asked(t, n, "DBSIZE").(int64)
		}
		if sum != keys {
			return fmt.Errorf("they count %d", sum)
		}
		return nil
	})
}

// The slots of a shard are copied and not handed over yet: their keys are counted once, and the nodes that lead the two shards
// mark them for clients.
func TestSlotsOnTheirWayAreCountedOnceAndMarked(t *testing.T) {
	t.Parallel()
	steps := cluster.NewSteps(t)
	c := cluster.Start(t, cluster.Options{Settings: calm, Steps: steps})
	shards := c.ShardIDs()
	from, to := c.Leader(shards[0]), c.Leader(shards[1])
	keys := c.Keys(shards[0])
	for i := range 50 {
		asked(t, from.Node, "SET", keys("counted", i), "1")
	}
	counted(t, c, 50)
	if err := steps.Stop(migration.StepBeforeFreeze); err != nil {
		t.Fatal(err)
	}
	ranges := c.Slots(shards[0])
	id := c.StartMigration(shards[0], shards[1], ranges)
	steps.At(c, migration.StepBeforeFreeze)
	counted(t, c, 50)
	for _, at := range []struct {
		node   *cluster.Node
		marker string
	}{
		{from.Node, fmt.Sprintf("[%d->-%s]", ranges[0].First, to.Node.ID())},
		{to.Node, fmt.Sprintf("[%d-<-%s]", ranges[0].First, from.Node.ID())},
	} {
		cluster.Eventually(t, fmt.Sprintf("node %d marks the slots", at.node.Number), func() error {
			if text := fmt.Sprint(asked(t, at.node, "CLUSTER", "NODES")); !strings.Contains(text, at.marker) {
				return fmt.Errorf("no %s in %.400s", at.marker, text)
			}
			return nil
		})
	}
	if err := steps.GoOn(migration.StepBeforeFreeze); err != nil {
		t.Fatal(err)
	}
	c.MigrationEnded(id)
	counted(t, c, 50)
	if text := fmt.Sprint(asked(t, to.Node, "CLUSTER", "NODES")); strings.Contains(text, "[") {
		t.Errorf("slots are marked still: %.400s", text)
	}
}
