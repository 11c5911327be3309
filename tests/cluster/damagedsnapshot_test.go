package cluster_test

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/holtcache/holt/tests/cluster"
	"github.com/holtcache/holt/tests/nemesis"
	"github.com/holtcache/holt/tests/workload"
)

// A node may refuse to start on a damaged snapshot, or do without it. What it must not do is serve a state that is not
// the others'.
func TestNodeWithADamagedSnapshotNeverHasAWrongState(t *testing.T) {
	c := cluster.Start(t, cluster.Options{Settings: oneShard})
	shards, random := c.ShardIDs(), drawing()
	run := writing(t, c, shards)
	for range *faults {
		for _, part := range []struct{ from, to float64 }{{0, 0.1}, {0.1, 0.9}, {0.9, 1}} {
			n := follower(c, shards[0])
			takeSnapshot(t, c, n, shards[0])
			instant(t, run, random)
			n.Kill()
			flip := nemesis.FlipBit(newestSnapshot(t, n, shards[0]), random, part.from, part.to)
			damaged(t, flip)
			since := logFrom(n)
			n.Start()
			cluster.Eventually(t, "the node refuses or is ready", func() error {
				if !n.Running() {
					return nil
				}
				return n.Ready()
			})
			progress(t, run, "with a damaged snapshot", writesBetween)
			if n.Running() {
				t.Logf("bit flipped between %v and %v of the snapshot: the node does without it", part.from, part.to)
			} else {
				t.Logf("bit flipped between %v and %v of the snapshot: the node refuses to start", part.from, part.to)
				says(t, n, since(), "snapshot")
				if err := flip.Undo(); err != nil {
					t.Fatal(err)
				}
				n.Start()
			}
			allReady(t, c)
		}
	}
	settled(t, c, run, shards)
}

// newestSnapshot is the largest file of the newest snapshot that a node has of a shard, "" where there is none.
func newestSnapshot(t *testing.T, n *cluster.Node, shard uint64) string {
	t.Helper()
	var newest, path string
	var bytes int64
	folder := filepath.Join(n.Dir, "shards", fmt.Sprint(shard), "snapshots")
	err := filepath.WalkDir(folder, func(file string, entry fs.DirEntry, err error) error {
		if err != nil || !entry.Type().IsRegular() || strings.Contains(file, ".tmp") {
			return err
		}
		info, err := entry.Info()
		if err != nil {
			return err
		}
		if dir := filepath.Dir(file); dir > newest || dir == newest && info.Size() > bytes {
			newest, path, bytes = dir, file, info.Size()
		}
		return nil
	})
	if err != nil && !errors.Is(err, fs.ErrNotExist) { // one may be renamed at this moment
		t.Fatal(err)
	}
	return path
}

// takeSnapshot has a node take a snapshot of a shard. Where the program knows no SAVE, the one that comes by itself after
// enough entries is waited for, in the long form of the test only: it takes a minute.
func takeSnapshot(t *testing.T, c *cluster.Cluster, n *cluster.Node, shard uint64) {
	t.Helper()
	before := newestSnapshot(t, n, shard)
	conn, err := workload.Dial(n.Addr.RESP, cluster.Deadline)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	_, err = conn.Do(cluster.Deadline, "SAVE")
	if err == nil {
		if newestSnapshot(t, n, shard) == before {
			t.Fatalf("node %d has no new snapshot after SAVE", n.Number)
		}
		return
	}
	if !strings.Contains(err.Error(), "unknown command") {
		t.Fatalf("SAVE: %v", err)
	}
	if *faults < 2 {
		t.Skip("the program has no SAVE, and its own snapshots take a minute; -args -diskfaults=2 waits for them")
	}
	fill := workload.NewRun(*seed)
	keys := c.Keys(shard)
	lane := workload.Writers(func(i int) string { return keys("many", i%1000) })
	for range 4 {
		fill.Go(workload.GoRedis(c.RESP(), workload.Modes{}), lane, time.Millisecond)
	}
	cluster.Eventually(t, "a snapshot comes by itself", func() error {
		if newestSnapshot(t, n, shard) == before {
			return errors.New("none yet")
		}
		return nil
	})
	if err := fill.Stop(); err != nil {
		t.Error(err)
	}
	sameOnAllReplicas(t, c, fill)
}
