package cluster_test

import (
	"fmt"
	"testing"

	"github.com/holtcache/holt/tests/cluster"
	"github.com/holtcache/holt/tests/nemesis"
)

// After a failed sync the kernel counts pages as clean that never reached the disk, so the next sync would succeed and
// mean nothing. One failed call has to end the node, though each further one would work.
func TestNodeNeverGoesOnAfterAFailedSyncOrWrite(t *testing.T) {
	t.Parallel()
	c := cluster.Start(t, cluster.Options{Settings: oneShard})
	shards, random := c.ShardIDs(), drawing()
	run := writing(t, c, shards)
	for range *faults {
		for _, calls := range []string{"fdatasync", "pwritev"} {
			for _, n := range []*cluster.Node{c.Leader(shards[0]).Node, follower(c, shards[0])} {
				instant(t, run, random)
				since := logFrom(n)
				nemesis.During(t, nemesis.FailingOnce(n.PID(), calls), func() {
					if code := n.WaitExit(); code != 2 {
						t.Errorf("exit code %d after one failed %s, want 2", code, calls)
					}
				})
				says(t, n, since(), "input/output error", "look at the disk")
				progress(t, run, "with one node stopped", writesBetween)
				since = logFrom(n)
				n.Start()
				waitGuardEnds(t, n, since)
				says(t, n, since(), "the last run ended after an error of the disk")
				allReady(t, c)
			}
		}
	}
	settled(t, c, run, shards)
}

// A follower whose disk hangs holds nobody up. A leader's could: it acknowledges nothing, but might go on sending
// heartbeats.
func TestNodeWithAHangingDiskHoldsNobodyUp(t *testing.T) {
	t.Parallel()
	c := cluster.Start(t, cluster.Options{Settings: oneShard})
	shards, random := c.ShardIDs(), drawing()
	run := writing(t, c, shards)
	for range *faults {
		instant(t, run, random)
		nemesis.During(t, nemesis.Hanging(follower(c, shards[0]).PID(), "fdatasync"), func() {
			progress(t, run, "with the disk of a follower hanging", writesBetween)
		})
		instant(t, run, random)
		old := c.Leader(shards[0])
		nemesis.During(t, nemesis.Hanging(old.Node.PID(), "fdatasync"), func() {
			next := c.LeaderAfter(old.Shard, old.Term)
			if next.Node == old.Node {
				t.Errorf("the node whose disk hangs leads in term %d", next.Term)
			}
			progress(t, run, "with the disk of one node hanging", writesBetween)
		})
		cluster.Eventually(t, fmt.Sprintf("node %d can lead again", old.Node.Number), func() error {
			got, err := c.Transfer(old.Shard, old.Node)
			if err == nil && got.Node != old.Node {
				err = fmt.Errorf("node %d leads", got.Node.Number)
			}
			return err
		})
		progress(t, run, "after the disk has gone on", writesBetween)
	}
	settled(t, c, run, shards)
}
