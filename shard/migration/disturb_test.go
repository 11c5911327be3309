package migration

import (
	"context"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/holtcache/holt/proto/slot"
	"github.com/holtcache/holt/raftfsm/entry"
	"github.com/holtcache/holt/raftfsm/meta"
	"github.com/holtcache/holt/raftfsm/store"
	"github.com/holtcache/holt/shard/executor"
)

// ends waits for the end of a migration, whatever it is, and checks what every end has in common: each slot has one owner,
// the one that the meta group names, with all keys, and nobody else holds any of them.
func (w *world) ends(id uint64, want map[string]store.Item) meta.Migration {
	w.t.Helper()
	m := w.ended(id)
	w.owned(want)
	return m
}

// owned checks that shards own what the slot map says, with the keys wanted.
func (w *world) owned(want map[string]store.Item) {
	w.t.Helper()
	for shard := range w.groups {
		w.holds(shard, w.meta.newest().SlotMap().Ranges(shard), want)
	}
}

// disturbances are what may happen at a step of a migration.
var disturbances = map[string]func(w *world){
	"the source's leader changes": func(w *world) { w.groups[1].electOther() },
	"the target's leader changes": func(w *world) { w.groups[2].electOther() },
	"both leaders change":         func(w *world) { w.groups[1].electOther(); w.groups[2].electOther() },
	"the source loses what is under way": func(w *world) {
		w.groups[1].hold()
		w.later(func() { w.groups[1].electOther() })
	},
	"the target loses what is under way": func(w *world) {
		w.groups[2].hold()
		w.later(func() { w.groups[2].electOther() })
	},
	"the stream breaks": func(w *world) { w.cut() },
	"the shards cannot reach each other": func(w *world) {
		w.setBroken(true)
		w.later(func() { w.setBroken(false) })
	},
	"the meta group does not answer": func(w *world) {
		w.meta.answer(false)
		w.later(func() { w.meta.answer(true) })
	},
	"the watched state is old": func(w *world) {
		w.meta.lag(true)
		w.later(func() { w.meta.lag(false) })
	},
	"an abort is asked for": func(w *world) {
		for _, m := range w.meta.newest().Migrations() {
			w.meta.apply(meta.AbortMigration(m.ID, "cancelled"))
		}
	},
}

// later runs f some milliseconds from now.
func (w *world) later(f func()) {
	w.spawn(func(ctx context.Context) {
		select {
		case <-ctx.Done():
		case <-time.After(time.Duration(5+rand.IntN(10)) * time.Millisecond):
			f()
		}
	})
}

// Whatever happens at whichever step, the migration resumes or aborts: each slot has one owner, and no key is lost, doubled
// or back from the dead.
func TestMigrationComesToOneEndWhateverHappensAtAnyStep(t *testing.T) {
	for i, name := range slices.Sorted(maps.Keys(disturbances)) {
		disturb := disturbances[name]
		for j, step := range Steps {
			if underRace && (i+j)%5 != 0 {
				continue // it takes ten times as long there
			}
			t.Run(fmt.Sprintf("%s at %s", name, step), func(t *testing.T) {
				t.Parallel()
				w := newWorld(t)
				want := w.fill(300)
				happened := make(chan struct{})
				w.at(step, func(*replica) {
					disturb(w)
					close(happened)
				})
				l := w.load(2, 10)
				id := w.start(1, 2, half)
				<-happened
				w.ended(id)
				l.finish()
				for _, k := range l.keys {
					k.do(func(tx *executor.Tx) { tx.Delete(k.name) })
				}
				w.owned(want)
				// What has ended does not begin again, and the slots can move once more.
				from, to := slot.ShardID(1), slot.ShardID(2)
				if w.meta.newest().SlotMap().Owner(half.First) == 2 {
					from, to = 2, 1
				}
				if m := w.ends(w.start(from, to, half), want); m.Phase != meta.MigrationCommitted {
					t.Errorf("the next migration is %v: %s", m.Phase, m.Reason)
				}
			})
		}
	}
}

// The chunks that the target has it needs no second time: a new leader goes on with the attempt of the one before.
func TestMigrationIsResumedWhereTheTargetsLeaderMoved(t *testing.T) {
	w := newWorld(t, func(w *world) { w.limits.ChunkBytes = 4 << 10 })
	want := w.fill(2000)
	w.at(StepCopied, func(*replica) { w.groups[2].electOther() })
	m := w.ends(w.start(1, 2, half), want)
	if m.Phase != meta.MigrationCommitted || m.Final.Counter != 1 {
		t.Errorf("the migration is %v (%s) by attempt %d of the source, want it committed by the first", m.Phase, m.Reason, m.Final.Counter)
	}
}

// holdFinal lets all of a migration arrive but its final chunk, which stays in the log of the target.
func (w *world) holdFinal(id uint64, target *group) {
	w.at(StepFrozen, func(r *replica) {
		q := queueOf(r, id)
		w.await("all that is queued has arrived", func() bool { waiting, _ := q.waiting(); return waiting == 0 })
		target.hold()
	})
}

// A new leader of the source knows nothing of what its predecessor has sent, so it begins anew and the target forgets.
// The stream on which it came hears nothing of it any more, so the next one has to say so.
func TestFinalChunkThatIsAppliedBehindItsStreamIsNoticed(t *testing.T) {
	w := newWorld(t)
	want := w.fill(500)
	const id = 1
	target := w.groups[2]
	w.holdFinal(id, target)
	w.at(StepFinalSent, func(*replica) {
		w.spawn(func(context.Context) {
			w.await("the final chunk is in the log", func() bool {
				target.mu.Lock()
				defer target.mu.Unlock()
				return len(target.pending) == 1
			})
			w.setBroken(true)
			w.await("the stream has ended", func() bool {
				w.mu.Lock()
				defer w.mu.Unlock()
				return len(w.streams) == 0
			})
			target.free()
			w.await("it is applied", func() bool {
				h, _ := target.led().State().Handover(id)
				return h.Final
			})
			w.setBroken(false)
		})
	})
	if got := w.start(1, 2, half); got != id {
		t.Fatalf("migration %d", got)
	}
	if m := w.ends(id, want); m.Phase != meta.MigrationCommitted {
		t.Errorf("the migration is %v: %s", m.Phase, m.Reason)
	}
}

// The source has nothing more to send, so nothing that it does tells the target that its stream is of no use.
func TestStreamEndsWithTheLeadershipOfTheTarget(t *testing.T) {
	w := newWorld(t, func(w *world) { w.limits.AnswerMax = 2 * patience })
	want := w.fill(500)
	const id = 1
	target := w.groups[2]
	w.holdFinal(id, target)
	w.at(StepFinalSent, func(*replica) {
		w.spawn(func(context.Context) {
			w.await("the final chunk is lost", func() bool {
				target.mu.Lock()
				defer target.mu.Unlock()
				lost := len(target.pending) == 1
				target.settleLocked(0)
				return lost
			})
			target.electOther()
		})
	})
	if got := w.start(1, 2, half); got != id {
		t.Fatalf("migration %d", got)
	}
	if m := w.ends(id, want); m.Phase != meta.MigrationCommitted {
		t.Errorf("the migration is %v: %s", m.Phase, m.Reason)
	}
}

func TestNewLeaderOfTheSourceBeginsANewAttempt(t *testing.T) {
	w := newWorld(t)
	want := w.fill(1000)
	var before entry.Attempt
	w.at(StepCopied, func(r *replica) {
		before = entry.Attempt{Incarnation: r.State().Incarnation}
		w.groups[1].electOther()
	})
	m := w.ends(w.start(1, 2, half), want)
	if m.Phase != meta.MigrationCommitted || m.Final.Incarnation <= before.Incarnation {
		t.Errorf("the migration is %v (%s) by incarnation %d, want it committed by one after %d", m.Phase, m.Reason, m.Final.Incarnation, before.Incarnation)
	}
}

func TestCancelledMigrationLeavesEverythingWhereItWas(t *testing.T) {
	for _, step := range []Step{StepCopyBegun, StepCopied, StepBeforeFreeze, StepFrozen, StepFinalSent, StepBeforeCommit} {
		t.Run(string(step), func(t *testing.T) {
			w := newWorld(t)
			want := w.fill(500)
			w.at(step, func(*replica) {
				for _, m := range w.meta.newest().Migrations() {
					w.meta.must(meta.AbortMigration(m.ID, "cancelled"))
				}
			})
			m := w.ends(w.start(1, 2, half), want)
			if m.Phase != meta.MigrationAborted || m.Reason != "cancelled" {
				t.Errorf("the migration is %v: %s", m.Phase, m.Reason)
			}
			w.holds(1, slot.Split(1), want)
			w.holds(2, nil, nil)
		})
	}
}

// A migration is cancelled before either side has done anything: both note its end all the same, or a late record could
// begin it.
func TestMigrationThatIsCancelledAtOnceEndsOnBothSides(t *testing.T) {
	w := newWorld(t)
	w.meta.lag(true)
	id := w.start(1, 2, half)
	w.meta.must(meta.AbortMigration(id, "cancelled"))
	w.meta.lag(false)
	w.ends(id, nil)
	for _, g := range w.groups {
		if got := g.led().State().EndedAt(half.First); got != id {
			t.Errorf("shard %d: migration %d ended last at slot %d, want %d", g.id, got, half.First, id)
		}
	}
}

func TestChunksThatComeTwiceAreTakenOnce(t *testing.T) {
	w := newWorld(t, func(w *world) { w.twice = true; w.limits.ChunkBytes = 2 << 10 })
	want := w.fill(1000)
	if m := w.ends(w.start(1, 2, half), want); m.Phase != meta.MigrationCommitted {
		t.Errorf("the migration is %v: %s", m.Phase, m.Reason)
	}
}

// PROTOCOL rule 17: frozen slots stay frozen until there is a decision; an abort is asked for, not taken.
func TestSlotsThatAreFrozenTooLongStayFrozenUntilTheMetaGroupHasDecided(t *testing.T) {
	w := newWorld(t, func(w *world) { w.limits.FrozenMax = 50 * time.Millisecond })
	want := w.fill(100)
	w.at(StepFrozen, func(*replica) {
		w.setBroken(true)
		w.meta.answer(false)
	})
	id := w.start(1, 2, half)
	source := w.groups[1].led()
	w.await("the slots are frozen", func() bool { _, frozen := source.State().Handover(id); return frozen })
	w.await("an abort was asked for", func() bool {
		p := source.driver.Progress()
		return len(p) == 1 && p[0].Err != ""
	})
	if _, frozen := source.State().Handover(id); !frozen {
		t.Fatal("the slots are served again, and nothing was decided")
	}
	w.meta.answer(true)
	m := w.ended(id)
	if m.Phase != meta.MigrationAborted {
		t.Errorf("the migration is %v: %s", m.Phase, m.Reason)
	}
	w.setBroken(false)
	w.owned(want)
}

// Copying all of it again would keep the slots frozen for long.
func TestNewLeaderOfTheSourceAsksForAnAbortWhereManyKeysAreFrozen(t *testing.T) {
	w := newWorld(t, func(w *world) { w.limits.FrozenKeysMax = 100 })
	want := w.fill(1000)
	w.at(StepFrozen, func(r *replica) {
		w.setBroken(true)
		w.groups[1].electOther()
		w.spawn(func(context.Context) {
			w.await("the old leader has noticed", func() bool { return len(r.driver.Progress()) == 0 })
			w.setBroken(false)
		})
	})
	if m := w.ends(w.start(1, 2, half), want); m.Phase != meta.MigrationAborted {
		t.Errorf("the migration is %v: %s", m.Phase, m.Reason)
	}
	// Where everything has arrived nothing is copied again.
	w.at(StepFinalApplied, func(*replica) { w.groups[1].electOther() })
	if m := w.ends(w.start(1, 2, half), want); m.Phase != meta.MigrationCommitted {
		t.Errorf("the migration is %v: %s", m.Phase, m.Reason)
	}
}

// No stream carries the chunk, and the target is reached each time.
func TestMigrationIsAbortedWhereAChunkNeverArrives(t *testing.T) {
	w := newWorld(t, func(w *world) {
		w.largest = 16 << 10
		w.limits = Limits{ChunkBytes: 1 << 10, StuckMax: 3, UnreachableMax: patience}
	})
	w.fill(100)
	k := w.key("large")
	for i := 0; !half.Contains(k.slot); i++ {
		k = w.key(fmt.Sprintf("large:%d", i))
	}
	k.do(func(tx *executor.Tx) { tx.Set(k.name, make([]byte, 32<<10), entry.TypeString, 0) })
	m := w.ended(w.start(1, 2, half))
	if m.Phase != meta.MigrationAborted || !strings.Contains(m.Reason, errStuck.Error()) {
		t.Errorf("the migration is %v: %s", m.Phase, m.Reason)
	}
}

// The changes of slots that nobody takes fast enough must not fill the memory.
func TestMigrationIsAbortedWhereSlotsChangeTooFast(t *testing.T) {
	w := newWorld(t, func(w *world) {
		w.limits = Limits{ChunkBytes: 1 << 10, QueueBytes: 8 << 10, QueueBytesMax: 32 << 10, FreezeBytes: 1, UnreachableMax: patience}
	})
	k := w.key("load:0:0")
	for i := 0; !half.Contains(k.slot); i++ {
		k = w.key(fmt.Sprintf("load:0:%d", i))
	}
	value := make([]byte, 8<<10)
	grow := func(*replica) {
		for range 8 {
			k.do(func(tx *executor.Tx) { tx.Set(k.name, value, entry.TypeString, 0) })
		}
	}
	var again func(*replica)
	again = func(r *replica) {
		w.at(StepCopied, again)
		w.groups[2].hold()
		grow(r)
		w.groups[2].free()
	}
	w.at(StepCopied, again)
	if m := w.ended(w.start(1, 2, half)); m.Phase != meta.MigrationAborted {
		t.Errorf("the migration is %v: %s", m.Phase, m.Reason)
	}
}

// queueOf is the queue of the attempt that a replica makes.
func queueOf(r *replica, id uint64) *queue {
	r.driver.mu.Lock()
	t := r.driver.running[id]
	r.driver.mu.Unlock()
	t.progress.mu.Lock()
	defer t.progress.mu.Unlock()
	return t.progress.queue
}

// Changes that were on their way before the freeze may still be too many for the queue.
func TestQueueThatOverflowsWhileTheFreezeIsAppliedIsCopiedAgain(t *testing.T) {
	w := newWorld(t)
	want := w.fill(1000)
	const id = 1
	w.at(StepFrozen, func(r *replica) {
		q := queueOf(r, id)
		w.await("all that is queued has arrived", func() bool { waiting, _ := q.waiting(); return waiting == 0 })
		q.mu.Lock()
		q.failLocked(errOverflow)
		q.mu.Unlock()
	})
	if got := w.start(1, 2, half); got != id {
		t.Fatalf("migration %d", got)
	}
	m := w.ends(id, want)
	if m.Phase != meta.MigrationCommitted || m.Final.Counter != 2 {
		t.Errorf("the migration is %v (%s) by attempt %v, want it committed by the second", m.Phase, m.Reason, m.Final)
	}
}

// Slots are frozen for as long as what waits takes to send, so what has come since the last look counts.
func TestNothingIsFrozenWhileMuchWaits(t *testing.T) {
	w := newWorld(t, func(w *world) {
		w.limits = Limits{ChunkBytes: 1 << 10, WindowBytes: 16 << 10, FreezeBytes: 1 << 10, UnreachableMax: patience, AnswerMax: patience}
	})
	w.fill(100)
	const id = 1
	k := w.key("load:0:0")
	for i := 0; !half.Contains(k.slot); i++ {
		k = w.key(fmt.Sprintf("load:0:%d", i))
	}
	value := make([]byte, 8<<10)
	var frozen atomic.Bool
	w.at(StepBeforeFreeze, func(r *replica) {
		w.groups[2].hold()
		for range 8 {
			k.do(func(tx *executor.Tx) { tx.Set(k.name, value, entry.TypeString, 0) })
		}
		w.spawn(func(context.Context) {
			defer w.groups[2].free()
			w.await("the freeze is put off", func() bool {
				p := r.driver.Progress()
				return len(p) == 1 && p[0].Err != "" || frozen.Load()
			})
		})
	})
	w.at(StepFrozen, func(r *replica) {
		frozen.Store(true)
		if waiting, err := queueOf(r, id).waiting(); err != nil || waiting > w.limits.WindowBytes {
			t.Errorf("slots are frozen while %d bytes wait (%v)", waiting, err)
		}
	})
	if got := w.start(1, 2, half); got != id {
		t.Fatalf("migration %d", got)
	}
	if m := w.ended(id); m.Phase != meta.MigrationCommitted {
		t.Errorf("the migration is %v: %s", m.Phase, m.Reason)
	}
}

// What is copied stays good while nobody can be asked.
func TestCopyStaysWhileTheMetaGroupDoesNotAnswer(t *testing.T) {
	w := newWorld(t)
	want := w.fill(500)
	w.at(StepCopied, func(r *replica) {
		w.meta.answer(false)
		w.spawn(func(context.Context) {
			w.await("the freeze is put off", func() bool {
				p := r.driver.Progress()
				return len(p) == 1 && p[0].Err != ""
			})
			w.meta.answer(true)
		})
	})
	if m := w.ends(w.start(1, 2, half), want); m.Phase != meta.MigrationCommitted || m.Final.Counter != 1 {
		t.Errorf("the migration is %v (%s) by attempt %v, want it committed by the first", m.Phase, m.Reason, m.Final)
	}
}

// PROTOCOL rule 24: what the driver knows of the meta group may be old, so it asks before it freezes.
func TestNothingIsFrozenOnAnOldWordOfTheMetaGroup(t *testing.T) {
	w := newWorld(t)
	want := w.fill(100)
	var id uint64
	aborted := make(chan struct{})
	w.at(StepCopied, func(*replica) {
		w.meta.lag(true)
		w.meta.must(meta.AbortMigration(id, "cancelled"))
		close(aborted)
	})
	w.at(StepFrozen, func(*replica) { t.Error("slots are frozen after the abort") })
	w.meta.lag(true)
	id = w.start(1, 2, half)
	w.meta.lag(false)
	<-aborted
	source := w.groups[1].led()
	w.await("the driver has asked", func() bool {
		p := source.driver.Progress()
		return len(p) == 1 && p[0].Err != ""
	})
	w.meta.lag(false)
	w.ends(id, want)
}

// PROTOCOL rule 17: a migration that the meta group does not know is no abort.
func TestMigrationWithoutARecordIsNoDecision(t *testing.T) {
	w := newWorld(t)
	want := w.fill(100)
	before := w.meta.newest()
	frozen, goOn := make(chan struct{}), make(chan struct{})
	w.at(StepFrozen, func(*replica) {
		w.setBroken(true)
		close(frozen)
		<-goOn
	})
	id := w.start(1, 2, half)
	<-frozen
	w.meta.watch(before) // the state of before it began
	close(goOn)
	check := func(when string) {
		t.Helper()
		for _, g := range w.groups {
			w.await("nothing is driven any more", func() bool {
				_, serving := g.led().Serving()
				return serving && len(g.led().driver.Progress()) == 0
			})
			if _, begun := g.led().State().Handover(id); !begun {
				t.Fatalf("shard %d has ended migration %d without a decision, %s", g.id, id, when)
			}
		}
	}
	check("without a record")
	for _, g := range w.groups {
		g.electOther()
	}
	check("by a new leader, without a record")
	w.setBroken(false)
	w.meta.lag(false)
	w.ends(id, want)
}
