package cluster_test

import (
	"fmt"
	"testing"

	"github.com/holtcache/holt/raftfsm/meta"
	"github.com/holtcache/holt/shard/migration"
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
	migrateUnder(t, func(c *cluster.Cluster, n *cluster.Node, goOn func()) (heal func()) {
		n.Kill()
		goOn()
		return n.Start
	})
}

// A node that was paused takes itself for a leader when it goes on, and its streams for alive.
func TestMigrationComesToOneEndWhoeverIsPausedAtAnyStep(t *testing.T) {
	needsAll(t)
	migrateUnder(t, func(c *cluster.Cluster, n *cluster.Node, goOn func()) (heal func()) {
		n.Pause()
		goOn()
		for _, shard := range c.ShardIDs() {
			c.Leader(shard) // one that is not paused
		}
		n.Resume()
		return func() {}
	})
}

// migrateUnder moves slots forth and back, and strikes a node while a migration is at each of its steps. strike lets the
// migration go on; what it returns comes when that has ended.
func migrateUnder(t *testing.T, strike func(c *cluster.Cluster, n *cluster.Node, goOn func()) (heal func())) {
	steps := cluster.NewSteps(t)
	c := cluster.Start(t, cluster.Options{Steps: steps})
	shards := c.ShardIDs()
	from, to := shards[0], shards[1]
	ranges := c.Slots(from)
	run := work(t, c, shards[:2])
	progress(t, run, "before the migrations", 100)
	ends := map[meta.MigrationPhase]int{}
	for i, step := range migration.Steps {
		for j, v := range victims {
			if !*all && j != i%len(victims) {
				continue
			}
			what := fmt.Sprintf("%s, %s", step, v.name)
			if err := steps.Stop(step); err != nil {
				t.Fatal(err)
			}
			id := c.StartMigration(from, to, ranges)
			at := steps.At(c, step)
			heal := strike(c, v.node(c, at, from, to), func() {
				if err := steps.GoOn(step); err != nil {
					t.Fatal(err)
				}
			})
			m := c.MigrationEnded(id)
			t.Logf("%s: migration %d is %v %s", what, id, m.Phase, m.Reason)
			if ends[m.Phase]++; m.Phase == meta.MigrationCommitted {
				from, to = to, from
			}
			heal()
			c.WaitReady()
			progress(t, run, what, 50)
		}
	}
	if ends[meta.MigrationCommitted] == 0 {
		t.Errorf("no migration was committed: %v", ends)
	}
	accept(t, run)
	cluster.Eventually(t, "all replicas hold the same", c.SameEverywhere)
}
