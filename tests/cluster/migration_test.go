package cluster_test

import (
	"testing"

	"github.com/holtcache/holt/tests/cluster"
)

// victim is whom a test strikes while a migration is at a step.
type victim struct {
	name string
	node func(c *cluster.Cluster, at *cluster.Node, from, to uint64) *cluster.Node
}

var victims = []victim{
	{"the node that takes the step", func(_ *cluster.Cluster, at *cluster.Node, _, _ uint64) *cluster.Node { return at }},
	{"the source's leader", func(c *cluster.Cluster, _ *cluster.Node, from, _ uint64) *cluster.Node { return c.Leader(from).Node }},
	{"the target's leader", func(c *cluster.Cluster, _ *cluster.Node, _, to uint64) *cluster.Node { return c.Leader(to).Node }},
	{"the leader of the meta group", func(c *cluster.Cluster, _ *cluster.Node, _, _ uint64) *cluster.Node { return c.MetaLeader() }},
}

// Whoever is killed at whichever step, the migration is resumed or aborted: histories stay linearizable, and all replicas of
// a shard hold the same. With -all each victim at each step, otherwise each step once.
func TestMigrationComesToOneEndWhoeverIsKilledAtAnyStep(t *testing.T) {
	t.Parallel()
	m := startMoving(t, nil)
	m.eachStep(t, func(i, j int) bool { return *all || j == i%len(victims) }, func(b blow) (heal func()) {
		b.node.Kill()
		b.goOn()
		return b.node.Start
	})
	m.accept(t)
}

// A node that was paused takes itself for a leader when it goes on, and its streams for alive.
func TestMigrationComesToOneEndWhoeverIsPausedAtAnyStep(t *testing.T) {
	needsAll(t)
	m := startMoving(t, nil)
	m.eachStep(t, everyVictim, func(b blow) (heal func()) {
		b.node.Pause()
		b.goOn()
		for _, shard := range m.c.ShardIDs() {
			m.c.Leader(shard) // one that is not paused
		}
		b.node.Resume()
		return func() {}
	})
	m.accept(t)
}
