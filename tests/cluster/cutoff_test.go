package cluster_test

import (
	"testing"

	"github.com/holtcache/holt/shard/migration"
	"github.com/holtcache/holt/tests/cluster"
	"github.com/holtcache/holt/tests/nemesis"
)

// cutsInShort is how many pairs of step and victim are drawn where not all of them are tried.
const cutsInShort = 3

// A node that is cut off from the others goes on taking steps, hears of nothing, and clients reach it all the while. Those who
// are left bring the migration to its end without it, and it learns of that when the cut is mended.
func TestMigrationComesToOneEndWhoeverIsIsolatedAtAnyStep(t *testing.T) {
	t.Parallel()
	network := nemesis.NewNetwork(t, 3)
	m := startMoving(t, cluster.On(network))
	drawn := map[int]bool{}
	for _, n := range drawing().Perm(len(migration.Steps) * len(victims))[:cutsInShort] {
		drawn[n] = true
	}
	m.eachStep(t, func(i, j int) bool { return *all || drawn[i*len(victims)+j] }, func(b blow) (heal func()) {
		cut := network.Isolate(b.node.Number)
		begin(t, cut)
		b.goOn()
		return func() { mend(t, cut) }
	})
	m.accept(t)
}

// Cuts that let something through: whoever takes a step is heard and hears nothing, or the other way round, or source and
// target do not reach each other while everybody else reaches both.
func TestMigrationComesToOneEndWhicheverLinksAreCutAtAnyStep(t *testing.T) {
	needsAll(t)
	network := nemesis.NewNetwork(t, 3)
	m := startMoving(t, cluster.On(network))
	shapes := []func(b blow) *nemesis.Cut{
		func(b blow) *nemesis.Cut { return network.Mute(b.node.Number) },
		func(b blow) *nemesis.Cut { return network.Deaf(b.node.Number) },
		func(b blow) *nemesis.Cut { return network.Isolate(b.node.Number).Refusing() },
		func(b blow) *nemesis.Cut {
			from, to := m.c.Leader(b.from).Node.Number, m.c.Leader(b.to).Node.Number
			if from == to {
				return network.Isolate(from)
			}
			return network.Pair(from, to)
		},
	}
	m.eachStep(t, everyVictim, func(b blow) (heal func()) {
		cut := shapes[(b.i+b.j)%len(shapes)](b)
		t.Log(cut.Name())
		begin(t, cut)
		b.goOn()
		progress(t, m.run, "while there is: "+cut.Name(), writesMeanwhile)
		mend(t, cut) // which source and target may need, to reach each other
		return func() {}
	})
	m.accept(t)
}

func begin(t *testing.T, cut *nemesis.Cut) {
	t.Helper()
	if err := cut.Begin(); err != nil {
		t.Fatal(err)
	}
}

func mend(t *testing.T, cut *nemesis.Cut) {
	t.Helper()
	if err := cut.End(); err != nil {
		t.Fatal(err)
	}
	if err := cut.TookEffect(); err != nil {
		t.Fatalf("%s had no effect, so the test shows nothing: %v", cut.Name(), err)
	}
}
