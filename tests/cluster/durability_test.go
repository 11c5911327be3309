package cluster_test

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/holtcache/holt/tests/cluster"
	"github.com/holtcache/holt/tests/model"
	"github.com/holtcache/holt/tests/workload"
)

func TestEveryAcknowledgedWriteSurvivesKillsOfLeadersAndOfAllNodes(t *testing.T) {
	t.Parallel()
	c := cluster.Start(t, cluster.Options{})
	shards := c.ShardIDs()
	run := writing(t, c, shards)
	progress(t, run, "before the faults", 200)

	old := c.Leader(shards[0])
	old.Node.Kill()
	if next := c.LeaderAfter(old.Shard, old.Term); next.Node == old.Node {
		t.Fatalf("the killed node leads in term %d", next.Term)
	}
	progress(t, run, "with one node down", 200)

	c.KillAll()
	for _, n := range c.Nodes {
		n.Start()
	}
	c.WaitReady()
	progress(t, run, "after the restart of all", 200)
	if err := run.Stop(); err != nil {
		t.Error(err)
	}
	judgeWrites(t, c, run, shards)
	sameOnAllReplicas(t, c, run)
}

// writing starts clients whose acknowledged writes can all be looked for at the end: of keys that are written once, and of
// one list for each shard.
func writing(t *testing.T, c *cluster.Cluster, shards []uint64) *workload.Run {
	t.Helper()
	t.Logf("replay with -seed %d", *seed)
	run := workload.NewRun(*seed)
	for _, shard := range shards {
		keys := c.Keys(shard)
		lane := workload.Writers(func(i int) string { return keys("unique", i) })
		appends := workload.Appenders(keys("list", 0))
		for range 2 {
			run.Go(workload.GoRedis(c.RESP(), workload.Modes{}), lane, clientPause)
			run.Go(workload.GoRedis(c.RESP(), workload.Modes{}), appends, 3*clientPause)
		}
	}
	return run
}

// judgeWrites reads everything at the end and looks for what was acknowledged.
func judgeWrites(t *testing.T, c *cluster.Cluster, run *workload.Run, shards []uint64) {
	t.Helper()
	reader := workload.GoRedis(c.RESP(), workload.Modes{Read: "INDEX"})
	defer reader.Close()
	lists := map[string]bool{}
	for _, shard := range shards {
		key := c.Key(shard, "list", 0)
		lists[key] = true
		finalRead(t, run, reader, key)
	}
	var writes []model.Op
	appends := map[string][]model.Op{}
	for _, o := range run.History.Ops() {
		if lists[o.Key] {
			appends[o.Key] = append(appends[o.Key], o)
		} else {
			writes = append(writes, o)
		}
	}
	if err := model.CheckWrites(writes, readAll(t, run, reader, writes)); err != nil {
		t.Error(err)
	}
	for key, ops := range appends {
		if err := model.CheckAppends(ops); err != nil {
			t.Errorf("key %s: %v", key, err)
		}
	}
	t.Logf("%d writes and %d operations on lists checked", len(writes), len(run.History.Ops())-len(writes))
}

// readAll reads every key of a history.
func readAll(t *testing.T, run *workload.Run, reader workload.Client, ops []model.Op) map[string]string {
	t.Helper()
	final := map[string]string{}
	for _, o := range ops {
		if got := finalRead(t, run, reader, o.Key); got.Found {
			final[o.Key] = got.Value
		}
	}
	return final
}

// finalRead reads until it is answered: leaders may still be on their way back to their preferred nodes.
func finalRead(t *testing.T, run *workload.Run, reader workload.Client, key string) model.Op {
	t.Helper()
	var got model.Op
	cluster.Eventually(t, "final read of "+key, func() error {
		if got = run.Attempt(reader, model.Op{Client: 999, Kind: model.Get, Key: key}); got.Outcome != model.OK {
			return errors.New(got.String())
		}
		return nil
	})
	return got
}

// sameOnAllReplicas reads every key of a history at every node by itself, and waits until all hold the same. It wants
// every node to hold a replica of every shard.
func sameOnAllReplicas(t *testing.T, c *cluster.Cluster, run *workload.Run) {
	t.Helper()
	var keys []string
	known := map[string]bool{}
	for _, o := range run.History.Ops() {
		if !known[o.Key] {
			known[o.Key] = true
			keys = append(keys, o.Key)
		}
	}
	cluster.Eventually(t, "all replicas hold the same", func() error {
		var first []any
		for i, n := range c.Nodes {
			values, err := valuesAt(n, keys)
			if err != nil {
				return err
			}
			for j := range values {
				if i > 0 && values[j] != first[j] {
					return fmt.Errorf("key %s: node %d holds %v, node 1 %v", keys[j], n.Number, values[j], first[j])
				}
			}
			if i == 0 {
				first = values
			}
		}
		return nil
	})
}

// valuesAt reads keys at one node's own replicas.
func valuesAt(n *cluster.Node, keys []string) ([]any, error) {
	conn, err := workload.Dial(n.Addr.RESP, cluster.Deadline, []string{"READONLY"}, []string{"CLIENT", "READMODE", "STALE"})
	if err != nil {
		return nil, err
	}
	defer conn.Close()
	values := make([]any, len(keys))
	for i, key := range keys {
		if values[i], err = conn.Do(cluster.Deadline, "GET", key); err != nil {
			return nil, err
		}
	}
	return values, nil
}

// Async writes may be lost when their leader is killed, and only then: the loss is counted, and what the next leader
// took over stays.
func TestAsyncWritesAreLostOnlyAroundTheKillOfTheirLeader(t *testing.T) {
	t.Parallel()
	c := cluster.Start(t, cluster.Options{})
	shards := c.ShardIDs()
	run := workload.NewRun(*seed)
	for _, shard := range shards {
		keys := c.Keys(shard)
		run.Go(workload.GoRedis(c.RESP(), workload.Modes{Ack: "ASYNC"}), workload.Writers(func(i int) string { return keys("async", i) }), time.Millisecond)
	}
	progress(t, run, "before the kill", 300)
	old := c.Leader(shards[0])
	before := run.History.Now()
	old.Node.Kill()
	after := run.History.Now()
	c.LeaderAfter(old.Shard, old.Term)
	progress(t, run, "after the kill", 300)
	if err := run.Stop(); err != nil {
		t.Error(err)
	}
	reader := workload.GoRedis(c.RESP(), workload.Modes{})
	defer reader.Close()
	ops := run.History.Ops()
	lost := model.LostWrites(ops, readAll(t, run, reader, ops))
	t.Logf("%d async writes, %d acknowledged ones lost by one kill", len(ops), len(lost))
	for _, o := range lost {
		// Waiting sets in 100 ms after a write is not committed, so a lost one was answered shortly before the kill; the
		// bound leaves room for a machine that gave the cluster no time.
		if o.Return < before-5*time.Second || o.Call > after {
			t.Errorf("lost, and not around the kill at %v: %s", before, o)
		}
	}
}
