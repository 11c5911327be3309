package executor

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/holtcache/holt/proto/apierr"
	"github.com/holtcache/holt/proto/slot"
	"github.com/holtcache/holt/raftfsm"
	"github.com/holtcache/holt/raftfsm/entry"
)

// get is a read in a goroutine of its own.
type get struct {
	value string
	runs  int
	done  chan error
}

func (b *bench) get(ctx context.Context, mode ReadMode, key string) *get {
	g := &get{done: make(chan error, 1)}
	go func() {
		g.done <- b.exec.Read(ctx, slot.Of([]byte(key)), mode, func(v *View) {
			g.runs++
			item, _ := v.Get([]byte(key))
			g.value = string(item.Value)
		})
	}()
	return g
}

func (g *get) answer(t *testing.T) error {
	t.Helper()
	select {
	case err := <-g.done:
		return err
	case <-time.After(10 * time.Second):
		t.Fatal("the read has no answer")
		return nil
	}
}

// Rule 26: only the state machine says what became of a batch.
func TestOutcomeFollowsTheStateMachineAndNothingElse(t *testing.T) {
	t.Run("refused by the log", func(t *testing.T) {
		b := newLeader(t)
		w := b.set("k", "v")
		b.driver.Step()
		b.fail(ErrRefused)
		b.wantOutcome("a refused write", w, apierr.OutcomeNotApplied)
	})
	t.Run("leadership lost, committed later", func(t *testing.T) {
		b := newLeader(t)
		w := b.set("k", "v")
		b.driver.Step()
		record := b.proposed[0].record
		b.fail(errNobody)
		b.driver.Step()
		b.wantOpen("a write that may still commit", w)
		b.apply(1, record)
		b.wantApplied("the write that did commit", w)
	})
	t.Run("committed and skipped", func(t *testing.T) {
		b := newLeader(t)
		w := b.set("k", "v")
		b.driver.Step()
		b.apply(2, anotherStart(7))
		b.wantOutcome("a write behind another start", w, apierr.OutcomeNotApplied)
		late := b.submit("k", func(tx *Tx) { tx.Set([]byte("k"), []byte("w"), entry.TypeString, 0) })
		b.commit() // the log has it all the same, and raft says so
		if got := b.stored("k"); got != "" {
			t.Errorf("a skipped write is in the store: %q", got)
		}
		b.wantOpen("a write of the new incarnation", late)
	})
	t.Run("skipped behind a gap, committed says raft", func(t *testing.T) {
		b := newLeader(t)
		first := b.set("k", "1")
		b.driver.Step()
		second := b.set("k", "2")
		b.driver.Step()
		b.fail(ErrRefused)
		f := b.proposed[0]
		b.proposed = b.proposed[1:]
		f.answer <- nil // raft: committed; the state machine has not spoken
		barrier := &fate{answer: make(chan error, 1)}
		barrier.answer <- errNobody
		b.exec.futures <- future{proposal: barrier, nonce: 1 << 60}
		b.eventually("answer of the barrier", func() bool {
			b.exec.mu.Lock()
			defer b.exec.mu.Unlock()
			return len(b.exec.notes) > 1
		})
		b.wantOpen("a write that raft calls committed", second)
		b.apply(1, f.record)
		b.wantOutcome("the refused write", first, apierr.OutcomeNotApplied)
		b.wantOutcome("the write behind the gap", second, apierr.OutcomeNotApplied)
	})
	t.Run("process ends", func(t *testing.T) {
		b := newLeader(t)
		w := b.set("k", "v")
		b.driver.Step()
		b.exec.shut()
		b.wantOutcome("a write in flight at the end", w, apierr.OutcomeUnknown)
	})
	t.Run("covered by a snapshot", func(t *testing.T) {
		b := newLeader(t)
		w, never := b.set("k", "v"), (*asked)(nil)
		b.driver.Step()
		never = b.set("k", "w")
		b.driver.Step()
		h := entry.PeekHeader(b.proposed[0].record)
		b.exec.Restored(raftfsm.State{Incarnation: h.Incarnation, Sequence: h.Sequence})
		b.wantApplied("a write that the snapshot covers", w)
		b.wantOutcome("a write that it does not cover", never, apierr.OutcomeUnknown)
	})
}

// Rules 11 and 25: the reader has passed the gate; before it looks, its incarnation ends and the overlay goes.
func TestReadThatBeganBeforeADropIsCheckedAgain(t *testing.T) {
	for name, end := range map[string]func(b *bench){
		"another start": func(b *bench) { b.apply(2, anotherStart(7)) },
		"a snapshot":    func(b *bench) { b.exec.Restored(b.fsm.State()) },
	} {
		t.Run(name, func(t *testing.T) {
			b := newLeader(t)
			b.set("k", "v")
			b.driver.Step()
			ended := make(chan struct{})
			b.confirm = func(context.Context, uint64) error {
				b.confirm = func(context.Context, uint64) error { return nil }
				end(b)
				close(ended)
				return nil
			}
			g := b.get(t.Context(), ReadIndex, "k")
			<-ended
			b.serve()
			if err := g.answer(t); err != nil || g.runs != 2 {
				t.Errorf("the read was answered with %q, err %v, after %d looks; want a second one in the new tenure", g.value, err, g.runs)
			}
		})
	}
}

// Rule 9: the reply is released by that batch's commit only, and a dropped one is read again.
func TestHeldReadOfADroppedValueIsEvaluatedAgain(t *testing.T) {
	b := newLeader(t)
	b.set("k", "old")
	b.driver.Step()
	b.commitAll()
	b.set("k", "new")
	b.driver.Step()
	g := b.get(t.Context(), ReadLease, "k")
	b.eventually("look at the pending value", func() bool {
		select {
		case err := <-g.done:
			t.Fatalf("answered %q, err %v, before the value was committed", g.value, err)
		default:
		}
		return b.exec.stats.held.Load() > 0
	})
	b.fail(ErrRefused)
	b.serve()
	if err := g.answer(t); err != nil || g.value != "old" || g.runs < 2 {
		t.Errorf("got %q after %d looks, err %v; want old, the value that was committed", g.value, g.runs, err)
	}
}

// Nobody else steps a deposed leader: what the end of a batch puts back into its queue wakes Run by itself.
func TestHeldEvaluationOfADeposedLeaderIsAnswered(t *testing.T) {
	b := newLeader(t)
	write := b.set("k", "new")
	read := b.submit("k", func(tx *Tx) { tx.Get([]byte("k")) })
	b.driver.Step()
	b.leads = false
	b.driver.Step()
	b.wantOpen("the read of a pending value", read)
	select {
	case <-b.exec.wake:
	default:
	}
	b.apply(2, anotherStart(7))
	b.wantOutcome("the write", write, apierr.OutcomeNotApplied)
	select {
	case <-b.exec.wake:
		b.driver.Step()
	default:
		t.Fatal("Run sleeps")
	}
	b.wantOutcome("the read", read, apierr.OutcomeNotApplied)
}

// Rules 9 and 30: a later leader, whose clock is slower, must not show the key again.
func TestReadOfAnExpiredKeyWaitsForTheCommitOfItsDeletion(t *testing.T) {
	var wall wallClock
	b := newLeader(t, func(c *Config) { c.Wall = wall.now })
	b.submit("k", func(tx *Tx) { tx.Set([]byte("k"), []byte("v"), entry.TypeString, tx.Now()+300) })
	b.driver.Step()
	b.commitAll()
	wall.step(400 * time.Millisecond)
	g := b.get(t.Context(), ReadLease, "k")
	b.eventually("deletion in the queue", func() bool {
		select {
		case err := <-g.done:
			t.Fatalf("answered %q, err %v, before the deletion was committed", g.value, err)
		default:
		}
		return b.exec.queued() > 0
	})
	b.driver.Step()
	if len(b.proposed) != 1 {
		t.Fatalf("%d batches are proposed, want the deletion", len(b.proposed))
	}
	select {
	case err := <-g.done:
		t.Fatalf("answered %q, err %v, before the deletion was committed", g.value, err)
	default:
	}
	b.commitAll()
	if err := g.answer(t); err != nil || g.value != "" {
		t.Errorf("got %q, err %v", g.value, err)
	}
	if got := b.stored("k"); got != "" {
		t.Errorf("the expired key is still stored: %q", got)
	}
}

// The same for a request that the executor evaluates.
func TestEvaluationThatFindsAKeyExpiredDeletesIt(t *testing.T) {
	var wall wallClock
	b := newLeader(t, func(c *Config) { c.Wall = wall.now })
	b.submit("k", func(tx *Tx) { tx.Set([]byte("k"), []byte("v"), entry.TypeString, tx.Now()+300) })
	b.driver.Step()
	b.commitAll()
	wall.step(400 * time.Millisecond)
	there := true
	a := b.submit("k", func(tx *Tx) { _, there = tx.Get([]byte("k")) })
	b.driver.Step()
	if there {
		t.Error("an expired key was shown")
	}
	b.wantOpen("the request that found the key expired", a)
	b.commitAll()
	b.wantApplied("the request that found the key expired", a)
	if got := b.stored("k"); got != "" {
		t.Errorf("the expired key is still stored: %q", got)
	}
}

// A reader that finds a key expired while the queue is full is told so; it does not spin.
func TestReadOfAnExpiredKeyIsRefusedWhileTheQueueIsFull(t *testing.T) {
	var wall wallClock
	b := newLeader(t, func(c *Config) { c.Wall = wall.now; c.Limits.QueueRequests = 1 })
	b.submit("k", func(tx *Tx) { tx.Set([]byte("k"), []byte("v"), entry.TypeString, tx.Now()+300) })
	b.driver.Step()
	b.commitAll()
	wall.step(400 * time.Millisecond)
	b.set("other", "v")
	if err := b.get(t.Context(), ReadLease, "k").answer(t); apierr.KindOf(err) != apierr.KindBusy {
		t.Errorf("got %v, want the error that names the limit", err)
	}
}

// Rule 27: with a slow quorum, trying again after silence would supersede each start by the next, for ever.
func TestStartIsProposedOnceHoweverLongTheQuorumTakes(t *testing.T) {
	b := newBench(t)
	b.leads = true
	for range 10 {
		b.driver.Step()
	}
	if _, ok := b.exec.Serving(); ok {
		t.Error("it serves before its start was applied")
	}
	if len(b.proposed) != 1 {
		t.Fatalf("%d records are proposed, want one ExecutorStart", len(b.proposed))
	}
	w := b.set("k", "v")
	b.driver.Step()
	if len(b.proposed) != 1 {
		t.Error("a batch is proposed before the start was applied")
	}
	ctx, cancel := context.WithCancel(t.Context())
	g := b.get(ctx, ReadLease, "k")
	b.fail(ErrRefused)
	b.eventually("second start", func() bool { b.driver.Step(); return len(b.proposed) == 1 })
	b.wantOpen("a write", w)
	cancel()
	if err := g.answer(t); err == nil {
		t.Errorf("a read was answered with %q before the start was applied", g.value)
	}
}

// Rule 3: the start of another node, of another nonce, or of another term is not one's own.
func TestExecutorAdoptsOnlyItsOwnStartOfItsTerm(t *testing.T) {
	for name, c := range map[string]struct {
		start entry.ExecutorStart
		term  uint64
	}{
		"node":  {entry.ExecutorStart{Node: "b", Nonce: 1}, 1},
		"nonce": {entry.ExecutorStart{Node: "a", Nonce: 99}, 1},
		"term":  {entry.ExecutorStart{Node: "a", Nonce: 1}, 0},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t)
			b.leads = true
			b.driver.Step()
			b.apply(c.term, entry.EncodeExecutorStart(0, c.start))
			b.driver.Step()
			if b.exec.phase >= phaseWaiting {
				t.Errorf("a start of another %s was adopted", name)
			}
		})
	}
}

// Rule 4.
func TestAnotherStartEndsTheIncarnationAtOnce(t *testing.T) {
	b := newLeader(t)
	b.apply(2, anotherStart(7))
	if _, ok := b.exec.Serving(); ok {
		t.Error("it serves on behind another start")
	}
	b.serve()
	w := b.set("k", "v")
	b.driver.Step()
	b.commitAll()
	b.wantApplied("a write after a start of its own", w)
}

// Rule 2.
func TestSequenceNumbersAreNotUsedAgainAfterARefusal(t *testing.T) {
	b := newLeader(t)
	seen := map[BatchID]bool{}
	for range 3 {
		b.set("k", "v")
		b.driver.Step()
		h := entry.PeekHeader(b.proposed[0].record)
		if id := idOf(h); seen[id] {
			t.Errorf("%+v is given twice", id)
		} else {
			seen[id] = true
		}
		b.fail(ErrRefused)
		b.serve()
	}
}

// Rule 22: FLUSHALL hides what is in the store from its evaluation on, and what follows it is seen.
func TestFlushIsSeenByWhatIsEvaluatedBehindIt(t *testing.T) {
	b := newLeader(t)
	b.set("k", "v")
	b.set("j", "v")
	b.driver.Step()
	b.commitAll()
	b.submitAs(&Request{Slot: slot.Of([]byte("k")), AllSlots: true, Do: func(tx *Tx) { tx.Flush(slot.Split(1)) }})
	var during, after string
	look := func(to *string) func(*Tx) {
		return func(tx *Tx) { item, _ := tx.Get([]byte("k")); *to = string(item.Value) }
	}
	b.submit("k", look(&during))
	b.set("k", "w")
	b.submit("k", look(&after))
	b.driver.Step()
	if during != "" || after != "w" {
		t.Errorf("behind the flush: %q, behind the next write: %q; want nothing, w", during, after)
	}
	b.commitAll()
	if k, j := b.stored("k"), b.stored("j"); k != "w" || j != "" {
		t.Errorf("in the end k is %q and j is %q; want w and nothing", k, j)
	}
}

// The first slots are given once: a shard whose slots have all moved away must not take them again.
func TestFirstSlotsAreGivenOnce(t *testing.T) {
	b := newLeader(t)
	for id := range slot.ID(slot.Count) {
		sl := b.store.Slot(id)
		sl.Lock()
		sl.SetStateLocked(0)
		sl.Unlock()
	}
	b.apply(2, anotherStart(7))
	b.serve()
	for _, f := range b.proposed {
		if h := entry.PeekHeader(f.record); h.Kind == entry.KindOwn {
			t.Error("the slots were given a second time")
		}
	}
}

// Rule 20 in the executor: nothing is proposed behind a release, and only a new start serves again.
func TestReleaseDrainsAndStopsEverything(t *testing.T) {
	b := newLeader(t)
	first := b.set("k", "1")
	b.driver.Step()
	done := make(chan error, 1)
	go func() { done <- b.exec.Release(t.Context()) }()
	b.eventually("note of the release", func() bool {
		b.driver.Step()
		_, ok := b.exec.Serving()
		return !ok
	})
	second := b.set("k", "2")
	b.driver.Step()
	if len(b.proposed) != 1 {
		t.Fatalf("%d records are proposed, want the first batch alone", len(b.proposed))
	}
	b.commit()
	b.driver.Step()
	b.wantApplied("the write before the release", first)
	if h := entry.PeekHeader(b.proposed[0].record); len(b.proposed) != 1 || h.Kind != entry.KindLeaseRelease {
		t.Fatalf("proposed: kind %v, want the release", h.Kind)
	}
	b.commit()
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	b.driver.Step()
	b.wantOpen("a write behind the release", second)
	if err := b.exec.Submit(NewWaiter()); err != nil {
		t.Errorf("a leader that released refuses requests: %v", err)
	}
	b.exec.Resume()
	b.serve()
	b.driver.Step()
	b.commitAll()
	b.wantApplied("the write, after a new start", second)
}

func TestReleaseByAReplicaThatDoesNotServeIsRefused(t *testing.T) {
	b := newBench(t)
	done := make(chan error, 1)
	go func() { done <- b.exec.Release(t.Context()) }()
	b.eventually("answer", func() bool { b.driver.Step(); return len(done) > 0 })
	if err := <-done; !errors.Is(err, ErrNotServing) {
		t.Errorf("got %v, want %v", err, ErrNotServing)
	}
}
