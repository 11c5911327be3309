package cluster_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/holtcache/holt/proto/slot"
	"github.com/holtcache/holt/raftfsm/meta"
	"github.com/holtcache/holt/shard/migration"
	"github.com/holtcache/holt/tests/cluster"
	"github.com/holtcache/holt/tests/model"
	"github.com/holtcache/holt/tests/workload"
)

// migrationsMissed is by how many epochs a slot map is old in the end, since each migration is one.
const migrationsMissed = 10

// stopsOnTheWay are where migrations of the test stay until every client has asked: the target has a copy that gets old, the
// source is frozen, the target has everything and does not serve, and the decision is known at one of them.
var stopsOnTheWay = []migration.Step{
	migration.StepCopied, migration.StepFrozen, migration.StepFinalApplied, migration.StepBeforeActivate, migration.StepBeforeDrop,
}

// Slots move ten times under clients that get redirects wrong: they stay with the old owner, go to the new one without ASKING,
// say ASKING to nodes that nobody has sent them to, or go by the slot map that they began with. Each is given the right answer
// or an error.
func TestClientsThatGetRedirectsWrongNeverGetAWrongValue(t *testing.T) {
	t.Parallel()
	steps := cluster.NewSteps(t)
	c := cluster.Start(t, cluster.Options{Settings: calm, Steps: steps})
	shards := c.ShardIDs()
	ranges, old := c.Slots(shards[0]), c.Leader(shards[0]).Node
	before := epoch(t, c)

	t.Logf("replay with -seed %d", *seed)
	run, keys := workload.NewRun(*seed), c.Keys(shards[0])
	clients := map[string]int{}
	for i, pick := range []workload.Pick{workload.Registers, workload.Counters} {
		lane := workload.NewLane(func(generation int) string { return keys(fmt.Sprint("lane", i), generation) }, pick)
		enter := func(name string, client workload.Client) {
			clients[fmt.Sprint(name, " ", i)] = run.Go(client, lane, clientPause)
		}
		enter("ignores ASK", workload.Stubborn(c.RESP(), workload.IgnoresASK))
		enter("never asks", workload.Stubborn(c.RESP(), workload.NeverAsks))
		enter("outdated", workload.Outdated(c.RESP(), func(string) string { return old.Addr.RESP }))
		for _, n := range c.Nodes {
			enter(fmt.Sprint("always asking node ", n.Number), workload.AlwaysAsking(n.Addr.RESP))
		}
		run.Go(workload.Follower(c.RESP()), lane, clientPause)
	}
	progress(t, run, "before the migrations", 50)
	for i := range migrationsMissed {
		stop := func() {}
		if i < len(stopsOnTheWay) {
			if err := steps.Stop(stopsOnTheWay[i]); err != nil {
				t.Fatal(err)
			}
			stop = func() {
				steps.At(c, stopsOnTheWay[i])
				eachHasAsked(t, run, clients)
				if err := steps.GoOn(stopsOnTheWay[i]); err != nil {
					t.Fatal(err)
				}
			}
		}
		move(t, c, shards[i%len(shards)], shards[(i+1)%len(shards)], ranges, stop)
	}
	cluster.Eventually(t, "the slot map of the beginning is old", func() error {
		if missed := epoch(t, c) - before; missed < migrationsMissed {
			return fmt.Errorf("by %d epochs, want %d", missed, migrationsMissed)
		}
		return nil
	})
	if now := c.Leader(shards[migrationsMissed%len(shards)]).Node; now == old {
		t.Fatal("the slots are back where they were: the test shows nothing")
	}
	from := run.History.Now()
	progress(t, run, "after the migrations", 50)
	for name, id := range clients {
		if strings.HasPrefix(name, "outdated") {
			cluster.Eventually(t, name+" finds its way", func() error { return answered(run, id, from) })
		}
	}
	if err := run.Stop(); err != nil {
		t.Error(err)
	}
	judge(t, run)
	refused(t, run, clients)
}

// move moves slots and lets something happen on the way.
func move(t *testing.T, c *cluster.Cluster, from, to uint64, ranges []slot.Range, happens func()) {
	t.Helper()
	id := c.StartMigration(from, to, ranges)
	happens()
	if m := c.MigrationEnded(id); m.Phase != meta.MigrationCommitted {
		t.Fatalf("migration %d is %v: %s", id, m.Phase, m.Reason)
	}
}

// eachHasAsked waits until each client has asked something and was answered, whatever that was.
func eachHasAsked(t *testing.T, run *workload.Run, clients map[string]int) {
	t.Helper()
	from := run.History.Now()
	cluster.Eventually(t, "each client has asked", func() error {
		asked := map[int]bool{}
		for _, o := range run.History.Ops() {
			asked[o.Client] = asked[o.Client] || o.Call >= from
		}
		for name, id := range clients {
			if !asked[id] {
				return fmt.Errorf("a client that is %q has not", name)
			}
		}
		return nil
	})
}

// answered is nil where a client was served since.
func answered(run *workload.Run, client int, from time.Duration) error {
	for _, o := range run.History.Ops() {
		if o.Client == client && o.Call >= from && o.Outcome == model.OK {
			return nil
		}
	}
	return errors.New("it was not served")
}

// refused wants each kind of client to have met what it gets wrong.
func refused(t *testing.T, run *workload.Run, clients map[string]int) {
	t.Helper()
	met := map[int]map[string]int{}
	for _, o := range run.History.Ops() {
		if met[o.Client] == nil {
			met[o.Client] = map[string]int{}
		}
		word, _, _ := strings.Cut(o.Err, " ")
		met[o.Client][word]++
	}
	for name, id := range clients {
		t.Logf("%s: %v", name, met[id])
		want := "MOVED"
		if strings.HasPrefix(name, "outdated") {
			want = ""
		} else if strings.HasPrefix(name, "ignores") {
			want = "ASK"
		}
		if met[id][want] == 0 {
			t.Errorf("a client that is %q has never had the answer %q: %v", name, want, met[id])
		}
	}
}

// epoch is that of the slot map at the first node.
func epoch(t *testing.T, c *cluster.Cluster) uint64 {
	t.Helper()
	status, err := c.Nodes[0].Status()
	if err != nil {
		t.Fatal(err)
	}
	return status.Epoch
}
