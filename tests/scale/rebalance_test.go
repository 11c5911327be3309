package scale

import (
	"testing"
	"time"

	storagev1 "github.com/holtcache/holt/proto/holt/storage/v1"
	"github.com/holtcache/holt/proto/slot"
	"github.com/holtcache/holt/raftfsm/meta"
	"github.com/holtcache/holt/shard/placement"
)

// together is how many migrations run at a time here, as the controller would begin them.
const together = 64

// What a rebalance of a large cluster comes to: how long its plan takes, which a controller makes anew in each round, how much
// moves, and what of it goes through the meta group.
func TestRebalanceOfManyNodes(t *testing.T) {
	for _, c := range []struct {
		what          string
		joined, goal  int // nodes that join, shards there are to be
		movesFewSlots int // no more slots move than that
	}{
		{"a node joins, and gets a shard", 1, 161, 110},
		{"32 nodes join, and get 16 shards", 32, 176, 1600},
		{"a shard for each of the 320 nodes", 0, 320, 8400},
	} {
		r := found(t, nodesMany, shardsMany)
		for i := range c.joined {
			r.apply(&storagev1.MetaCommand{Command: &storagev1.MetaCommand_RegisterNode{RegisterNode: register(nodesMany + i)}})
		}
		goal := meta.Rebalance{Measures: []meta.BalanceMeasure{meta.MeasureSlots}, Shards: c.goal, StartedMs: 1}
		before := r.commandBytes
		r.apply(meta.StartRebalance(goal))
		plan := r.plan(goal)
		create := &storagev1.CreateShards{ExpectedEpoch: r.machine.State().Epoch()}
		for _, s := range plan.Create {
			create.Shards = append(create.Shards, &storagev1.NewShard{Replicas: s.Replicas, PreferredLeader: s.PreferredLeader})
		}
		for _, id := range r.apply(&storagev1.MetaCommand{Command: &storagev1.MetaCommand_CreateShards{CreateShards: create}}).Shards {
			r.apply(&storagev1.MetaCommand{Command: &storagev1.MetaCommand_ReportFormed{ReportFormed: &storagev1.ReportFormed{Shard: uint64(id), Incarnation: 2}}})
		}
		slots, migrations, rounds, longest := 0, 0, 0, time.Duration(0)
		for {
			began := time.Now()
			plan = r.plan(goal)
			longest = max(longest, time.Since(began))
			if len(plan.Moves) == 0 {
				break
			}
			rounds++
			moved := r.migrate(plan.Moves[:min(together, len(plan.Moves))])
			slots += moved
			migrations += min(together, len(plan.Moves))
			if slots > slot.Count {
				t.Fatalf("%s: %d slots have moved and there is no end", c.what, slots)
			}
		}
		least, most := slot.Count, 0
		for _, s := range r.machine.State().Shards() {
			n := 0
			for _, rg := range s.Ranges {
				n += rg.Len()
			}
			least, most = min(least, n), max(most, n)
		}
		if most-least > 1 || len(r.machine.State().Shards()) != c.goal || slots > c.movesFewSlots {
			t.Errorf("%s: %d shards own %d to %d slots after %d have moved", c.what, len(r.machine.State().Shards()), least, most, slots)
		}
		t.Logf("%s: %d slots in %d migrations, planned %d times in at most %v each; commands of the meta group: %.1f KB to each node",
			c.what, slots, migrations, rounds+1, longest.Round(100*time.Microsecond), float64(r.commandBytes-before)/1000)
	}
}

// plan is the plan that a controller makes on the state of now.
func (r *realm) plan(goal meta.Rebalance) placement.RebalancePlan {
	r.t.Helper()
	state := r.machine.State()
	plan, err := placement.PlanRebalance(placement.RebalanceInputOf(state, placement.NodesOf(state, everybody{}), goal, nil))
	if err != nil {
		r.t.Fatal(err)
	}
	return plan
}

// everybody is alive.
type everybody struct{}

func (everybody) Alive(string) bool { return true }

// migrate lets migrations happen and tells how many slots they have moved.
func (r *realm) migrate(moves []placement.Move) (slots int) {
	start := &storagev1.StartMigrations{ExpectedEpoch: r.machine.State().Epoch(), StartedMs: time.Now().UnixMilli()}
	for _, m := range moves {
		slots += m.Slots()
		start.Migrations = append(start.Migrations, &storagev1.NewMigration{From: uint64(m.From), To: uint64(m.To), Ranges: meta.RangesProto(m.Ranges)})
	}
	for _, id := range r.apply(&storagev1.MetaCommand{Command: &storagev1.MetaCommand_StartMigrations{StartMigrations: start}}).Migrations {
		r.apply(&storagev1.MetaCommand{Command: &storagev1.MetaCommand_CommitMigration{CommitMigration: &storagev1.CommitMigration{
			Id: id, AttemptIncarnation: 2, AttemptCounter: 1, FinalIndex: 100,
		}}})
		for _, side := range []storagev1.MigrationSide{storagev1.MigrationSide_MIGRATION_SIDE_SOURCE, storagev1.MigrationSide_MIGRATION_SIDE_TARGET} {
			r.apply(&storagev1.MetaCommand{Command: &storagev1.MetaCommand_EndMigration{EndMigration: &storagev1.EndMigration{Id: id, Side: side, EndedMs: time.Now().UnixMilli()}}})
		}
	}
	return slots
}
