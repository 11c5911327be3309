package cluster_test

import (
	"fmt"
	"strings"
	"testing"

	clusterv1 "github.com/holtcache/holt/proto/holt/cluster/v1"
	"github.com/holtcache/holt/tests/cluster"
	"github.com/holtcache/holt/tests/pace"
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
	needsAll(t)
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

// What users call are client libraries with the options that they have by themselves: none of their requests fails while nodes
// come, go and, with -all, are restarted, and nothing that was acknowledged is lost or there twice.
func TestClientLibrariesNoticeNothingOfNodesThatComeAndGo(t *testing.T) {
	t.Parallel()
	c := cluster.Start(t, cluster.Options{Settings: calm})
	load, err := pace.Start(pace.Options{Addrs: c.RESP(), Rate: libraryRate, Seed: *seed})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := load.Close(); err != nil {
			t.Log(err)
		}
	})
	most := 4
	if *all {
		most = 5
	}
	for nodes := 4; nodes <= most; nodes++ {
		c.Join()
		c.Rebalance(&clusterv1.RebalanceGoal{})
		balanced(t, c, nodes)
	}
	for nodes := most; nodes > 3; nodes-- {
		c.RemoveNode(c.Nodes[nodes-1], false)
	}
	c.Rebalance(&clusterv1.RebalanceGoal{})
	balanced(t, c, 3)
	if *all {
		for _, n := range c.Nodes[:3] {
			n.Stop()
			n.Start()
			c.WaitReady()
		}
	}
	load.Stop()
	f := load.Between(0, load.Now())
	if f.Failed > 0 {
		t.Errorf("%d of %d requests failed:\n%s", f.Failed, f.Requests, strings.Join(f.Failures, "\n"))
	}
	checked, err := load.Check(t.Context())
	if err != nil || checked == 0 {
		t.Errorf("of %d acknowledged writes: %v", checked, err)
	}
	t.Logf("%d requests, p50 %v, p99 %v, longest pause of a slot %v; %d increments and appended texts are there", f.Requests, f.P50, f.P99, f.Pauses[0].Length, checked)
	same(t, c)
}

// libraryRate is how many requests a second the libraries send in tests: enough to meet each step of a migration.
const libraryRate = 500

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
