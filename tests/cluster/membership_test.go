package cluster_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/holtcache/holt/tests/cluster"

	clusterv1 "github.com/holtcache/holt/proto/holt/cluster/v1"
)

// knownAs is what a node's list of nodes says of another.
func knownAs(n *cluster.Node, id string) (*clusterv1.NodeStatus, error) {
	nodes, err := n.Nodes()
	if err != nil {
		return nil, err
	}
	if i := slices.IndexFunc(nodes, func(s *clusterv1.NodeStatus) bool { return s.Node.Id == id }); i >= 0 {
		return nodes[i], nil
	}
	return nil, nil
}

// unlisted is nil if a node does not list another.
func unlisted(n *cluster.Node, id string) error {
	status, err := knownAs(n, id)
	if err == nil && status != nil {
		err = fmt.Errorf("node %d lists %v", n.Number, status)
	}
	return err
}

// health is nil if a node believes that of another.
func health(n, other *cluster.Node, want clusterv1.NodeHealth) error {
	status, err := knownAs(n, other.ID())
	if got := status.GetNode().GetHealth(); err == nil && got != want {
		err = fmt.Errorf("node %d is %v", other.Number, got)
	}
	return err
}

// deleted is nil once a node has no replica on disk.
func deleted(n *cluster.Node) error {
	entries, err := os.ReadDir(filepath.Join(n.Dir, "shards"))
	if err == nil && len(entries) > 0 {
		err = fmt.Errorf("%d replicas are still there", len(entries))
	}
	return err
}

// logged waits until a node has said something.
func logged(t *testing.T, n *cluster.Node, text string) {
	t.Helper()
	cluster.Eventually(t, fmt.Sprintf("node %d says %q", n.Number, text), func() error {
		if !strings.Contains(n.Log(), text) {
			return errors.New("not yet")
		}
		return nil
	})
}

// same waits until the replicas of each shard hold the same.
func same(t *testing.T, c *cluster.Cluster) {
	t.Helper()
	cluster.Eventually(t, "all replicas hold the same", c.SameEverywhere)
}

// A fourth node joins, and one of the first three, which leads a shard and the meta group, is taken out while clients write:
// no request fails, nothing is lost, and the node knows that it was removed and never comes back.
func TestNodeIsReplacedUnderLoadAndNoRequestFails(t *testing.T) {
	t.Parallel()
	c := cluster.Start(t, cluster.Options{Settings: calm})
	shards := c.ShardIDs()
	run := followers(t, c, shards)
	progress(t, run, "before the fourth node joins", 50)
	fourth := c.Join()
	if status, err := knownAs(c.Nodes[0], fourth.ID()); err != nil || status.GetReplicas() != 0 {
		t.Fatalf("a node that has just joined: %v, %v, want it without replicas", status, err)
	}

	old := c.Leader(shards[0]).Node
	if _, err := c.Transfer(0, old); err != nil {
		t.Fatal(err)
	}
	c.RemoveNode(old, false)
	stay := slices.DeleteFunc(slices.Clone(c.Nodes), func(n *cluster.Node) bool { return n == old })
	progress(t, run, "after the removal", 50)
	c.WaitMembers(3, stay...)
	cluster.Eventually(t, "the meta group has three voters that stay", func() error {
		status, err := stay[0].Status()
		if err == nil && (len(status.MetaVoterNodeIds) != 3 || slices.Contains(status.MetaVoterNodeIds, old.ID())) {
			err = fmt.Errorf("its voters are %v", status.MetaVoterNodeIds)
		}
		return err
	})

	// The node serves nothing, says why, and still sends clients to where they are served.
	logged(t, old, "this node was removed from the cluster")
	cluster.Eventually(t, "the replicas of the removed node are deleted", func() error { return deleted(old) })
	if err := old.Ready(); err == nil || !strings.Contains(err.Error(), "was removed from the cluster") {
		t.Errorf("/readyz of the removed node: %v", err)
	}
	noneFailed(t, c, run)

	// Its id does not come back with a restart; the emptied folder is a new node.
	gone := old.ID()
	old.Stop()
	old.Start()
	cluster.Eventually(t, "the removed node says again that it was removed", func() error {
		if n := strings.Count(old.Log(), "this node was removed from the cluster"); n < 2 {
			return fmt.Errorf("said %d times", n)
		}
		return nil
	})
	if err := unlisted(stay[0], gone); err != nil {
		t.Errorf("after its restart: %v", err)
	}
	old.Stop()
	old.Wipe()
	old.Start()
	cluster.Eventually(t, "the emptied node joins under a new id", func() error {
		status, err := knownAs(stay[0], old.ID())
		if err == nil && (status == nil || old.ID() == gone) {
			err = fmt.Errorf("id %s is not listed", old.ID())
		}
		return err
	})
	same(t, c)
}

// Membership changes and the deaths of leaders at once: replicas go from node to node while leaders are killed in the midst of
// it, and clients of both kinds read what they should.
func TestHistoriesAreLinearizableWhileReplicasMoveAndLeadersDie(t *testing.T) {
	needsAll(t)
	c := cluster.Start(t, cluster.Options{})
	c.Join()
	shards := c.ShardIDs()
	run := work(t, c, shards)
	progress(t, run, "before anything moves", 100)
	for i := range *rounds + 1 {
		out := c.Nodes[i%len(c.Nodes)]
		c.Drain(out)
		leader := c.Leader(shards[i%len(shards)])
		leader.Node.Kill()
		progress(t, run, "with a leader dead while replicas move", 60)
		leader.Node.Start()
		stay := slices.DeleteFunc(slices.Clone(c.Nodes), func(n *cluster.Node) bool { return n == out })
		c.WaitMembers(3, stay...)
		cluster.Eventually(t, "the replicas of the drained node are deleted", func() error { return deleted(out) })
		progress(t, run, "after the move", 60)
		c.KeepNode(out)
	}
	accept(t, run)
	same(t, c)
}

// Replicas leave a node that drains, and come back to it when another drains: it begins them empty, and they are whole.
func TestReplicasComeBackToANodeThatHeldThemBefore(t *testing.T) {
	needsAll(t)
	c := cluster.Start(t, cluster.Options{})
	fourth := c.Join()
	values := put(t, c, "to and fro")
	for i, out := range []*cluster.Node{c.Nodes[0], c.Nodes[1], fourth} {
		c.Drain(out)
		stay := slices.DeleteFunc(slices.Clone(c.Nodes), func(n *cluster.Node) bool { return n == out })
		c.WaitMembers(3, stay...)
		cluster.Eventually(t, "the replicas of the drained node are deleted", func() error { return deleted(out) })
		want(t, c, values)
		c.KeepNode(out)
		if i == 1 { // what came back is there after a restart, too
			c.Nodes[0].Kill()
			c.Nodes[0].Start()
			c.WaitReady()
		}
	}
	same(t, c)
}

// A node is dead for longer than node-dead-after: its replicas are built on a spare node without anybody's command, and it may
// be removed. Before that time it keeps them.
func TestReplicasOfADeadNodeAreRebuiltOnASpare(t *testing.T) {
	t.Parallel()
	c := cluster.Start(t, cluster.Options{})
	spare := c.Join()
	values := put(t, c, "rebuilt")
	dead := c.Nodes[1]
	dead.Kill()
	cluster.Eventually(t, "the node is taken for dead", func() error { return health(c.Nodes[0], dead, clusterv1.NodeHealth_NODE_HEALTH_DEAD) })
	if status, err := knownAs(c.Nodes[0], dead.ID()); err != nil || status.GetReplicas() == 0 {
		t.Fatalf("the replicas of a node that has just died were given up: %v, %v", status, err)
	}
	c.Set("node-dead-after", "1s")
	stay := []*cluster.Node{c.Nodes[0], c.Nodes[2], spare}
	c.WaitMembers(3, stay...)
	want(t, c, values)

	// It comes back, finds that nobody counts on it, and deletes what it has.
	dead.Start()
	cluster.Eventually(t, "the replicas of the node that came back are deleted", func() error { return deleted(dead) })
	c.WaitMembers(3, stay...)
	dead.Kill()
	cluster.Eventually(t, "the node is taken for dead again", func() error { return health(c.Nodes[0], dead, clusterv1.NodeHealth_NODE_HEALTH_DEAD) })
	if _, err := c.Nodes[0].Admin().RemoveNode(t.Context(), dead.ID(), false, false); err == nil || !strings.Contains(err.Error(), "--force") {
		t.Errorf("a dead node is removed without force: %v", err)
	}
	c.RemoveNode(dead, true)
	cluster.Eventually(t, "the removed node is listed no more", func() error { return unlisted(c.Nodes[0], dead.ID()) })
	want(t, c, values)
}

// The controller dies in the middle of a removal, again and again: whoever controls next goes on with it.
func TestRemovalGoesOnWhenControllersAreKilled(t *testing.T) {
	needsAll(t)
	c := cluster.Start(t, cluster.Options{Nodes: 5, Settings: &clusterv1.Settings{Shards: 24, Replicas: 3}})
	values := put(t, c, "controllers")
	out := c.Nodes[4]
	if _, err := c.Transfer(0, c.Nodes[0]); err != nil {
		t.Fatal(err)
	}
	c.Drain(out)
	for kill := range 2 {
		var leader *cluster.Node
		cluster.Eventually(t, "a controller has begun to move replicas", func() error {
			for _, n := range c.Running() {
				status, err := n.Status()
				if err != nil {
					continue
				}
				leader = c.ByID(status.MetaLeaderNodeId)
				if leader != nil && leader != out && leader.Running() && strings.Contains(leader.Log(), "replicas changed") {
					return nil
				}
			}
			return errors.New("none has")
		})
		if err := deleted(out); err == nil {
			t.Fatalf("before kill %d nothing was left to do", kill+1)
		}
		leader.Kill()
		leader.Start()
	}
	c.RemoveNode(out, false)
	out.Stop()
	c.WaitReady()
	c.WaitMembers(3, c.Nodes[:4]...)
	want(t, c, values)
}

// Shards with a single replica move too: for a moment there are two votes. The meta group of two nodes has one voter, which
// hands over and goes.
func TestNodeOfAClusterWithSingleReplicasIsRemoved(t *testing.T) {
	needsAll(t)
	c := cluster.Start(t, cluster.Options{Nodes: 2, Settings: &clusterv1.Settings{HeartbeatMs: calm.HeartbeatMs, Replicas: 1, Shards: 4}})
	run := followers(t, c, c.ShardIDs())
	progress(t, run, "before the removal", 50)
	out := c.Nodes[0]
	c.RemoveNode(out, false)
	progress(t, run, "after the removal", 50)
	c.WaitMembers(1, c.Nodes[1])
	cluster.Eventually(t, "the replicas of the removed node are deleted", func() error { return deleted(out) })
	noneFailed(t, c, run)
	values := put(t, c, "single")
	out.Stop()
	want(t, c, values)
}

func TestNodeThatIsNeededIsNotRemoved(t *testing.T) {
	t.Parallel()
	c := cluster.Start(t, cluster.Options{})
	for what, call := range map[string]func() (*clusterv1.RemoveNodeResponse, error){
		"start another node first": func() (*clusterv1.RemoveNodeResponse, error) {
			return c.Nodes[0].Admin().RemoveNode(t.Context(), c.Nodes[2].ID(), false, false)
		},
		"is not known": func() (*clusterv1.RemoveNodeResponse, error) {
			return c.Nodes[0].Admin().RemoveNode(t.Context(), strings.Repeat("a", 40), false, false)
		},
	} {
		if left, err := call(); err == nil || !strings.Contains(err.Error(), what) || !strings.Contains(err.Error(), "nothing was changed") {
			t.Errorf("got %v, %v, want %q in the error", left, err, what)
		}
	}
	for _, n := range c.Nodes {
		if status, err := knownAs(c.Nodes[0], n.ID()); err != nil || status.GetDraining() {
			t.Errorf("node %d: %v, %v", n.Number, status, err)
		}
	}
}
