package cluster_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/holtcache/holt/tests/cluster"
	"github.com/holtcache/holt/tests/model"
	"github.com/holtcache/holt/tests/workload"

	clusterv1 "github.com/holtcache/holt/proto/holt/cluster/v1"
)

// calm makes elections so rare that none comes of a busy machine: where a test says that no request fails, the cause of
// a failure shall be what the test does.
var calm = &clusterv1.Settings{HeartbeatMs: 2000}

// handOver has a shard led by another node. A busy machine may bring an election in between, so it is asked for until the
// leadership has moved.
func handOver(t *testing.T, c *cluster.Cluster, shard uint64) cluster.Leadership {
	t.Helper()
	old := c.Leader(shard)
	var next cluster.Leadership
	cluster.Eventually(t, fmt.Sprintf("shard %d is handed over", shard), func() error {
		if _, err := c.Transfer(shard, nil); err != nil {
			return err
		}
		if next = c.Leader(shard); next.Node == old.Node || next.Term <= old.Term {
			return fmt.Errorf("from node %d in term %d to node %d in term %d", old.Node.Number, old.Term, next.Node.Number, next.Term)
		}
		return nil
	})
	return next
}

// followers starts clients on every shard that follow redirects as a cluster client does, and otherwise repeat nothing.
func followers(t *testing.T, c *cluster.Cluster, shards []uint64) *workload.Run {
	t.Helper()
	run := workload.NewRun(*seed)
	for _, shard := range shards {
		keys := c.Keys(shard)
		lane := workload.Writers(func(i int) string { return keys("planned", i) })
		for range 2 {
			run.Go(workload.Follower(c.RESP()), lane, clientPause)
		}
	}
	return run
}

// noneFailed stops a run in which every request has to have succeeded, and checks that what was written is there.
func noneFailed(t *testing.T, c *cluster.Cluster, run *workload.Run) {
	t.Helper()
	if err := run.Stop(); err != nil {
		t.Error(err)
	}
	ops := run.History.Ops()
	for _, o := range ops {
		if o.Outcome != model.OK {
			t.Errorf("a request failed: %s", o)
		}
	}
	reader := workload.GoRedis(c.RESP(), workload.Modes{})
	defer reader.Close()
	if err := model.CheckWrites(ops, readAll(t, run, reader, ops)); err != nil {
		t.Error(err)
	}
	t.Logf("%d requests", len(ops))
}

func TestPlannedTransferFailsNoRequest(t *testing.T) {
	t.Parallel()
	c := cluster.Start(t, cluster.Options{Settings: calm})
	shards := c.ShardIDs()
	run := followers(t, c, shards)
	progress(t, run, "before the transfers", 100)
	for range *rounds {
		for _, shard := range shards {
			old := c.Leader(shard)
			next, err := c.Transfer(shard, nil)
			if err != nil {
				t.Fatal(err)
			}
			if next.Node == old.Node || next.Term <= old.Term {
				t.Fatalf("shard %d: handed over from node %d in term %d to node %d in term %d", shard, old.Node.Number, old.Term, next.Node.Number, next.Term)
			}
			progress(t, run, "after a transfer", 50)
		}
	}
	noneFailed(t, c, run)
}

// The meta group is handed over like any shard, and the shards do not notice.
func TestTransferOfTheMetaGroupFailsNoRequest(t *testing.T) {
	t.Parallel()
	c := cluster.Start(t, cluster.Options{Settings: calm})
	run := followers(t, c, c.ShardIDs())
	progress(t, run, "before the transfer", 50)
	before, err := c.Nodes[0].Status()
	if err != nil {
		t.Fatal(err)
	}
	next, err := c.Transfer(0, nil)
	if err != nil {
		t.Fatal(err)
	}
	if next.Node == nil || next.Node.ID() == before.MetaLeaderNodeId {
		t.Fatalf("the meta group is still led by %s", before.MetaLeaderNodeId)
	}
	progress(t, run, "after the transfer", 50)
	noneFailed(t, c, run)
}

// Nodes are stopped in good order and started again, one after another. Each hands over what it leads, so no shard waits
// for an election: every new leader begins behind a LEASE_RELEASE, and no request fails.
func TestRollingRestartCostsNoElection(t *testing.T) {
	t.Parallel()
	c := cluster.Start(t, cluster.Options{Settings: calm})
	shards := c.ShardIDs()
	run := followers(t, c, shards)
	for _, n := range c.Nodes {
		c.WaitSettled()
		progress(t, run, "before the stop", 50)
		terms := map[uint64]cluster.Leadership{}
		for _, shard := range shards {
			terms[shard] = c.Leader(shard)
		}
		elections := countLogged(c, "after_release=false")
		n.Stop()
		for _, shard := range shards {
			was, is := terms[shard], c.Leader(shard)
			if is.Node == n || was.Node == n && is.Term == was.Term {
				t.Fatalf("shard %d was led by node %d in term %d, and by node %d in term %d after node %d had stopped", shard, was.Node.Number, was.Term, is.Node.Number, is.Term, n.Number)
			}
		}
		if got := countLogged(c, "after_release=false"); got != elections {
			t.Errorf("the stop of node %d cost %d elections", n.Number, got-elections)
		}
		n.Start()
		c.WaitReady()
	}
	noneFailed(t, c, run)
}

// countLogged counts a text in the logs of all nodes.
func countLogged(c *cluster.Cluster, text string) int {
	count := 0
	for _, n := range c.Nodes {
		count += strings.Count(n.Log(), text)
	}
	return count
}
