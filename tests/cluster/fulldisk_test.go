package cluster_test

import (
	"testing"

	"github.com/holtcache/holt/tests/cluster"
	"github.com/holtcache/holt/tests/nemesis"
)

// smallDiskBytes is room for one segment of the log and no second one while the disk is full, and for more without that.
const smallDiskBytes = 160 << 20

// A full disk stops the node that has it, the leader of a shard, and nobody else. The node says what to do, says so again
// where it is started before that is done, and takes part again afterwards.
func TestNodeWithAFullDiskStopsAndComesBackWhenThereIsRoom(t *testing.T) {
	t.Parallel()
	disk := nemesis.NewSmallDisk(t, smallDiskBytes)
	c := cluster.Start(t, cluster.Options{Homes: []cluster.Home{{Dir: disk.Dir}}})
	shards := c.ShardIDs()
	run := writing(t, c, shards)
	small := c.Nodes[0]
	for range *faults {
		instant(t, run, drawing())
		nemesis.During(t, &nemesis.FullDisk{Disk: disk}, func() {
			since := logFrom(small)
			writeUntilStopped(t, c, small, 1)
			if code := small.WaitExit(); code != 2 {
				t.Errorf("exit code %d of a node whose disk is full, want 2", code)
			}
			says(t, small, since(), "no space left on device", "nothing is acknowledged any more: look at the disk (free space")
			progress(t, run, "with one node stopped", writesBetween)
			says(t, small, refuses(t, small), "no space left on device")
			progress(t, run, "with one node refusing to start", writesBetween)
		})
		small.Start()
		allReady(t, c)
		c.WaitSettled()
	}
	settled(t, c, run, shards)
}

// writeUntilStopped writes large values to a shard that a node leads, until the node has stopped: to so many keys, over and
// over.
func writeUntilStopped(t *testing.T, c *cluster.Cluster, n *cluster.Node, keys int) {
	t.Helper()
	key := c.Keys(ledBy(t, c, n))
	writes := cluster.FillUntilStopped(t, n, func(i int) string { return key("large", i%keys) })
	t.Logf("node %d stopped after %d large writes", n.Number, writes)
}

// ledBy is a shard that a node leads.
func ledBy(t *testing.T, c *cluster.Cluster, n *cluster.Node) uint64 {
	t.Helper()
	for _, shard := range c.ShardIDs() {
		if c.Leader(shard).Node == n {
			return shard
		}
	}
	t.Fatalf("node %d leads no shard", n.Number)
	return 0
}
