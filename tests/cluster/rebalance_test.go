package cluster_test

import (
	"fmt"
	"testing"

	clusterv1 "github.com/holtcache/holt/proto/holt/cluster/v1"
	"github.com/holtcache/holt/tests/cluster"
)

// balanced returns when there are that many shards, each led by another node and with as many slots as the others.
func balanced(t *testing.T, c *cluster.Cluster, shards int) {
	t.Helper()
	cluster.Eventually(t, fmt.Sprintf("%d shards are balanced", shards), func() error {
		list, err := c.Running()[0].Shards()
		if err != nil {
			return err
		}
		if len(list) != shards {
			return fmt.Errorf("%d shards", len(list))
		}
		led := map[string]uint64{}
		for _, s := range list {
			slots := 0
			for _, r := range s.Shard.Slots {
				slots += int(r.Last-r.First) + 1
			}
			if slots < 16384/shards || slots > 16384/shards+1 {
				return fmt.Errorf("shard %d owns %d slots", s.Shard.Id, slots)
			}
			if other, twice := led[s.Shard.LeaderNodeId]; twice || s.Shard.LeaderNodeId == "" {
				return fmt.Errorf("shards %d and %d are led by %q", other, s.Shard.Id, s.Shard.LeaderNodeId)
			}
			led[s.Shard.LeaderNodeId] = s.Shard.Id
		}
		return nil
	})
}

// Two nodes join and leave again while clients work, with a rebalance each time: no request fails, and nothing is lost.
func TestClusterGrowsAndShrinksUnderLoadAndNoRequestFails(t *testing.T) {
	c := cluster.Start(t, cluster.Options{Settings: calm})
	run := followers(t, c, c.ShardIDs())
	progress(t, run, "before the fourth node joins", 50)
	for nodes := 4; nodes <= 5; nodes++ {
		c.Join()
		c.Rebalance(&clusterv1.RebalanceGoal{})
		balanced(t, c, nodes)
		progress(t, run, fmt.Sprintf("with %d nodes", nodes), 50)
	}
	for nodes := 4; nodes >= 3; nodes-- {
		c.RemoveNode(c.Nodes[nodes], false)
		c.Rebalance(&clusterv1.RebalanceGoal{})
		balanced(t, c, nodes)
		progress(t, run, fmt.Sprintf("with %d nodes again", nodes), 50)
	}
	noneFailed(t, c, run)
	same(t, c)
}

// Whoever controls the rebalance, it comes to its end.
func TestRebalanceGoesOnWhenItsControllerIsKilled(t *testing.T) {
	needsAll(t)
	c := cluster.Start(t, cluster.Options{})
	run := work(t, c, c.ShardIDs())
	progress(t, run, "before the fourth node joins", 50)
	c.Join()
	cluster.Eventually(t, "the rebalance begins", func() error { return c.StartRebalance(&clusterv1.RebalanceGoal{}) })
	killed := c.MetaLeader()
	killed.Kill()
	progress(t, run, "without the controller", 50)
	killed.Start()
	c.WaitReady()
	cluster.Eventually(t, "the rebalance is done", c.Rebalanced)
	balanced(t, c, 4)
	accept(t, run)
	same(t, c)
}
