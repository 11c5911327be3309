package router

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/holtcache/holt/proto/apierr"
	"github.com/holtcache/holt/proto/slot"
)

// says makes AwaitOwned answer with an error of a kind at once; importing waits for ctx.
func says(kind apierr.Kind) func(context.Context) error {
	return func(ctx context.Context) error {
		if kind == apierr.KindImporting {
			<-ctx.Done()
		}
		return apierr.New(kind, "as the test says")
	}
}

// handing is a view in which slot 5 goes from shard 1, led by the other node, to shard 2, led by to.
func handing(t *testing.T, stage MigrationStage, to string) *View {
	t.Helper()
	v := viewOf(t, "other")
	v.Shards = append(v.Shards, Shard{ID: 2, Leader: to, Replicas: []string{"other", "self"}})
	v.AddMigration(Migration{ID: 1, From: 1, To: 2, Ranges: []slot.Range{{First: 5, Last: 9}}, Stage: stage})
	if stage != MigrationArriving {
		return v
	}
	m, err := slot.NewMap(2, []slot.Assignment{{Range: slot.Range{First: 5, Last: 9}, Shard: 2}})
	if err != nil {
		t.Fatal(err)
	}
	v.Map = m
	return v
}

func TestAskedRequestGoesWhereTheSlotArrives(t *testing.T) {
	for _, c := range []struct {
		what     string
		asked    Asked
		stage    MigrationStage
		second   seat
		slot     slot.ID
		here     bool
		arriving bool
	}{
		{"it was not asked", NotAsked, MigrationRunning, seat{shard: 2, leads: true}, 5, false, false},
		{"the slot is served here already", AskedHere, MigrationRunning, seat{shard: 2, leads: true}, 5, true, false},
		{"it is being imported", AskedHere, MigrationRunning, seat{shard: 2, leads: true, awaits: says(apierr.KindImporting)}, 5, true, true},
		{"the replica has not heard of it, the view has", AskedHere, MigrationRunning, seat{shard: 2, leads: true, awaits: says(apierr.KindNotOwned)}, 5, true, true},
		{"neither has", AskedHere, MigrationRunning, seat{shard: 2, leads: true, awaits: says(apierr.KindNotOwned)}, 10, false, false},
		{"it is over", AskedHere, MigrationOver, seat{shard: 2, leads: true, awaits: says(apierr.KindNotOwned)}, 5, false, false},
		{"the slot map has it here", NotAsked, MigrationArriving, seat{shard: 2, leads: true, awaits: says(apierr.KindImporting)}, 5, true, true},
	} {
		w := worldOf(handing(t, c.stage, "self"), map[slot.ShardID]Replica{1: seat{shard: 1}, 2: c.second})
		target, ok := New(w).Find(c.slot, c.asked)
		if !ok || (target.Replica != nil) != c.here || target.Arriving != c.arriving || target.Replica == nil && target.Leader.ID != "other" {
			t.Errorf("%s: %+v, %v", c.what, target, ok)
		}
	}
}

// The owner by the slot map would answer ASK again.
func TestAskedRequestGoesOnToTheLeaderOfTheShardThatGetsTheSlot(t *testing.T) {
	for _, c := range []struct {
		what   string
		stage  MigrationStage
		leader string
		second Replica
		ok     bool
		ask    bool
		shard  slot.ShardID
	}{
		{"another node leads it", MigrationRunning, "other", seat{shard: 2}, true, true, 2},
		{"another node leads it, no replica here", MigrationRunning, "other", nil, true, true, 2},
		{"nobody is known to lead it", MigrationRunning, "", seat{shard: 2}, false, false, 2},
		{"the view says that this node leads it, its replica does not", MigrationRunning, "self", seat{shard: 2}, false, false, 2},
		{"its own by the slot map, and another node leads it", MigrationArriving, "other", seat{shard: 2}, true, false, 2},
		{"it was aborted", MigrationOver, "other", seat{shard: 2}, true, false, 1},
	} {
		replicas := map[slot.ShardID]Replica{}
		if c.second != nil {
			replicas[2] = c.second
		}
		target, ok := New(worldOf(handing(t, c.stage, c.leader), replicas)).Find(5, AskedHere)
		if ok != c.ok || target.Ask != c.ask || target.Shard != c.shard || target.Replica != nil || ok && target.Leader.ID != "other" {
			t.Errorf("%s: %+v, %v", c.what, target, ok)
		}
	}
	synctest.Test(t, func(t *testing.T) {
		w, begin := worldOf(handing(t, MigrationRunning, ""), map[slot.ShardID]Replica{2: seat{shard: 2}}), time.Now()
		_, err := New(w).Await(t.Context(), 5, AskedHere, begin.Add(HoldMax))
		if err == nil || err.Kind != apierr.KindTryAgain || time.Since(begin) != HoldMax {
			t.Errorf("no leader: %v after %v", err, time.Since(begin))
		}
		time.AfterFunc(300*time.Millisecond, func() {
			w.become(handing(t, MigrationRunning, "other"), map[slot.ShardID]Replica{2: seat{shard: 2}})
		})
		begin = time.Now()
		target, err := New(w).Await(t.Context(), 5, AskedHere, begin.Add(HoldMax))
		if err != nil || !target.Ask || time.Since(begin) != 300*time.Millisecond {
			t.Errorf("a leader after a while: %+v, %v after %v", target, err, time.Since(begin))
		}
	})
}

// The others know of the decision before the slot map here does, and send clients here.
func TestSlotThatIsHeldHereIsNotSentBack(t *testing.T) {
	for _, c := range []struct {
		what     string
		owner    string // the leader of the slot's shard by the slot map
		second   seat
		here     bool
		arriving bool
	}{
		{"it is served here", "other", seat{shard: 2, leads: true, holds: true}, true, false},
		{"it is served here, and nobody is known to lead its former shard", "", seat{shard: 2, leads: true, holds: true}, true, false},
		{"it is here and waits for the decision", "other", seat{shard: 2, leads: true, holds: true, awaits: says(apierr.KindImporting)}, true, true},
		{"it is copied", "other", seat{shard: 2, leads: true, awaits: says(apierr.KindImporting)}, false, false},
		{"it is here, and another node leads", "other", seat{shard: 2, holds: true}, false, false},
		{"it is here no more", "other", seat{shard: 2, leads: true, holds: true, awaits: says(apierr.KindNotOwned)}, false, false},
	} {
		v := handing(t, MigrationRunning, "self")
		v.Shards[0].Leader = c.owner
		target, ok := New(worldOf(v, map[slot.ShardID]Replica{2: c.second})).Find(5, NotAsked)
		if !ok || (target.Replica != nil) != c.here || target.Arriving != c.arriving || target.Ask || !c.here && target.Leader.ID != "other" {
			t.Errorf("%s: %+v, %v", c.what, target, ok)
		}
	}
}

func TestRequestIsHeldUntilTheSlotHasArrived(t *testing.T) {
	for what, end := range map[string]struct {
		after time.Duration
		kind  apierr.Kind
	}{"in time": {300 * time.Millisecond, 0}, "never": {time.Hour, apierr.KindImporting}} {
		synctest.Test(t, func(t *testing.T) {
			begin := time.Now()
			second := seat{shard: 2, leads: true, awaits: func(ctx context.Context) error {
				select {
				case <-time.After(time.Until(begin.Add(end.after))):
					return nil
				case <-ctx.Done():
					return apierr.New(apierr.KindImporting, "not yet")
				}
			}}
			r := New(worldOf(handing(t, MigrationArriving, "self"), map[slot.ShardID]Replica{2: second}))
			target, err := r.Await(t.Context(), 5, NotAsked, begin.Add(HoldMax))
			if took := time.Since(begin); took != min(end.after, HoldMax) || (err == nil) != (end.kind == 0) || err != nil && err.Kind != end.kind || target.Replica == nil {
				t.Errorf("%s: %+v, %v after %v", what, target, err, took)
			}
		})
	}
}

// The record of the hand-over is on its way to this replica: nothing in the view will tell.
func TestHeldRequestLooksAgainAtWhatTheReplicaHas(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		begin := time.Now()
		second := seat{shard: 2, leads: true, awaits: func(context.Context) error {
			if time.Since(begin) < 100*time.Millisecond {
				return apierr.New(apierr.KindNotOwned, "not heard of")
			}
			return nil
		}}
		r := New(worldOf(handing(t, MigrationRunning, "self"), map[slot.ShardID]Replica{2: second}))
		if target, err := r.Await(t.Context(), 5, AskedHere, begin.Add(HoldMax)); err != nil || target.Replica == nil || time.Since(begin) > 100*time.Millisecond+lookAgain {
			t.Errorf("%+v, %v after %v", target, err, time.Since(begin))
		}
		second.awaits = says(apierr.KindNotOwned)
		r = New(worldOf(handing(t, MigrationRunning, "self"), map[slot.ShardID]Replica{2: second}))
		begin = time.Now()
		_, err := r.Await(t.Context(), 5, AskedHere, begin.Add(HoldMax))
		if err == nil || err.Kind != apierr.KindTryAgain || time.Since(begin) != HoldMax || err.Message != "slot 5 is being handed over from shard 1 to shard 2; not applied, retry" {
			t.Errorf("%v after %v", err, time.Since(begin))
		}
	})
}

func TestLeaderOfTheShardThatGetsTheSlotIsNamed(t *testing.T) {
	if target, ok := New(worldOf(handing(t, MigrationRunning, "other"), nil)).Handed(2); !ok || target.Leader == nil || target.Leader.ID != "other" || target.Arriving {
		t.Errorf("%+v, %v", target, ok)
	}
	w := worldOf(handing(t, MigrationRunning, "other"), map[slot.ShardID]Replica{2: seat{shard: 2, leads: true}})
	if target, ok := New(w).Handed(2); !ok || target.Replica == nil || !target.Arriving {
		t.Errorf("%+v, %v", target, ok)
	}
	for _, shard := range []slot.ShardID{0, 9} {
		if target, ok := New(w).Handed(shard); ok {
			t.Errorf("shard %d: %+v", shard, target)
		}
	}
}
