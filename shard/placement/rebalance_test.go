package placement

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	storagev1 "github.com/holtcache/holt/proto/holt/storage/v1"
	"github.com/holtcache/holt/proto/slot"
	"github.com/holtcache/holt/raftfsm/meta"
)

func (s leaderSeat) SlotUsage(_ context.Context, shard slot.ShardID) (SlotUsage, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	u, ok := s.loads[shard]
	if !ok {
		return u, errors.New("not measured")
	}
	return u, s.failing[fmt.Sprintf("measure %d", shard)]
}

// migrationTime is how long a migration takes.
const migrationTime = 200 * time.Millisecond

// drive makes migrations happen, shards form and be led, some time after they were asked for. decide says how a migration ends.
func (w *world) drive(decide func(meta.Migration) meta.MigrationPhase) {
	w.after = func(action string) {
		switch {
		case strings.HasPrefix(action, "CreateShards"):
			time.AfterFunc(migrationTime, w.formAll)
		case strings.HasPrefix(action, "StartMigrations"):
			time.AfterFunc(migrationTime, func() {
				for _, m := range w.machine.State().Migrations() {
					if m.Phase == meta.MigrationRunning {
						w.end(m, decide(m))
					}
				}
			})
		}
	}
}

func (w *world) formAll() {
	for _, s := range w.machine.State().Shards() {
		if s.Phase == meta.ShardFormed {
			continue
		}
		w.apply(&storagev1.MetaCommand{Command: &storagev1.MetaCommand_ReportFormed{ReportFormed: &storagev1.ReportFormed{Shard: uint64(s.ID), Incarnation: 5}}})
		w.change(func() { w.leaders[s.ID] = s.PreferredLeader; w.terms[s.ID]++ })
	}
}

func (w *world) end(m meta.Migration, phase meta.MigrationPhase) {
	switch phase {
	case meta.MigrationCommitted:
		w.apply(&storagev1.MetaCommand{Command: &storagev1.MetaCommand_CommitMigration{CommitMigration: &storagev1.CommitMigration{Id: m.ID, AttemptIncarnation: 1, AttemptCounter: 1, FinalIndex: 1}}})
	case meta.MigrationAborted:
		w.apply(meta.AbortMigration(m.ID, "the test says so"))
	default:
		return
	}
	for _, side := range []storagev1.MigrationSide{storagev1.MigrationSide_MIGRATION_SIDE_SOURCE, storagev1.MigrationSide_MIGRATION_SIDE_TARGET} {
		w.apply(&storagev1.MetaCommand{Command: &storagev1.MetaCommand_EndMigration{EndMigration: &storagev1.EndMigration{Id: m.ID, Side: side}}})
	}
}

func commits(meta.Migration) meta.MigrationPhase { return meta.MigrationCommitted }

func (w *world) goal(measures ...meta.BalanceMeasure) {
	w.t.Helper()
	w.goalAt(time.Now(), measures...)
}

// goalAt asks for a rebalance at a node whose clock says so.
func (w *world) goalAt(now time.Time, measures ...meta.BalanceMeasure) {
	w.t.Helper()
	r := w.apply(meta.StartRebalance(meta.Rebalance{Measures: measures, StartedMs: now.UnixMilli(), LastMigration: w.machine.State().LastMigration()}))
	if r.Err != nil {
		w.t.Fatal(r.Err)
	}
}

// slotsOf is how many slots each shard owns.
func (w *world) slotsOf() map[slot.ShardID]int {
	counts := map[slot.ShardID]int{}
	for _, s := range w.machine.State().Shards() {
		counts[s.ID] = countSlots(s.Ranges)
	}
	return counts
}

func wantRebalanced(t *testing.T, w *world, slots map[slot.ShardID]int) {
	t.Helper()
	if _, runs := w.machine.State().Rebalance(); runs || !reflect.DeepEqual(w.slotsOf(), slots) {
		t.Errorf("rebalance runs: %v; shards own %v, want %v", runs, w.slotsOf(), slots)
	}
	led := map[string]int{}
	for _, s := range w.machine.State().Shards() {
		led[s.PreferredLeader]++
	}
	for node, n := range led {
		if n > 1 {
			t.Errorf("%s leads %d shards: %v", node, n, led)
		}
	}
}

func TestRebalanceFollowsNodesThatComeAndGo(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world, run func(string) (*Controller, *logLines)) {
		formed(t, w, 3)
		w.drive(commits)
		c, log := run("a")
		w.register("d")
		pass(time.Minute)
		if done := w.counted("StartMigrations") + w.counted("CreateShards"); done != 0 {
			t.Errorf("it did %d things that nobody asked for", done)
		}
		w.goal(meta.MeasureSlots)
		pass(2 * time.Minute)
		wantRebalanced(t, w, map[slot.ShardID]int{1: 4096, 2: 4096, 3: 4096, 4: 4096})
		for _, m := range w.machine.State().EndedMigrations() {
			if m.Slots() > migrationSlotsMax {
				t.Errorf("migration %d moves %d slots", m.ID, m.Slots())
			}
		}
		w.goal(meta.MeasureSlots) // nothing to do
		pass(10 * time.Second)
		wantRebalanced(t, w, map[slot.ShardID]int{1: 4096, 2: 4096, 3: 4096, 4: 4096})

		w.apply(&storagev1.MetaCommand{Command: &storagev1.MetaCommand_SetNodeDraining{SetNodeDraining: &storagev1.SetNodeDraining{Id: "d", Draining: true}}})
		w.goal(meta.MeasureSlots)
		pass(2 * time.Minute)
		if slots := w.slotsOf(); len(slots) != 3 || slots[4] != 0 {
			t.Errorf("shards own %v", slots)
		}
		if _, runs := w.machine.State().Rebalance(); runs {
			t.Errorf("the rebalance does not end: %+v", c.Status())
		}
		if warnings := log.having("WARN"); len(warnings) > 0 {
			t.Errorf("warned %v", warnings)
		}
	})
}

// Each controller leads for a moment only: what one has begun the next goes on with.
func TestRebalanceOutlivesItsControllers(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world, run func(string) (*Controller, *logLines)) {
		formed(t, w, 3)
		w.drive(commits)
		w.register("d", "e")
		run("a")
		run("b")
		w.goal(meta.MeasureSlots)
		for i := range 200 {
			w.change(func() { w.leader = []string{"a", "b"}[i%2] })
			pass(700 * time.Millisecond)
		}
		wantRebalanced(t, w, map[slot.ShardID]int{1: 3277, 2: 3277, 3: 3277, 4: 3277, 5: 3276})
	})
}

func TestRebalanceStartsFewMigrationsAtATime(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world, run func(string) (*Controller, *logLines)) {
		formed(t, w, 3)
		w.register("d", "e")
		w.drive(func(meta.Migration) meta.MigrationPhase { return meta.MigrationRunning })
		c, _ := run("a")
		w.goal(meta.MeasureSlots)
		pass(time.Minute)
		busy := map[slot.ShardID]int{}
		for _, m := range w.machine.State().Migrations() {
			busy[m.From]++
			busy[m.To]++
		}
		for shard, n := range busy {
			if n > 1 {
				t.Errorf("shard %d takes part in %d migrations", shard, n)
			}
		}
		if len(w.machine.State().Migrations()) != 2 { // of five shards
			t.Errorf("%d migrations, of shards %v", len(w.machine.State().Migrations()), busy)
		}
		if got := strings.Join(c.Status().Waiting, "\n"); !strings.Contains(got, "slots to go") {
			t.Errorf("it waits for %q", got)
		}
	})
}

// Its slots are frozen for a moment at each migration, so that a shard is let alone for a while before the next.
func TestShardRestsBetweenMigrations(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world, run func(string) (*Controller, *logLines)) {
		formed(t, w, 3)
		w.drive(commits)
		w.register("d", "e")
		run("a")
		w.goal(meta.MeasureSlots)
		pass(2 * time.Minute)
		ended := map[slot.ShardID]int64{}
		migrations := w.machine.State().EndedMigrations()
		slices.SortFunc(migrations, func(a, b meta.Migration) int { return cmp.Compare(a.ID, b.ID) })
		rests := 0
		for _, m := range migrations {
			for _, shard := range []slot.ShardID{m.From, m.To} {
				if last, before := ended[shard]; before {
					rests++
					if pause := time.Duration(m.StartedMs-last) * time.Millisecond; pause < migrationRest {
						t.Errorf("shard %d rests %v before migration %d, want %v", shard, pause, m.ID, migrationRest)
					}
				}
				ended[shard] = m.EndedMs
			}
		}
		if rests < 5 {
			t.Errorf("%d migrations show nothing: %d rests", len(migrations), rests)
		}
	})
}

// Clocks of nodes differ, so which migrations belong to a rebalance goes by their ids.
func TestAbortedMigrationsAreRepeatedEverMoreSeldomWhateverClocksSay(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world, run func(string) (*Controller, *logLines)) {
		formed(t, w, 3)
		w.register("d")
		aborts := true
		w.drive(func(m meta.Migration) meta.MigrationPhase {
			if m.From == 1 && aborts {
				return meta.MigrationAborted
			}
			return meta.MigrationCommitted
		})
		c, log := run("a")
		w.goalAt(time.Now().Add(time.Hour), meta.MeasureSlots)
		pass(2 * time.Minute)
		aborted := 0
		for _, m := range w.machine.State().EndedMigrations() {
			if m.Phase == meta.MigrationAborted {
				aborted++
			}
		}
		if got := w.slotsOf(); got[1] != 5461 || got[2] != 4096 || got[3] != 4096 || aborted == 0 || aborted > 60 {
			t.Errorf("shards own %v after %d aborted migrations", got, aborted)
		}
		if got := strings.Join(c.Status().Waiting, "\n"); !strings.Contains(got, "was aborted: the test says so") {
			t.Errorf("it waits for %q", got)
		}
		if len(log.having("was aborted")) == 0 {
			t.Error("nothing was logged")
		}
		w.change(func() { aborts = false })
		pass(2 * time.Minute)
		wantRebalanced(t, w, map[slot.ShardID]int{1: 4096, 2: 4096, 3: 4096, 4: 4096})
	})
}

func TestAbortsFromBeforeARebalanceDoNotCountForIt(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world, run func(string) (*Controller, *logLines)) {
		formed(t, w, 3)
		w.register("d")
		w.drive(commits)
		_, log := run("a")
		begun := w.apply(&storagev1.MetaCommand{Command: &storagev1.MetaCommand_StartMigrations{StartMigrations: &storagev1.StartMigrations{
			ExpectedEpoch: w.machine.State().Epoch(), StartedMs: time.Now().UnixMilli(),
			Migrations: []*storagev1.NewMigration{{From: 1, To: 2, Ranges: []*storagev1.SlotRange{{First: 0, Last: 9}}}},
		}}})
		for _, m := range w.machine.State().Migrations() {
			w.end(m, meta.MigrationAborted)
		}
		pass(time.Minute)
		if ended := w.machine.State().EndedMigrations(); begun.Err != nil || len(ended) != 1 || ended[0].Phase != meta.MigrationAborted {
			t.Fatalf("%v; migrations %+v", begun.Err, ended)
		}
		w.goalAt(time.Now().Add(-time.Hour), meta.MeasureSlots)
		pass(2 * time.Minute)
		wantRebalanced(t, w, map[slot.ShardID]int{1: 4096, 2: 4096, 3: 4096, 4: 4096})
		if lines := log.having("was aborted"); len(lines) > 0 {
			t.Errorf("it was logged: %v", lines)
		}
	})
}

func TestRebalanceThatIsStoppedStartsNothingMore(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world, run func(string) (*Controller, *logLines)) {
		formed(t, w, 3)
		w.register("d")
		w.drive(commits)
		run("a")
		w.goal(meta.MeasureSlots)
		pass(time.Second)
		w.apply(meta.EndRebalance(0))
		pass(time.Second)
		before := w.counted("StartMigrations")
		pass(time.Minute)
		if after := w.counted("StartMigrations"); before == 0 || after != before {
			t.Errorf("migrations were started %d times, then %d", before, after)
		}
	})
}

func TestRebalanceByBytesMovesWhatIsHeavy(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world, run func(string) (*Controller, *logLines)) {
		formed(t, w, 3)
		w.drive(commits)
		w.loads = map[slot.ShardID]SlotUsage{}
		for _, s := range w.machine.State().Shards() {
			n := countSlots(s.Ranges)
			u := SlotUsage{Ranges: s.Ranges, Keys: slices.Repeat([]uint64{1}, n), Bytes: slices.Repeat([]uint64{100}, n)}
			if s.ID == 1 {
				u.Bytes = slices.Repeat([]uint64{400}, n)
			}
			w.loads[s.ID] = u
		}
		w.failing["measure 2"] = errors.New("no answer")
		c, _ := run("a")
		w.goal(meta.MeasureBytes)
		pass(5 * time.Second)
		if got := strings.Join(c.Status().Waiting, "\n"); w.counted("StartMigrations") != 0 || !strings.Contains(got, "the load of shards [2] is not known") {
			t.Errorf("without a measurement: %v, waiting for %q", w.done(), got)
		}
		w.change(func() { delete(w.failing, "measure 2") })
		pass(2 * usageMax)
		// Shard 1 weighed two thirds of all; each shard is to weigh a third, within a tenth.
		if slots := w.slotsOf(); slots[1] < 2400 || slots[1] > 3100 {
			t.Errorf("shards own %v", slots)
		}
	})
}
