package cluster_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	clusterv1 "github.com/holtcache/holt/proto/holt/cluster/v1"
	"github.com/holtcache/holt/proto/slot"
	"github.com/holtcache/holt/tests/cluster"
	"github.com/holtcache/holt/tests/workload"
)

// Five nodes, five shards of three replicas: every node leads for its clients by redirection what it does not hold, and
// follows the slot map also where it has no vote in the meta group.
func TestNodesWithoutAReplicaRedirectAndFollowTheSlotMap(t *testing.T) {
	t.Parallel()
	c := cluster.Start(t, cluster.Options{Nodes: 5, Settings: &clusterv1.Settings{Replicas: 3, Shards: 5, HeartbeatMs: 1000}})
	values := put(t, c, "five")
	want(t, c, values)
	shards, err := c.Nodes[0].Shards()
	if err != nil {
		t.Fatal(err)
	}
	if len(shards) != 5 {
		t.Fatalf("%d shards, want 5", len(shards))
	}
	for _, s := range shards {
		if len(s.Shard.Replicas) != 3 {
			t.Errorf("shard %d has %d replicas, want 3", s.Shard.Id, len(s.Shard.Replicas))
		}
		key := c.Key(s.Shard.Id, "five", 0)
		for _, n := range c.Nodes {
			if !holds(s.Shard, n) {
				redirects(t, n, key, c.Leader(s.Shard.Id).Node)
			}
		}
	}

	// One more node holds nothing and has no vote; it hears of what the others decide all the same.
	late := c.Add()
	late.Start()
	c.WaitReady()
	status, err := c.Nodes[0].Status()
	if err != nil {
		t.Fatal(err)
	}
	if slices.Contains(status.MetaVoterNodeIds, late.ID()) {
		t.Fatalf("the sixth node is one of %d meta voters", len(status.MetaVoterNodeIds))
	}
	for _, s := range shards {
		next := handOver(t, c, s.Shard.Id)
		redirects(t, late, c.Key(s.Shard.Id, "five", 0), next.Node)
	}
	// A transfer is a decision of the meta group: the epoch goes on, and everybody hears of it.
	cluster.Eventually(t, "every node knows the same epoch", func() error {
		var first uint64
		for i, n := range c.Nodes {
			status, err := n.Status()
			if err != nil {
				return err
			}
			if i == 0 {
				first = status.Epoch
			}
			if status.Epoch != first {
				return fmt.Errorf("node %d knows epoch %d, node 1 %d", n.Number, status.Epoch, first)
			}
		}
		return nil
	})
}

func holds(s *clusterv1.Shard, n *cluster.Node) bool {
	return slices.ContainsFunc(s.Replicas, func(r *clusterv1.Replica) bool { return r.NodeId == n.ID() })
}

// redirects waits until a node sends clients of a key to another node.
func redirects(t *testing.T, n *cluster.Node, key string, to *cluster.Node) {
	t.Helper()
	conn, err := workload.Dial(n.Addr.RESP, cluster.Deadline)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	want := fmt.Sprintf("MOVED %d %s", slot.Of([]byte(key)), to.Addr.RESP)
	cluster.Eventually(t, fmt.Sprintf("node %d redirects to node %d", n.Number, to.Number), func() error {
		reply, err := conn.Do(cluster.Deadline, "GET", key)
		if err == nil || err.Error() != want {
			return fmt.Errorf("got %v, %v; want %s", reply, err, want)
		}
		return nil
	})
}

func TestOneNodeWithOneReplicaIsACluster(t *testing.T) {
	t.Parallel()
	c := cluster.Start(t, cluster.Options{Nodes: 1, Settings: &clusterv1.Settings{Replicas: 1, Shards: 3}})
	values := put(t, c, "one")
	c.KillAll()
	c.Nodes[0].Start()
	c.WaitReady()
	want(t, c, values)
	conn, err := workload.Dial(c.Nodes[0].Addr.RESP, cluster.Deadline)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	info, err := conn.Do(cluster.Deadline, "CLUSTER", "INFO")
	if err != nil || !strings.Contains(fmt.Sprint(info), "cluster_state:ok") {
		t.Errorf("CLUSTER INFO: %v, %v", info, err)
	}
}

// A node that belongs to no cluster says so, and does not hang.
func TestNodeWithoutAClusterSaysSo(t *testing.T) {
	t.Parallel()
	n := cluster.New(t, cluster.Options{Nodes: 1}).Nodes[0]
	n.Start()
	cluster.Eventually(t, "the node answers", func() error { _, err := n.Status(); return err })
	conn, err := workload.Dial(n.Addr.RESP, cluster.Deadline)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if reply, err := conn.Do(cluster.Deadline, "GET", "k"); err == nil || !strings.HasPrefix(err.Error(), "CLUSTERDOWN") {
		t.Errorf("GET: %v, %v; want CLUSTERDOWN", reply, err)
	}
	if err := n.Ready(); err == nil || !strings.Contains(err.Error(), "belongs to no cluster") {
		t.Errorf("/readyz: %v", err)
	}
	n.Stop()
}
