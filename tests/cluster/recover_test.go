package cluster_test

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	clusterv1 "github.com/holtcache/holt/proto/holt/cluster/v1"
	"github.com/holtcache/holt/shard/logstore"
	"github.com/holtcache/holt/tests/cluster"
	"github.com/holtcache/holt/tests/workload"
)

// tool runs the operator's tool and returns what it says.
func tool(t *testing.T, args ...string) string {
	t.Helper()
	code, output := cluster.Run(t, args...).Exit()
	if code != 0 {
		t.Fatalf("holt %v: exit code %d: %s", args, code, output)
	}
	return output
}

// caughtUp waits until every replica of every shard has applied the same.
func caughtUp(t *testing.T, c *cluster.Cluster) {
	t.Helper()
	cluster.Eventually(t, "every replica has applied the same", func() error {
		shards, err := c.Nodes[0].Shards()
		if err != nil {
			return err
		}
		for _, s := range shards {
			if len(s.Replicas) != len(c.Nodes) {
				return fmt.Errorf("%d replicas of shard %d answer", len(s.Replicas), s.Shard.Id)
			}
			for _, r := range s.Replicas {
				if r.AppliedIndex != s.Replicas[0].AppliedIndex || r.LastIndex != r.AppliedIndex {
					return fmt.Errorf("shard %d: %v", s.Shard.Id, s.Replicas)
				}
			}
		}
		return nil
	})
}

// Two of three nodes are lost for good. The third one goes on with everything that was acknowledged, the state of the cluster
// shows it as the only replica, and new nodes join.
func TestSurvivorGoesOnWithoutALostMajority(t *testing.T) {
	t.Parallel()
	c := cluster.Start(t, cluster.Options{})
	values := put(t, c, "survives")
	caughtUp(t, c)
	survivor, lost := c.Nodes[0], c.Nodes[1:]
	lostIDs := []string{lost[0].ID(), lost[1].ID()}
	c.KillAll()
	for _, n := range lost {
		n.Wipe()
	}
	recovery := []string{"cluster", "recover", "--dir", survivor.Dir}
	for _, args := range [][]string{recovery, append(slices.Clone(recovery), "--dry-run", "--accept-data-loss")} {
		told := tool(t, args...)
		for _, part := range append([]string{"meta group: its log ends here at entry", "shard 3: its log ends here", "goes on with " + survivor.ID(), "Nothing was changed", "Empty their folders"}, lostIDs...) {
			if !strings.Contains(told, part) {
				t.Errorf("%v does not say %q: %s", args, part, told)
			}
		}
	}
	if told := tool(t, append(recovery, "--accept-data-loss")...); !strings.Contains(told, "Done.") {
		t.Errorf("recover: %s", told)
	}
	if told := tool(t, append(recovery, "--accept-data-loss")...); !strings.Contains(told, "There is nothing to change") {
		t.Errorf("recover once more: %s", told)
	}
	survivor.Start()
	c.WaitReady()
	want(t, c, values)
	more := put(t, c, "afterwards")

	cluster.Eventually(t, "the state shows the survivor alone", func() error {
		status, err := survivor.Status()
		if err != nil {
			return err
		}
		if !slices.Equal(status.MetaVoterNodeIds, []string{survivor.ID()}) || status.NodesJoined != 1 {
			return fmt.Errorf("%v", status)
		}
		shards, err := survivor.Shards()
		if err != nil {
			return err
		}
		for _, s := range shards {
			if len(s.Shard.Replicas) != 1 || s.Shard.Replicas[0].NodeId != survivor.ID() || s.PreferredLeaderNodeId != survivor.ID() {
				return fmt.Errorf("%v", s)
			}
		}
		return nil
	})
	for _, n := range lost {
		n.Start()
	}
	cluster.Eventually(t, "the emptied nodes join and the meta group grows again", func() error {
		status, err := survivor.Status()
		if err != nil {
			return err
		}
		if status.NodesJoined != 3 || len(status.MetaVoterNodeIds) != 3 {
			return fmt.Errorf("%v", status)
		}
		return nil
	})
	c.WaitReady()
	want(t, c, values)
	want(t, c, more)
	survivor.Stop()
	if told := tool(t, "debug", "check", "--dir", survivor.Dir); !strings.Contains(told, "sound") {
		t.Errorf("check: %s", told)
	}
}

// The operator forgot to empty the lost nodes. They hear from the survivor that they were removed and serve nothing; they do not
// touch it, and it goes on. (Where they could not hear it they would go on as the old cluster, which nobody can keep them from.)
func TestLostNodesThatComeBackDoNotDisturbTheSurvivor(t *testing.T) {
	t.Parallel()
	c := cluster.Start(t, cluster.Options{})
	values := put(t, c, "before")
	caughtUp(t, c)
	survivor := c.Nodes[0]
	c.KillAll()
	tool(t, "cluster", "recover", "--dir", survivor.Dir, "--accept-data-loss")
	survivor.Start()
	c.WaitReady()
	keys := map[string]string{}
	for _, shard := range c.ShardIDs() {
		keys[c.Key(shard, "after", 0)] = fmt.Sprint("of shard ", shard)
	}
	conn, err := workload.Dial(survivor.Addr.RESP, cluster.Deadline)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	for key, value := range keys {
		if _, err := conn.Do(cluster.Deadline, "SET", key, value); err != nil {
			t.Fatal(err)
		}
	}
	cluster.Eventually(t, "the survivor knows that the others are removed", func() error {
		nodes, err := conn.Do(cluster.Deadline, "CLUSTER", "NODES")
		if err != nil {
			return err
		}
		if text := fmt.Sprint(nodes); strings.Count(strings.TrimSpace(text), "\n") > 0 {
			return errors.New(text)
		}
		return nil
	})
	// One after the other: two that start at once may elect a leader of the old meta group before either asks the survivor, and go by that.
	for _, lost := range c.Nodes[1:] {
		lost.Start()
		cluster.Eventually(t, fmt.Sprintf("node %d says that it was removed", lost.Number), func() error {
			if !strings.Contains(lost.Log(), "this node was removed from the cluster") {
				return errors.New("not yet")
			}
			return nil
		})
	}
	cluster.Eventually(t, "the survivor has refused them", func() error {
		if log := c.Nodes[1].Log() + c.Nodes[2].Log() + survivor.Log(); !strings.Contains(log, "was given up") {
			return errors.New("not yet")
		}
		return nil
	})
	for key, value := range keys {
		if got, err := conn.Do(cluster.Deadline, "GET", key); err != nil || fmt.Sprint(got) != value {
			t.Errorf("key %s: %v, %v, want %q", key, got, err, value)
		}
		if _, err := conn.Do(cluster.Deadline, "SET", key, value+"!"); err != nil {
			t.Errorf("SET %s: %v", key, err)
		}
	}
	for key, value := range values {
		if got, err := conn.Do(cluster.Deadline, "GET", key); err != nil || fmt.Sprint(got) != value {
			t.Errorf("key %s: %v, %v, want %q", key, got, err, value)
		}
	}
	survivor.Stop()
	survivor.Start() // whatever they sent has left no mark on its log
	cluster.Eventually(t, "the survivor is ready again", survivor.Ready)
}

// The power failed at three nodes that sync once a second, and one of them does not come back. What the other two lack may
// have been acknowledged, so they elect nobody until an operator accepts that.
func TestNodesThatMayHaveLostEntriesWaitForTheOperator(t *testing.T) {
	t.Parallel()
	c := cluster.Start(t, cluster.Options{Args: []string{"--appendfsync", "everysec"}})
	values := put(t, c, "everysec")
	caughtUp(t, c)
	c.KillAll()
	for _, n := range c.Nodes {
		reboot(t, n)
	}
	back := c.Nodes[:2]
	for _, n := range back {
		n.Start()
	}
	addr := func(n *cluster.Node, args ...string) []string {
		return append([]string{"cluster", "recover", "--addr", n.Addr.GRPC}, args...)
	}
	for _, n := range back {
		cluster.Eventually(t, "every replica says what it waits for", func() error {
			if err := n.Ready(); err == nil {
				return cluster.Never(errors.New("the node is ready"))
			}
			return allGuarded(n)
		})
		told := tool(t, addr(n)...)
		for _, part := range []string{"node " + n.ID(), "meta group: log ends at entry", "shard 1: log ends", "stopped without a clean end", "waits for: ", "Nothing was changed"} {
			if !strings.Contains(told, part) {
				t.Errorf("recover does not say %q: %s", part, told)
			}
		}
		if err := allGuarded(n); err != nil {
			t.Errorf("after a look: %v", err)
		}
	}
	for _, n := range back {
		if told := tool(t, addr(n, "--accept-data-loss")...); !strings.Contains(told, "Done") {
			t.Errorf("recover: %s", told)
		}
	}
	c.WaitReady()
	want(t, c, values)
}

// reboot makes the folder of a node that was killed look as if the machine had been started again since.
func reboot(t *testing.T, n *cluster.Node) {
	t.Helper()
	_, err := logstore.BeginRun(logstore.RunConfig{Path: filepath.Join(n.Dir, "run"), Sync: logstore.SyncEverySec, Boot: "another boot"})
	if err != nil {
		t.Fatal(err)
	}
}

// allGuarded is an error unless all replicas of a node are guarded and have looked around.
func allGuarded(n *cluster.Node) error {
	ctx, cancel := context.WithTimeout(context.Background(), cluster.Deadline)
	defer cancel()
	reply, err := n.Admin().AcceptDataLoss(ctx, true)
	if err != nil {
		return err
	}
	if len(reply.Replicas) != 4 {
		return fmt.Errorf("%d replicas are guarded, want those of three shards and of the meta group", len(reply.Replicas))
	}
	for _, g := range reply.Replicas {
		if g.WaitingFor == "" {
			return fmt.Errorf("shard %d has not looked yet", g.ShardId)
		}
	}
	return nil
}

// Two of five are left. One of them is recovered, the other comes back as it is and follows.
func TestTwoSurvivorsOfFiveGoOnTogether(t *testing.T) {
	t.Parallel()
	c := cluster.Start(t, cluster.Options{Nodes: 5, Settings: &clusterv1.Settings{Shards: 1, Replicas: 5}})
	values := put(t, c, "five")
	caughtUp(t, c)
	cluster.Eventually(t, "all nodes vote in the meta group", func() error {
		status, err := c.Nodes[0].Status()
		if err == nil && len(status.MetaVoterNodeIds) != 5 {
			err = fmt.Errorf("%v", status.MetaVoterNodeIds)
		}
		return err
	})
	a, b := c.Nodes[0], c.Nodes[1]
	c.KillAll()
	for _, n := range c.Nodes[2:] {
		n.Wipe()
	}
	recovery := []string{"cluster", "recover", "--dir", a.Dir, "--survivors", b.ID(), "--accept-data-loss"}
	if told := tool(t, recovery...); !strings.Contains(told, "2 survivors hold it") || !strings.Contains(told, "There is nothing to change") {
		t.Errorf("without --shard: %s", told)
	}
	if told := tool(t, append(recovery, "--shard", "0,1")...); !strings.Contains(told, "Done.") {
		t.Errorf("recover: %s", told)
	}
	a.Start()
	b.Start()
	c.WaitReady()
	want(t, c, values)
	cluster.Eventually(t, "the state shows both survivors", func() error {
		shards, err := b.Shards()
		if err != nil {
			return err
		}
		if len(shards) != 1 || len(shards[0].Shard.Replicas) != 2 || len(shards[0].Replicas) != 2 {
			return fmt.Errorf("%v", shards)
		}
		return nil
	})
	want(t, c, put(t, c, "together"))
}
