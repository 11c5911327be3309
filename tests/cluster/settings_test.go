package cluster_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/holtcache/holt/shard/logstore"
	"github.com/holtcache/holt/tests/cluster"
	"github.com/holtcache/holt/tests/workload"
)

// ask runs one command at one node.
func ask(n *cluster.Node, args ...string) (string, error) {
	conn, err := workload.Dial(n.Addr.RESP, cluster.Deadline)
	if err != nil {
		return "", err
	}
	defer conn.Close()
	got, err := conn.Do(cluster.Deadline, args...)
	return fmt.Sprint(got), err
}

func mustAsk(t *testing.T, n *cluster.Node, args ...string) string {
	t.Helper()
	got, err := ask(n, args...)
	if err != nil {
		t.Fatalf("%v at node %d: %v", args, n.Number, err)
	}
	return got
}

// configure sets settings at a node, again where an election of the meta group came in between: the same again changes nothing.
func configure(t *testing.T, n *cluster.Node, pairs ...string) {
	t.Helper()
	cluster.Eventually(t, fmt.Sprintf("CONFIG SET %v at node %d", pairs, n.Number), func() error {
		_, err := ask(n, append([]string{"CONFIG", "SET"}, pairs...)...)
		return err
	})
}

// settingIs waits until a node says that a setting has a value.
func settingIs(t *testing.T, n *cluster.Node, name, value string) {
	t.Helper()
	cluster.Eventually(t, fmt.Sprintf("%s is %s at node %d", name, value, n.Number), func() error {
		got, err := ask(n, "CONFIG", "GET", name)
		if err == nil && got != fmt.Sprint([]any{name, value}) {
			err = fmt.Errorf("got %s", got)
		}
		return err
	})
}

// What is set at one node holds at all, at once and after a restart of all; what a node may hold is its own.
func TestSettingsHoldOnAllNodesAndOutliveARestartOfAll(t *testing.T) {
	t.Parallel()
	c := cluster.Start(t, cluster.Options{})
	configure(t, c.Nodes[1], "maxmemory-policy", "allkeys-lru", "maxmemory", "64mb", "save", "900 1")
	c.Set("maxmemory-samples", "9") // at the first node, by gRPC
	check := func() {
		t.Helper()
		for i, n := range c.Nodes {
			settingIs(t, n, "maxmemory-policy", "allkeys-lru")
			settingIs(t, n, "maxmemory-samples", "9")
			settingIs(t, n, "save", "900 1")
			settingIs(t, n, "maxmemory", []string{"0", "67108864", "0"}[i])
		}
	}
	check()
	c.StopAll()
	for _, n := range c.Nodes {
		n.Start()
	}
	c.WaitReady()
	check()

	// A flag at a start counts more than what was left.
	c.Nodes[1].Stop()
	c.Nodes[1].Args = append(c.Nodes[1].Args, "--maxmemory", "32mb")
	c.Nodes[1].Start()
	c.WaitReady()
	settingIs(t, c.Nodes[1], "maxmemory", "33554432")
}

// The sync policy changes under load, to and fro, and every process is killed: every policy writes before it acknowledges,
// so nothing is lost. The record of a node that went by the weaker policy says so: after a power cut it would be guarded.
func TestSyncPolicyChangesUnderLoadAndKillsLoseNothing(t *testing.T) {
	t.Parallel()
	c := cluster.Start(t, cluster.Options{})
	shards := c.ShardIDs()
	run := workload.NewRun(*seed)
	for _, shard := range shards {
		keys := c.Keys(shard)
		run.Go(workload.GoRedis(c.RESP(), workload.Modes{}), workload.Writers(func(i int) string { return keys("unique", i) }), clientPause)
		run.Go(workload.GoRedis(c.RESP(), workload.Modes{}), workload.Appenders(keys("list", 0)), 3*clientPause)
	}
	progress(t, run, "before the changes", 100)
	for i, policy := range []string{"no", "always", "everysec", "always", "everysec"} {
		configure(t, c.Nodes[i%len(c.Nodes)], "appendfsync", policy)
		for _, n := range c.Nodes {
			settingIs(t, n, "appendfsync", policy)
		}
		progress(t, run, "under "+policy, 60)
	}
	for _, n := range c.Nodes {
		if on, reason := afterPowerCut(t, n); !on || !strings.Contains(reason, "appendfsync everysec") {
			t.Errorf("node %d: after a power cut it would be guarded: %v (%q), want true with the policy", n.Number, on, reason)
		}
	}
	c.KillAll()
	for _, n := range c.Nodes {
		n.Start()
	}
	c.WaitReady()
	for _, n := range c.Nodes {
		settingIs(t, n, "appendfsync", "everysec")
	}
	progress(t, run, "after the restart of all", 100)
	configure(t, c.Nodes[0], "appendfsync", "always")
	if err := run.Stop(); err != nil {
		t.Error(err)
	}
	judgeWrites(t, c, run, shards)
	sameOnAllReplicas(t, c, run)
}

// afterPowerCut tells whether a node would be guarded if it started now on a machine that has been started anew.
func afterPowerCut(t *testing.T, n *cluster.Node) (bool, string) {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(n.Dir, "run"))
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "run")
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
	record, err := logstore.BeginRun(logstore.RunConfig{Path: path, Sync: logstore.SyncAlways, Boot: "another"})
	if err != nil {
		t.Fatal(err)
	}
	return record.Guarded(1)
}
