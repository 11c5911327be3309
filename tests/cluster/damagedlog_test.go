package cluster_test

import (
	"math/rand/v2"
	"path/filepath"
	"testing"

	"github.com/holtcache/holt/tests/cluster"
	"github.com/holtcache/holt/tests/nemesis"
)

// What was synced once and does not verify any more is no crash's doing. The node refuses to start, names the place, and
// changes nothing.
func TestNodeWithAFlippedBitInItsLogRefusesToStart(t *testing.T) {
	t.Parallel()
	c := cluster.Start(t, cluster.Options{Settings: oneShard})
	shards, random := c.ShardIDs(), drawing()
	run := writing(t, c, shards)
	for range *faults {
		for _, stop := range []func(*cluster.Node){(*cluster.Node).Kill, (*cluster.Node).Stop} {
			n := c.Nodes[random.IntN(len(c.Nodes))]
			instant(t, run, random)
			stop(n)
			flip := nemesis.FlipBit(newestSegment(t, n), random, 0.1, 0.8)
			damaged(t, flip)
			for range 2 { // refusing is no way of repairing
				says(t, n, refuses(t, n), filepath.Base(flip.Path), "offset ", "replica is damaged; clear its folder and add it again")
			}
			progress(t, run, "with one node refusing to start", writesBetween)
			if err := flip.Undo(); err != nil {
				t.Fatal(err)
			}
			n.Start()
			allReady(t, c)
		}
	}
	settled(t, c, run, shards)
}

// What a crash may have left of the last writes is cut off. The node catches up before it votes.
func TestNodeWithATornLogRecovers(t *testing.T) {
	t.Parallel()
	c := cluster.Start(t, cluster.Options{Settings: oneShard})
	shards, random := c.ShardIDs(), drawing()
	run := writing(t, c, shards)
	for range *faults {
		for _, log := range []struct {
			tear func(string, *rand.Rand) *nemesis.Damage
			// noticed says that no draw can make it look like an earlier end of the log.
			noticed bool
		}{
			{nemesis.FlipLastByte, true}, {nemesis.CutTail, false}, {nemesis.ZeroLastPage, false}, {nemesis.TearTail, false},
			{nemesis.GarbageBehind, true}, {nemesis.GarbageTail, true},
		} {
			n := c.Nodes[random.IntN(len(c.Nodes))]
			instant(t, run, random)
			n.Kill()
			damaged(t, log.tear(newestSegment(t, n), random))
			since := logFrom(n)
			n.Start()
			if log.noticed {
				waitGuardEnds(t, n, since)
			}
			allReady(t, c)
		}
	}
	settled(t, c, run, shards)
}
