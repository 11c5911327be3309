package executor

import (
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/holtcache/holt/proto/apierr"
	"github.com/holtcache/holt/proto/slot"
	"github.com/holtcache/holt/raftfsm"
	"github.com/holtcache/holt/raftfsm/entry"
	"github.com/holtcache/holt/raftfsm/session"
)

// until is an end that lies some way off.
func (b *bench) until() int64 { return b.exec.Clock().Now() + time.Minute.Milliseconds() }

// incr raises the counter n by one, as request sequence.
func (b *bench) incr(sequence uint64, until int64) *asked {
	b.t.Helper()
	r := &Request{Slot: slot.Of([]byte("n")), ID: session.ID{Client: 7, Sequence: sequence}, Until: until}
	r.Do = func(tx *Tx) {
		item, _ := tx.Get([]byte("n"))
		n, _ := strconv.Atoi(string(item.Value))
		r.Result = strconv.AppendInt(nil, int64(n+1), 10)
		tx.Set([]byte("n"), r.Result, entry.TypeString, 0)
	}
	return b.submitAs(r)
}

func (b *bench) wantResult(what string, a *asked, want string, repeated bool) {
	b.t.Helper()
	b.wantApplied(what, a)
	if string(a.Result) != want || a.Repeated != repeated {
		b.t.Errorf("%s: answered %q, repeated %v, want %q, %v", what, a.Result, a.Repeated, want, repeated)
	}
}

func (b *bench) wantKind(what string, a *asked, want apierr.Kind) {
	b.t.Helper()
	b.wantOutcome(what, a, apierr.OutcomeNotApplied)
	if a.Err != nil && a.Err.Kind != want {
		b.t.Errorf("%s: %v, want an error of kind %v", what, a.Err, want)
	}
}

func (b *bench) wantStored(want string) {
	b.t.Helper()
	if got := b.stored("n"); got != want {
		b.t.Errorf("the counter is %q, want %q", got, want)
	}
}

// PROTOCOL rule 34: a retry finds the first attempt in the overlay and waits for it.
func TestRetryOfARequestInFlightWaitsForItAndIsAnsweredTheSame(t *testing.T) {
	b := newLeader(t)
	first := b.incr(1, b.until())
	b.driver.Step()
	second := b.incr(1, b.until())
	b.driver.Step()
	third := b.incr(2, b.until())
	b.driver.Step()
	fourth := b.incr(2, b.until())
	b.driver.Step()
	b.wantOpen("the retry", second)
	for len(b.proposed) > 0 {
		b.commitAll()
		b.driver.Step()
	}
	b.wantResult("the first attempt", first, "1", false)
	b.wantResult("its retry", second, "1", true)
	b.wantResult("the next request", third, "2", false)
	b.wantResult("its retry", fourth, "2", true)
	b.wantStored("2")
	if n := len(b.exec.overlay.slots[slot.Of([]byte("n"))].done); n != 0 {
		t.Errorf("%d results are pending although all are applied", n)
	}
}

func TestRetryOfAnAppliedRequestIsAnsweredBehindTheGate(t *testing.T) {
	b := newLeader(t)
	first := b.incr(1, b.until())
	b.driver.Step()
	b.commitAll()
	b.wantResult("the first attempt", first, "1", false)
	for _, other := range []string{"x", "y"} { // the key goes, the result stays
		r := b.submit("n", func(tx *Tx) { tx.Set([]byte("n"), []byte(other), entry.TypeString, 0); tx.Flush(slot.Split(1)) })
		b.driver.Step()
		b.commitAll()
		b.wantApplied("the flush", r)
	}
	retry := b.incr(1, b.until())
	b.driver.Step()
	b.wantResult("the retry", retry, "1", true)
	b.leased = false
	retry = b.incr(1, b.until())
	b.driver.Step()
	b.eventually("answer", retry.answered)
	if retry.Err == nil {
		t.Error("a leader without lease, whom nobody confirms, has answered a retry")
	}
}

// Whatever the first attempt was told, a retry at the next leader finds whether it was applied.
func TestRetryAfterAFailoverAppliesOnce(t *testing.T) {
	for _, survives := range []bool{true, false} {
		b := newLeader(t)
		first := b.incr(1, b.until())
		b.driver.Step()
		f := b.proposed[0]
		b.proposed = nil
		f.answer <- errNobody
		b.leads = false
		b.driver.Step() // steps down with the batch in flight
		first.waiter.GiveUp(testShard, first.Request)
		b.wantOutcome("the first attempt", first, apierr.OutcomeUnknown)
		if survives {
			b.apply(b.term, f.record)
		}
		b.term++
		b.leads = true
		b.serve()
		retry := b.incr(1, b.until())
		b.driver.Step()
		b.commitAll()
		b.wantResult("the retry", retry, "1", survives)
		b.wantStored("1")
	}
}

// A drop takes pending results with the rest of the overlay: a retry that waited for one is evaluated again.
func TestRetryOfADroppedRequestIsEvaluatedAgain(t *testing.T) {
	b := newLeader(t)
	first := b.incr(1, b.until())
	b.driver.Step()
	retry := b.incr(1, b.until())
	b.driver.Step()
	b.fail(ErrRefused)
	b.wantOutcome("the first attempt", first, apierr.OutcomeNotApplied)
	b.serve()
	b.driver.Step()
	b.commitAll()
	b.wantResult("the retry", retry, "1", false)
	b.wantStored("1")
}

// Who gives up on a retry does not know what becomes of the first attempt.
func TestRetryThatIsGivenUpSaysThatTheOutcomeIsUnknown(t *testing.T) {
	b := newLeader(t)
	b.incr(1, b.until())
	b.driver.Step()
	retry := b.incr(1, b.until())
	b.driver.Step()
	retry.waiter.GiveUp(testShard, retry.Request)
	b.wantOutcome("the retry", retry, apierr.OutcomeUnknown)
}

func TestIDThatHasEndedOrEndsTooLateIsRefused(t *testing.T) {
	wall := &wallClock{}
	b := newLeader(t, func(c *Config) { c.Wall = wall.now })
	end := b.exec.Clock().Now() + 300
	first := b.incr(1, end)
	b.driver.Step()
	b.commitAll()
	b.wantResult("the first attempt", first, "1", false)
	wall.step(400 * time.Millisecond)
	b.eventually("end of the id", func() bool { return b.exec.Clock().Now() > end })
	late := b.incr(1, end)
	never := b.incr(2, end)
	far := b.incr(3, b.exec.Clock().Now()+session.LifeMax+60_000)
	all := &Request{AllSlots: true, ID: session.ID{Client: 1}, Until: b.until(), Do: func(tx *Tx) { tx.Flush(slot.Split(1)) }}
	flush := b.submitAs(all)
	b.driver.Step()
	for what, a := range map[string]*asked{"a retry that comes late": late, "a first attempt that comes late": never} {
		b.wantOutcome(what, a, apierr.OutcomeUnknown)
		if a.Err != nil && a.Err.Kind != apierr.KindIDEnded {
			t.Errorf("%s: %v, want an error of kind %v", what, a.Err, apierr.KindIDEnded)
		}
	}
	b.wantKind("an end that is too far off", far, apierr.KindInvalid)
	b.wantKind("an id for all slots", flush, apierr.KindInvalid)
	b.commitAll()
	b.wantStored("1")
}

// What cannot be remembered is not applied; what changes nothing need not be remembered.
func TestFullTableRefusesNewRequestsOnly(t *testing.T) {
	b := newLeader(t)
	first := b.incr(1, b.until())
	b.driver.Step()
	b.commitAll()
	b.wantResult("the first attempt", first, "1", false)
	other := slot.ID(0)
	sl := b.store.Slot(other)
	sl.Lock()
	for i := range uint64(session.BytesMax / session.ResultBytesMax) {
		b.store.Sessions().PutLocked(other, session.Done{ID: session.ID{Client: 9, Sequence: i}, Until: b.until(), Result: make([]byte, session.ResultBytesMax)}, 0)
	}
	sl.Unlock()
	second, retry := b.incr(2, b.until()), b.incr(1, b.until())
	free := b.submitAs(&Request{Slot: slot.Of([]byte("n")), ID: session.ID{Client: 7, Sequence: 3}, Until: b.until(), Do: func(tx *Tx) { tx.Get([]byte("n")) }})
	b.driver.Step()
	b.wantKind("a new request", second, apierr.KindBusy)
	b.wantResult("a retry", retry, "1", true)
	b.wantApplied("a request without effects", free)
	b.commitAll() // nothing, unless a second has passed
	b.wantStored("1")
}

// A table that is full of what has ended has to become empty by itself, also where every request is refused because of it.
func TestFullTableTellsTheTimeUntilResultsHaveEnded(t *testing.T) {
	wall := &wallClock{}
	b := newLeader(t, func(c *Config) { c.Wall = wall.now })
	b.set("other", "x")
	b.driver.Step()
	b.commitAll()
	end, other := b.exec.Clock().Now()+30_000, slot.ID(16000)
	sl := b.store.Slot(other)
	sl.Lock()
	for i := range uint64(session.BytesMax / session.ResultBytesMax) {
		b.store.Sessions().PutLocked(other, session.Done{ID: session.ID{Client: 9, Sequence: i}, Until: end, Result: make([]byte, session.ResultBytesMax)}, 0)
	}
	sl.Unlock()
	sweepAll := func() {
		from := slot.ID(0)
		for range slot.Count/sweepSlots + 1 {
			from = b.exec.sweepResults(from)
		}
	}
	early := b.incr(1, b.until())
	b.driver.Step()
	b.wantKind("a request while all is remembered", early, apierr.KindBusy)
	b.commitAll()
	for range 100 {
		wall.step(400 * time.Millisecond)
		b.exec.Clock().Now()
	}
	sweepAll()
	if n := b.store.Sessions().Len(); n == 0 {
		t.Fatal("results were forgotten by a clock that no record has told")
	}
	refused := b.incr(2, b.until())
	b.driver.Step()
	b.wantKind("a request while what has ended is remembered", refused, apierr.KindBusy)
	if len(b.proposed) != 1 {
		t.Fatalf("%d records were proposed, want one that tells the time", len(b.proposed))
	}
	b.commitAll()
	sweepAll()
	if n := b.store.Sessions().Len(); n != 0 {
		t.Errorf("%d results are remembered behind their end", n)
	}
	last := b.incr(3, b.until())
	b.driver.Step()
	b.commitAll()
	b.wantResult("a request afterwards", last, "1", false)
}

func TestResultThatIsTooLargeIsRefused(t *testing.T) {
	b := newLeader(t)
	r := &Request{Slot: slot.Of([]byte("n")), ID: session.ID{Client: 7}, Until: b.until()}
	r.Do = func(tx *Tx) {
		r.Result = []byte(strings.Repeat("x", session.ResultBytesMax+1))
		tx.Set([]byte("n"), []byte("1"), entry.TypeString, 0)
	}
	a := b.submitAs(r)
	b.driver.Step()
	b.wantKind("the request", a, apierr.KindTooLarge)
	if len(b.proposed) > 0 {
		t.Error("something was proposed")
	}
}

// Replicas that were given the same log remember the same.
func TestResultsAreEqualOnAllReplicas(t *testing.T) {
	b, other := newLeader(t), newBench(t)
	for i := range uint64(20) {
		b.incr(i/2, b.until())
		b.driver.Step()
		b.commitAll()
	}
	for _, record := range b.applied {
		other.apply(1, record)
	}
	got, want := raftfsm.Digest(other.store, other.fsm.State()), raftfsm.Digest(b.store, b.fsm.State())
	if got != want || b.store.Sessions().Len() != 10 {
		t.Errorf("digests %x and %x, %d results", got, want, b.store.Sessions().Len())
	}
}
