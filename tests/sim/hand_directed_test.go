package sim

import (
	"context"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/holtcache/holt/proto/apierr"
)

// handDirected runs a script in a world in which nothing goes wrong by chance, with node 0 of both groups serving, and
// holds against what was committed whatever clients were told.
func handDirected(t *testing.T, lease time.Duration, script func(w *handWorld)) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(context.Background())
		defer cancel()
		w := newHandWorld(ctx, 1, lease, handBroken{})
		defer func() { w.close(cancel) }()
		w.healing, w.patience = true, 1<<30
		for _, group := range w.groups {
			group.slow = false
			group.elect(0, 1)
		}
		w.must(t, "leaders that serve", [handGroups]int{}, func() bool { return w.serves(0, 0) && w.serves(1, 0) })
		script(w)
		w.heal()
		if w.violation == "" {
			w.check()
		}
		if w.violation != "" {
			t.Error(w.violation)
		}
	})
}

func (w *handWorld) serves(group, node int) bool {
	_, ok := w.groups[group].nodes[node].exec.Serving()
	return ok
}

// must lets everybody work under these leaders until cond holds.
func (w *handWorld) must(t *testing.T, what string, leaders [handGroups]int, cond func() bool) {
	t.Helper()
	if !w.goOn(leaders, cond) {
		t.Fatalf("no %s: %s", what, w.violation)
	}
}

// write appends to the list of unit 0 and waits for the acknowledgement.
func (w *handWorld) write(t *testing.T, group int, leaders [handGroups]int) {
	t.Helper()
	w.step++
	o := w.ask(&handOp{kind: handAppend, group: group, node: leaders[group]})
	w.must(t, "answer to a write", leaders, func() bool { return o.out != coreOpen })
	if o.out != coreOK {
		t.Fatalf("the write at shard %d has outcome %d: %v", handShard(group), o.out, o.request.Err)
	}
}

// move begins a migration of unit 0 from group 0 to group 1.
func (w *handWorld) move() {
	w.change(func(m *handMeta) {
		m.last++
		m.records = append(m.records, handRecord{id: m.last, from: 0, to: 1, units: []int{0}, ranges: w.units[0].ranges()})
	})
}

// An old leader of the source has no word of freeze, commit and activation. Its lease ends before its successor serves,
// and only one that serves freezes anything.
func TestOldSourceLeaderWithALeaseNeverAnswersBehindTheTarget(t *testing.T) {
	for _, kind := range []handKind{handGet, handNX} {
		handDirected(t, 500*time.Millisecond, func(w *handWorld) {
			w.write(t, 0, [handGroups]int{})
			w.groups[0].grantLease(0)
			w.groups[0].cut = 1
			w.groups[0].elect(1, 2)
			leaders := [handGroups]int{1, 0}
			w.must(t, "new leader that serves", leaders, func() bool { return w.serves(0, 1) })
			w.move()
			w.must(t, "end of the migration", leaders, func() bool { return len(w.now().records) == 0 })
			if w.now().owner[0] != 1 {
				t.Fatal("the unit did not move: the script is wrong")
			}
			w.write(t, 1, leaders)
			w.step++
			old := w.ask(&handOp{kind: kind, mode: 0, byLease: true, group: 0, node: 0})
			for range 3 {
				w.step++
				w.groups[0].step = w.step
				w.groups[0].stepExecutor(w.groups[0].nodes[0])
				w.collect()
			}
			if old.out == coreOK {
				t.Errorf("the old leader of the source answers %v", old.seen)
			}
		})
	}
}

// The source names the target while it does not know the decision, and nothing afterwards; the target serves only after
// the commit.
func TestRefusalsFollowTheStepsOfAHandOver(t *testing.T) {
	handDirected(t, 4*time.Millisecond, func(w *handWorld) {
		var leaders [handGroups]int
		w.write(t, 0, leaders)
		w.move()
		var source, target []apierr.Kind
		ask := func(group int, list []apierr.Kind) []apierr.Kind {
			w.step++
			o := w.ask(&handOp{kind: handAppend, group: group, node: 0})
			w.groups[group].stepExecutor(w.groups[group].nodes[0])
			if w.collect(); o.out == coreNotApplied && !slices.Contains(list, o.request.Err.Kind) {
				return append(list, o.request.Err.Kind)
			}
			return list
		}
		w.must(t, "end of the migration", leaders, func() bool {
			source, target = ask(0, source), ask(1, target)
			return len(w.now().records) == 0
		})
		if want := []apierr.Kind{apierr.KindAsk, apierr.KindNotOwned}; !slices.Equal(source, want) {
			t.Errorf("the source answers %v, want %v", source, want)
		}
		if want := []apierr.Kind{apierr.KindNotOwned, apierr.KindImporting}; !slices.Equal(target, want) {
			t.Errorf("the target answers %v, want %v", target, want)
		}
	})
}
