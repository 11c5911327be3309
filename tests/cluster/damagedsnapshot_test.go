package cluster_test

import (
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"testing"

	"github.com/holtcache/holt/tests/cluster"
	"github.com/holtcache/holt/tests/nemesis"
	"github.com/holtcache/holt/tests/workload"
)

// A node does without its newest snapshot where that is damaged: it uses the one before and the log behind it, says so, and
// has the state that the others have.
func TestNodeWithADamagedSnapshotUsesTheOneBefore(t *testing.T) {
	t.Parallel()
	c := cluster.Start(t, cluster.Options{Settings: oneShard})
	shards, random := c.ShardIDs(), drawing()
	run := writing(t, c, shards)
	for range *faults {
		for _, part := range []struct{ from, to float64 }{{0, 0.1}, {0.1, 0.9}, {0.9, 1}} {
			n := follower(c, shards[0])
			older := takeSnapshot(t, n, shards[0])
			instant(t, run, random)
			newest := takeSnapshot(t, n, shards[0])
			instant(t, run, random)
			n.Kill()
			damaged(t, nemesis.FlipBit(newest, random, part.from, part.to))
			since := logFrom(n)
			n.Start()
			cluster.Eventually(t, "the node is ready", func() error {
				if !n.Running() {
					return cluster.Never(errors.New("it refuses to start"))
				}
				return n.Ready()
			})
			says(t, n, since(), "a snapshot cannot be used", "damaged="+newest, "used="+older)
			progress(t, run, "with a damaged snapshot", writesBetween)
			allReady(t, c)
		}
	}
	settled(t, c, run, shards)
}

// takeSnapshot has a node take a snapshot of its shards and returns the file of one of them. No other comes meanwhile: what
// the test writes is too little.
func takeSnapshot(t *testing.T, n *cluster.Node, shard uint64) string {
	t.Helper()
	before := snapshots(t, n, shard)
	conn, err := workload.Dial(n.Addr.RESP, cluster.Deadline)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if _, err = conn.Do(cluster.Deadline, "SAVE"); err != nil {
		t.Fatalf("SAVE: %v", err)
	}
	for _, path := range snapshots(t, n, shard) {
		if !slices.Contains(before, path) {
			return path
		}
	}
	t.Fatalf("node %d has no new snapshot after SAVE", n.Number)
	return ""
}

func snapshots(t *testing.T, n *cluster.Node, shard uint64) []string {
	t.Helper()
	found, err := filepath.Glob(filepath.Join(n.Dir, "shards", fmt.Sprint(shard), "snapshots", "*.snapshot"))
	if err != nil {
		t.Fatal(err)
	}
	return found
}
