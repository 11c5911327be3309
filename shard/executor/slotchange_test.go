package executor

import (
	"context"
	"testing"
	"time"

	"github.com/holtcache/holt/proto/apierr"
	"github.com/holtcache/holt/proto/slot"
	"github.com/holtcache/holt/raftfsm"
	"github.com/holtcache/holt/raftfsm/entry"
	"github.com/holtcache/holt/raftfsm/store"
)

// kindOfRead reads a key and returns the kind of the refusal, 0 for an answer.
func (b *bench) kindOfRead(key string, mode ReadMode) apierr.Kind {
	return apierr.KindOf(b.exec.Read(context.Background(), slot.Of([]byte(key)), mode, func(v *View) { v.Get([]byte(key)) }))
}

// wantStanding reads and writes a key, and wants both to be refused in one way, or served (0).
func (b *bench) wantStanding(when, key string, want apierr.Kind) {
	b.t.Helper()
	if got := b.kindOfRead(key, ReadLease); got != want {
		b.t.Errorf("%s: a read is answered with kind %v, want %v", when, got, want)
	}
	set := b.set(key, "late")
	b.driver.Step()
	if want == 0 {
		b.commitAll()
		b.wantApplied(when+": a write", set)
		return
	}
	if !set.answered() || set.Err == nil || set.Err.Kind != want || set.Err.Result() != apierr.OutcomeNotApplied {
		b.t.Errorf("%s: a write is answered with %v, want kind %v and not applied", when, set.Err, want)
	}
	if want == apierr.KindAsk && set.Err != nil && (set.Err.Shard != 7 || set.Err.Slot != slot.Of([]byte(key))) {
		b.t.Errorf("%s: the refusal names slot %d and shard %d, want slot %d and shard 7", when, set.Err.Slot, set.Err.Shard, slot.Of([]byte(key)))
	}
}

// From the evaluation of a freeze on its slots are neither read nor written (PROTOCOL rule 14), until the recorded
// decision: unfrozen they are served as they were, dropped they are gone.
func TestFreezeStopsReadsAndWritesFromItsEvaluationOn(t *testing.T) {
	b := newLeader(t)
	set := b.set("k", "v")
	b.driver.Step()
	b.commitAll()
	b.wantApplied("a write before", set)
	freeze := b.control(freezing(1, 7, "k"))
	b.driver.Step()
	b.wantStanding("a freeze is in flight", "k", apierr.KindAsk)
	b.wantStanding("a freeze of another slot is in flight", "other", 0)
	freeze.wantApplied("the freeze")
	b.wantStanding("frozen", "k", apierr.KindAsk)
	if got := b.kindOfRead("k", ReadStale); got != apierr.KindAsk {
		t.Errorf("a stale read of a frozen slot is answered with kind %v, want ask", got)
	}
	b.done("unfreeze", unfreezing(1))
	if got := b.stored("k"); got != "v" {
		t.Errorf("unfrozen, the key holds %q, want v", got)
	}
	b.wantStanding("unfrozen", "k", 0)
	b.done("second freeze", freezing(2, 7, "k"))
	b.done("drop", dropping(2))
	b.wantStanding("dropped", "k", apierr.KindNotOwned)
}

// A write that was evaluated before the freeze is applied before it, and so goes to the other shard.
func TestWriteBeforeAFreezeIsAppliedBeforeIt(t *testing.T) {
	b := newLeader(t)
	first, other := b.set("k", "1"), b.set("other", "1")
	b.driver.Step()
	second := b.set("k", "2")
	b.driver.Step()
	if b.exec.open == nil {
		t.Fatal("no batch is open: the script is wrong")
	}
	freeze := b.control(freezing(1, 7, "k"))
	b.driver.Step()
	behind := b.set("k", "3")
	b.driver.Step()
	b.commitAll()
	freeze.wantApplied("the freeze")
	b.wantApplied("the write in flight", first)
	b.wantApplied("the one beside it", other)
	b.wantApplied("the write in the open batch", second)
	b.wantOutcome("the write behind the freeze", behind, apierr.OutcomeNotApplied)
	if got := b.stored("k"); got != "2" {
		t.Errorf("the frozen slot holds %q, want 2", got)
	}
}

// A read that passed no gate yet when the freeze was evaluated looks afterwards, and is refused: the slot may be served
// elsewhere by then.
func TestReadThatLooksAfterTheFreezeIsRefused(t *testing.T) {
	b := newLeader(t)
	b.leased = false
	asked, pass := make(chan struct{}), make(chan struct{})
	b.confirm = func(context.Context, uint64) error {
		close(asked)
		<-pass
		return nil
	}
	kind := make(chan apierr.Kind, 1)
	go func() { kind <- b.kindOfRead("k", ReadIndex) }()
	<-asked
	freeze := b.control(freezing(1, 7, "k"))
	b.driver.Step()
	close(pass)
	if got := <-kind; got != apierr.KindAsk {
		t.Errorf("the read is answered with kind %v, want ask", got)
	}
	b.commitAll()
	freeze.wantApplied("the freeze")
}

// A freeze is gone with the incarnation it was evaluated in, unless it was applied.
func TestFreezeThatWasDroppedStopsNobody(t *testing.T) {
	b := newLeader(t)
	freeze := b.control(freezing(1, 7, "k"))
	b.driver.Step()
	b.fail(ErrRefused)
	b.serve()
	freeze.wantOutcome("the freeze", apierr.OutcomeNotApplied)
	b.wantStanding("the freeze was dropped", "k", 0)
}

// Between drop and adoption nobody is served what was frozen, and not what was not.
func TestNextIncarnationGoesByTheAppliedFreeze(t *testing.T) {
	b := newLeader(t)
	freeze := b.control(freezing(1, 7, "k"))
	b.driver.Step()
	record := b.proposed[0].record
	b.proposed[0].answer <- errNobody // the outcome is unknown, and it commits after all
	b.proposed = nil
	b.apply(b.term, record)
	freeze.wantApplied("the freeze")
	b.eventually("a note of the failure", func() bool {
		b.exec.mu.Lock()
		defer b.exec.mu.Unlock()
		return len(b.exec.notes) > 0
	})
	b.serve()
	b.wantStanding("the freeze was applied", "k", apierr.KindAsk)
}

// A record of a migration that has ended changes nothing, so nothing stays frozen.
func TestFreezeThatChangesNothingStopsNobody(t *testing.T) {
	b := newLeader(t)
	b.done("end", ending(2, "k"))
	b.done("late freeze", freezing(1, 7, "k"))
	b.wantStanding("a freeze came late", "k", 0)
}

func TestFrozenSlotsAreRefusedByTheNextLeaderToo(t *testing.T) {
	from := newLeader(t)
	from.done("freeze", freezing(1, 7, "k"))
	to := newBench(t, func(c *Config) { c.Node = "b" })
	for _, record := range from.applied {
		to.apply(1, record)
	}
	to.term, to.leads = 2, true
	to.serve()
	to.wantStanding("frozen under another leader", "k", apierr.KindAsk)
}

// newTarget returns a leader of a shard without slots that has taken key k over from another one, all but activated. The
// source's version counter stood far above its own.
const sourceVersion = 1 << 40

func newTarget(t testing.TB) *bench {
	b := newLeader(t, func(c *Config) { c.Slots = func() []slot.Range { return slotsOfKey("own") } })
	b.done("import", importing(1, "k"))
	item := entry.Item{Key: []byte("k"), Value: []byte("v"), Type: entry.TypeString, Version: sourceVersion - 5}
	b.done("chunk", chunk(entry.Chunk{Migration: 1, Parts: []entry.Part{{Slot: slot.Of([]byte("k")), Items: []entry.Item{item}}}}))
	b.done("final chunk", chunk(entry.Chunk{Migration: 1, Sequence: 1, Final: true, Version: sourceVersion, Time: b.exec.clock.Now()}))
	return b
}

func TestSlotIsServedOnlyAfterItsActivation(t *testing.T) {
	b := newTarget(t)
	b.wantStanding("everything has come", "k", apierr.KindImporting)
	activate := b.control(activating(1))
	b.driver.Step()
	b.wantStanding("the activation is in flight", "k", apierr.KindImporting)
	b.commitAll()
	activate.wantApplied("the activation")
	// It is the store's already, but Run has not raised its version counter yet.
	if got := b.kindOfRead("k", ReadLease); got != apierr.KindImporting {
		t.Errorf("a read before the versions are raised is answered with kind %v, want importing", got)
	}
	var version uint64
	set := b.submit("k", func(tx *Tx) { version = tx.Set([]byte("k"), []byte("w"), entry.TypeString, 0) })
	b.driver.Step()
	b.commitAll()
	b.wantApplied("a write after the activation", set)
	if version <= sourceVersion+1 {
		t.Errorf("the write has version %d, want more than the %d that the activation has taken", version, sourceVersion+1)
	}
	b.wantStanding("active", "k", 0)
}

// The versions of an activation that never was applied were given to nobody.
func TestActivationThatWasDroppedRaisesNoVersion(t *testing.T) {
	b := newTarget(t)
	activate := b.control(activating(1))
	b.driver.Step()
	var version uint64
	set := b.submit("own", func(tx *Tx) { version = tx.Set([]byte("own"), []byte("w"), entry.TypeString, 0) })
	b.driver.Step()
	if version >= sourceVersion {
		t.Errorf("a write behind an activation in flight has version %d", version)
	}
	b.fail(ErrRefused)
	b.serve()
	activate.wantOutcome("the activation", apierr.OutcomeNotApplied)
	b.wantOutcome("the write behind it", set, apierr.OutcomeNotApplied)
	b.wantStanding("the activation was dropped", "k", apierr.KindImporting)
}

func TestActivationWaitsForTheFinalChunk(t *testing.T) {
	b := newLeader(t, func(c *Config) { c.Slots = func() []slot.Range { return slotsOfKey("own") } })
	b.done("import", importing(1, "k"))
	activate := b.control(activating(1))
	b.driver.Step()
	activate.wantOutcome("an activation without the final chunk", apierr.OutcomeNotApplied)
	if len(b.proposed) > 0 {
		t.Error("the activation is proposed")
	}
}

// A key that a client watches as missing may have come and gone at the other shard.
func TestActivationCountsAsADeletion(t *testing.T) {
	b := newLeader(t)
	count := func() (n uint64) {
		_ = b.exec.Read(context.Background(), slot.Of([]byte("k")), ReadLease, func(v *View) { _, n = v.Deletions() })
		return n
	}
	before := count()
	b.done("freeze", freezing(1, 7, "k"))
	b.done("unfreeze", unfreezing(1))
	if got := count(); got != before {
		t.Errorf("a hand-over that was aborted counts as %d deletions", got-before)
	}
	b.done("second freeze", freezing(2, 7, "k"))
	b.done("drop", dropping(2))
	b.done("import", importing(3, "k"))
	b.done("final chunk", chunk(entry.Chunk{Migration: 3, Final: true}))
	b.done("activate", activating(3))
	if got := count(); got == before {
		t.Error("the slot was elsewhere, and no deletion is counted")
	}
}

func TestAwaitOwnedReturnsWithTheActivation(t *testing.T) {
	b := newTarget(t)
	ended := make(chan error, 1)
	go func() { ended <- b.exec.AwaitOwned(context.Background(), slot.Of([]byte("k"))) }()
	activate := b.control(activating(1))
	b.driver.Step()
	b.commitAll()
	activate.wantApplied("the activation")
	b.driver.Step()
	if err := <-ended; err != nil {
		t.Errorf("got %v, want nil", err)
	}
	b.wantStanding("awaited", "k", 0)
}

func TestAwaitOwnedEndsWhereTheSlotDoesNotCome(t *testing.T) {
	b := newTarget(t)
	await := func(ctx context.Context, key string) error {
		return b.exec.AwaitOwned(ctx, slot.Of([]byte(key)))
	}
	if err := await(gone, "k"); apierr.KindOf(err) != apierr.KindImporting {
		t.Errorf("out of time: got %v, want importing", err)
	}
	if err := await(context.Background(), "elsewhere"); apierr.KindOf(err) != apierr.KindNotOwned {
		t.Errorf("a slot that is not on its way: got %v, want not owned", err)
	}
	ended := make(chan error, 2)
	go func() { ended <- await(context.Background(), "k") }()
	b.done("discard", discarding(1))
	if err := <-ended; apierr.KindOf(err) != apierr.KindNotOwned {
		t.Errorf("the hand-over was aborted: got %v, want not owned", err)
	}
	b.done("import", importing(2, "k"))
	go func() { ended <- await(context.Background(), "k") }()
	b.leads = false
	b.driver.Step()
	if err := <-ended; apierr.KindOf(err) != apierr.KindNotLeader {
		t.Errorf("leadership was lost: got %v, want not leader", err)
	}
}

// FLUSHALL empties what is served here, and waits while slots are neither quite here nor quite elsewhere.
func TestFlushOfAllSlotsLeavesAloneWhatChangesHands(t *testing.T) {
	b := newLeader(t)
	flush := func() *asked {
		a := b.submitAs(&Request{AllSlots: true, Do: func(tx *Tx) { tx.Flush([]slot.Range{{First: 0, Last: slot.Count - 1}}) }})
		b.driver.Step()
		return a
	}
	wantRefused := func(when string) {
		t.Helper()
		if a := flush(); !a.answered() || a.Err == nil || a.Err.Kind != apierr.KindTryAgain || a.Err.Result() != apierr.OutcomeNotApplied {
			t.Errorf("%s: answered with %v, want try again, not applied", when, a.Err)
		}
	}
	sets := []*asked{b.set("k", "v"), b.set("own", "v")}
	b.driver.Step()
	b.commitAll()
	for _, s := range sets {
		b.wantApplied("a write", s)
	}
	freeze := b.control(freezing(1, 7, "k"))
	b.driver.Step()
	wantRefused("a freeze is in flight")
	b.commitAll()
	freeze.wantApplied("the freeze")
	wantRefused("frozen")
	b.done("drop", dropping(1))
	b.done("import", importing(2, "k"))
	item := entry.Item{Key: []byte("k"), Value: []byte("w"), Type: entry.TypeString, Version: 1}
	b.done("chunk", chunk(entry.Chunk{Migration: 2, Parts: []entry.Part{{Slot: slot.Of([]byte("k")), Items: []entry.Item{item}}}}))
	a := flush()
	b.commitAll()
	b.wantApplied("a flush while a slot is coming", a)
	if own, k := b.stored("own"), b.stored("k"); own != "" || k != "w" {
		t.Errorf("own holds %q and k %q, want nothing and what has come", own, k)
	}
	b.done("final chunk", chunk(entry.Chunk{Migration: 2, Sequence: 1, Final: true, Version: 1}))
	wantRefused("the slot has arrived whole")
	b.done("activate", activating(2))
	a = flush()
	b.commitAll()
	b.wantApplied("a flush after the activation", a)
	if k := b.stored("k"); k != "" {
		t.Errorf("k holds %q after the flush", k)
	}
}

// An activation may be applied while requests are evaluated: its slots are the store's then, and are not served yet.
func TestFlushOfAllSlotsWaitsForAnActivationThatWasApplied(t *testing.T) {
	b := newTarget(t)
	activate := b.control(activating(1))
	b.driver.Step()
	applies := b.submit("own", func(*Tx) { b.commitAll() })
	flush := b.submitAs(&Request{AllSlots: true, Do: func(tx *Tx) { tx.Flush(slot.Split(1)) }})
	b.driver.Step()
	activate.wantApplied("the activation")
	b.commitAll()
	b.wantApplied("what came first", applies)
	if !flush.answered() || flush.Err == nil || flush.Err.Kind != apierr.KindTryAgain {
		t.Errorf("the flush is answered with %v, want try again; k holds %q", flush.Err, b.stored("k"))
	}
	again := b.submitAs(&Request{AllSlots: true, Do: func(tx *Tx) { tx.Flush(slot.Split(1)) }})
	b.driver.Step()
	b.commitAll()
	b.wantApplied("the flush that is repeated", again)
	if k := b.stored("k"); k != "" {
		t.Errorf("k holds %q after the flush", k)
	}
}

// The next incarnation counts anew.
func TestActivationThatWasDroppedHoldsBackNoFlush(t *testing.T) {
	b := newTarget(t)
	activate := b.control(activating(1))
	b.driver.Step()
	b.fail(ErrRefused)
	b.serve()
	activate.wantOutcome("the activation", apierr.OutcomeNotApplied)
	b.done("discard", discarding(1))
	flush := b.submitAs(&Request{AllSlots: true, Do: func(tx *Tx) { tx.Flush(slot.Split(1)) }})
	b.driver.Step()
	b.commitAll()
	b.wantApplied("the flush", flush)
}

// Keys of slots that change hands are neither expired nor evicted by one of the two shards.
func TestExpiryAndEvictionLeaveAloneWhatChangesHands(t *testing.T) {
	b := newLeader(t)
	set := b.submit("k", func(tx *Tx) { tx.Set([]byte("k"), []byte("v"), entry.TypeString, tx.Now()+1) })
	b.driver.Step()
	b.commitAll()
	b.wantApplied("a write", set)
	freeze := b.control(freezing(1, 7, "k"))
	b.driver.Step()
	later := b.exec.clock.Now() + 1000
	if b.mayEvict("k", later) {
		t.Error("a key may be evicted while a freeze is in flight")
	}
	b.commitAll()
	freeze.wantApplied("the freeze")
	if keys, _ := b.store.ExpiredKeys(nil, 0, later, 10); len(keys) > 0 {
		t.Errorf("keys %q of a frozen slot are found to expire", keys)
	}
	b.done("unfreeze", unfreezing(1))
	if keys, _ := b.store.ExpiredKeys(nil, 0, later, 10); len(keys) != 1 {
		t.Errorf("keys %q of the slot are found to expire once it is unfrozen, want k", keys)
	}
}

// mayEvict asks whether a key may be evicted, whatever its use.
func (b *bench) mayEvict(key string, now int64) bool {
	_, may := b.exec.mayEvict(&Eviction{Policy: AllKeysRandom}, &victim{key: []byte(key), slot: slot.Of([]byte(key))}, now, false)
	return may
}

// changedSlots is an observer that notes which slots were invalidated.
type changedSlots struct{ slots chan []slot.Range }

func (c *changedSlots) KeyChanged([]byte)                {}
func (c *changedSlots) SlotsChanged(ranges []slot.Range) { c.slots <- ranges }

// Whoever has cached a key hears nothing more of it from a shard that has frozen its slot.
func TestObserversHearThatSlotsChangeHands(t *testing.T) {
	o := &changedSlots{slots: make(chan []slot.Range, 10)}
	b := newLeader(t, func(c *Config) { c.Observer = o })
	want := func(when string, keys ...string) {
		t.Helper()
		var got []slot.Range
		select {
		case got = <-o.slots:
		default:
		}
		if w := slotsOfKey(keys...); len(got) != len(w) || len(w) > 0 && got[0] != w[0] {
			t.Errorf("%s: slots %v are invalidated, want %v", when, got, w)
		}
	}
	b.done("freeze", freezing(1, 7, "k"))
	want("frozen", "k")
	b.done("drop", dropping(1))
	want("dropped")
	b.done("import", importing(2, "k"))
	b.done("final chunk", chunk(entry.Chunk{Migration: 2, Final: true}))
	want("coming")
	b.done("activate", activating(2))
	want("active", "k")
}

// The clock goes on from the source's: what had expired there does not come back.
func TestClockGoesOnFromTheSources(t *testing.T) {
	b := newLeader(t, func(c *Config) { c.Slots = func() []slot.Range { return slotsOfKey("own") } })
	ahead := b.exec.clock.Now() + (time.Hour).Milliseconds()
	b.done("import", importing(1, "k"))
	b.done("final chunk", chunk(entry.Chunk{Migration: 1, Final: true, Time: ahead}))
	b.done("activate", activating(1))
	if now := b.exec.clock.Now(); now < ahead {
		t.Errorf("the clock stands at %d, the source's stood at %d", now, ahead)
	}
}

func TestStateOfASlotIsThatOfTheStoreOnceNothingIsOnItsWay(t *testing.T) {
	b := newTarget(t)
	b.done("activate", activating(1))
	for s := range b.exec.overlay.slots {
		if b.exec.overlay.slots[s].change != nil {
			t.Fatalf("slot %d waits for a record that was applied", s)
		}
	}
	if got := b.fsm.State(); len(got.Handovers) != 0 || got.EndedAt(slot.Of([]byte("k"))) != 1 {
		t.Errorf("state %+v", got)
	}
	var _ raftfsm.Listener = b.exec
	if sl := b.store.Slot(slot.Of([]byte("k"))); sl.StateLocked() != store.SlotOwned {
		t.Errorf("slot state %d", sl.StateLocked())
	}
}
