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
	"github.com/holtcache/holt/tests/model"
	"github.com/holtcache/holt/tests/workload"
)

// put writes one value for each shard and returns what was written, key by key.
func put(t *testing.T, c *cluster.Cluster, name string) map[string]string {
	t.Helper()
	client := workload.Follower(c.RESP())
	defer client.Close()
	run := workload.NewRun(*seed)
	values := map[string]string{}
	for _, shard := range c.ShardIDs() {
		key := c.Key(shard, name, 0)
		values[key] = fmt.Sprint(name, " of shard ", shard)
		cluster.Eventually(t, "SET "+key, func() error { return attempt(run, client, key, values[key]) })
	}
	return values
}

// want reads what was put.
func want(t *testing.T, c *cluster.Cluster, values map[string]string) {
	t.Helper()
	client := workload.Follower(c.RESP())
	defer client.Close()
	run := workload.NewRun(*seed)
	for key, value := range values {
		if got := finalRead(t, run, client, key); got.Value != value {
			t.Errorf("key %s: got %q, want %q", key, got.Value, value)
		}
	}
}

func ids(c *cluster.Cluster) []string {
	var list []string
	for _, n := range c.Nodes {
		list = append(list, n.ID())
	}
	return list
}

func TestNodesKeepIdentityAndDataAcrossRestarts(t *testing.T) {
	t.Parallel()
	c := cluster.Start(t, cluster.Options{})
	before, values := ids(c), put(t, c, "restart")
	for _, restart := range []struct {
		what string
		stop func()
	}{
		{"one node, stopped", c.Nodes[0].Stop},
		{"one node, killed", c.Nodes[1].Kill},
		{"all nodes, stopped", c.StopAll},
		{"all nodes, killed", c.KillAll},
	} {
		restart.stop()
		for _, n := range c.Nodes {
			if !n.Running() {
				n.Join = nil // a node that belongs to a cluster finds it again by itself
				n.Start()
			}
		}
		c.WaitReady()
		if got := ids(c); !slices.Equal(got, before) {
			t.Fatalf("%s: ids %v, want %v", restart.what, got, before)
		}
		want(t, c, values)
	}
}

// The folder holds the votes. A node whose folder is gone may not vote as the node that it was, or two leaders could be
// elected in one term. So with one more node down, two of three voters are missing, and no shard has a leader.
func TestWipedNodeComesBackUnderANewIDAndNeverVotesAsTheOldOne(t *testing.T) {
	t.Parallel()
	c := cluster.Start(t, cluster.Options{})
	values := put(t, c, "wiped")
	wiped, other := c.Nodes[2], c.Nodes[1]
	old := wiped.ID()
	wiped.Kill()
	wiped.Wipe()
	wiped.Start()
	c.WaitReady()
	if id := wiped.ID(); id == old || id == "" {
		t.Fatalf("the wiped node has id %q, and had %q", id, old)
	}
	cluster.Eventually(t, "the wiped node joins as a fourth one", func() error {
		status, err := c.Nodes[0].Status()
		if err != nil {
			return err
		}
		if status.NodesJoined != 4 {
			return fmt.Errorf("%d nodes have joined", status.NodesJoined)
		}
		return nil
	})
	want(t, c, values)

	other.Kill()
	cluster.Eventually(t, "no shard is served by one voter of three", func() error {
		for shard := range 3 {
			shards, err := c.Nodes[0].Shards()
			if err != nil {
				return err
			}
			for _, r := range shards[shard].Replicas {
				if r.Serving {
					return fmt.Errorf("shard %d is served by node %s", r.ShardId, r.NodeId)
				}
				if r.NodeId == old {
					return cluster.Never(fmt.Errorf("node %s is gone and answers", old))
				}
			}
		}
		return nil
	})
	other.Start()
	c.WaitReady()
	want(t, c, values)
}

func TestFolderOfAnotherClusterIsRefused(t *testing.T) {
	t.Parallel()
	a, b := cluster.Start(t, cluster.Options{Nodes: 1}), cluster.Start(t, cluster.Options{Nodes: 1})
	values := put(t, b, "mine")
	stranger := a.Nodes[0]
	stranger.Stop()
	stranger.Join = []string{b.Nodes[0].Addr.Cluster}
	stranger.Start()
	cluster.Eventually(t, "the node says that it is refused", func() error {
		if !strings.Contains(stranger.Log(), "the cluster refuses this node") {
			return errors.New("it does not")
		}
		return nil
	})
	status, err := b.Nodes[0].Status()
	if err != nil {
		t.Fatal(err)
	}
	if status.NodesJoined != 1 {
		t.Errorf("%d nodes have joined, want 1", status.NodesJoined)
	}
	want(t, b, values)
}

func TestOneNodeMayComeBackUnderOtherAddresses(t *testing.T) {
	t.Parallel()
	c := cluster.Start(t, cluster.Options{})
	values, before := put(t, c, "moved"), ids(c)
	n := c.Nodes[0]
	old := n.Addr
	n.Stop()
	n.Move()
	n.Start()
	c.WaitReady()
	if got := ids(c); !slices.Equal(got, before) {
		t.Errorf("ids %v, want %v", got, before)
	}
	everybodyKnows(t, c, old.RESP)
	want(t, c, values)
}

func TestAllNodesMayComeBackUnderOtherAddressesAtOnce(t *testing.T) {
	t.Parallel()
	c := cluster.Start(t, cluster.Options{})
	values, before := put(t, c, "moved"), ids(c)
	old := c.RESP()
	c.StopAll()
	for _, n := range c.Nodes {
		n.Move()
	}
	c.JoinAll()
	for _, n := range c.Nodes {
		n.Start()
	}
	c.WaitReady()
	if got := ids(c); !slices.Equal(got, before) {
		t.Errorf("ids %v, want %v", got, before)
	}
	everybodyKnows(t, c, old...)
	want(t, c, values)
}

// everybodyKnows waits until every node lists the present RESP addresses of all nodes and none of the old ones.
func everybodyKnows(t *testing.T, c *cluster.Cluster, old ...string) {
	t.Helper()
	for _, n := range c.Nodes {
		cluster.Eventually(t, fmt.Sprintf("node %d knows where the others are", n.Number), func() error {
			conn, err := workload.Dial(n.Addr.RESP, cluster.Deadline)
			if err != nil {
				return err
			}
			defer conn.Close()
			reply, err := conn.Do(cluster.Deadline, "CLUSTER", "NODES")
			if err != nil {
				return err
			}
			list := fmt.Sprint(reply)
			for _, addr := range c.RESP() {
				if !strings.Contains(list, " "+addr+"@") {
					return fmt.Errorf("%s is not in %s", addr, list)
				}
			}
			for _, addr := range old {
				if strings.Contains(list, " "+addr+"@") {
					return fmt.Errorf("%s is still in %s", addr, list)
				}
			}
			return nil
		})
	}
}

func TestSecondProcessOnAFolderIsRefused(t *testing.T) {
	t.Parallel()
	c := cluster.Start(t, cluster.Options{Nodes: 1})
	values := put(t, c, "locked")
	second := c.Add()
	second.Dir, c.Nodes = c.Nodes[0].Dir, c.Nodes[:1]
	code, output := cluster.Run(t, second.Command()...).Exit()
	if code != 1 || !strings.Contains(output, "is in use by another process: stop that one, or choose another folder with --dir") {
		t.Errorf("exit code %d, output %q", code, output)
	}
	want(t, c, values)
}

func TestFolderWithoutItsVotesIsRefused(t *testing.T) {
	t.Parallel()
	c := cluster.Start(t, cluster.Options{Nodes: 1})
	n := c.Nodes[0]
	n.Stop()
	if err := os.Remove(filepath.Join(n.Dir, "stable.db")); err != nil {
		t.Fatal(err)
	}
	n.Start()
	if code := n.WaitExit(); code != 1 {
		t.Errorf("exit code %d, want 1", code)
	}
	for _, part := range []string{"stable.db is missing", "vote twice", "put it back", "empty the folder to start as a new node"} {
		if !strings.Contains(n.Log(), part) {
			t.Errorf("the node does not say %q", part)
		}
	}
}

func attempt(run *workload.Run, client workload.Client, key, value string) error {
	if o := run.Attempt(client, model.Op{Kind: model.Set, Key: key, Arg: value}); o.Outcome != model.OK {
		return errors.New(o.String())
	}
	return nil
}
