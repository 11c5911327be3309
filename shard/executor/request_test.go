package executor

import (
	"bytes"
	"context"
	"fmt"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/holtcache/holt/proto/apierr"
	"github.com/holtcache/holt/proto/slot"
	"github.com/holtcache/holt/raftfsm"
	"github.com/holtcache/holt/raftfsm/entry"
)

func TestFollowerRefusesRequestsAndReads(t *testing.T) {
	b := newBench(t)
	r := &Request{Do: func(*Tx) { t.Error("a follower evaluated a request") }}
	if err := b.exec.Submit(NewWaiter(), r); apierr.KindOf(err) != apierr.KindNotLeader {
		t.Errorf("Submit: got %v", err)
	}
	if err := b.get(t.Context(), ReadLease, "k").answer(t); apierr.KindOf(err) != apierr.KindNotLeader {
		t.Errorf("Read: got %v", err)
	}
}

// A request that its caller withdraws is either never evaluated, and "not applied", or evaluated, and "unknown".
func TestWithdrawalAndEvaluationAgreeOnWhichCameFirst(t *testing.T) {
	b := newLeader(t)
	var withdrawn, unknown int
	for range 2000 {
		var evaluated atomic.Bool
		a := b.submit("k", func(tx *Tx) { evaluated.Store(true); tx.Set([]byte("k"), []byte("v"), entry.TypeString, 0) })
		var both sync.WaitGroup
		both.Go(func() { a.waiter.GiveUp(testShard, a.Request) })
		both.Go(func() { b.driver.Step() })
		both.Wait()
		switch {
		case a.Err == nil:
			t.Fatal("a write was acknowledged before it was committed")
		case a.Err.Result() == apierr.OutcomeNotApplied && evaluated.Load():
			t.Fatal("an evaluated request was answered \"not applied\"")
		case a.Err.Result() == apierr.OutcomeNotApplied:
			withdrawn++
		default:
			unknown++
		}
		b.commitAll()
	}
	t.Logf("%d withdrawn, %d unknown", withdrawn, unknown)
}

func TestQueueTakesWhatItsLimitSaysAndNoMore(t *testing.T) {
	b := newLeader(t, func(c *Config) { c.Limits.QueueRequests = 3 })
	requests := func(n int) (rs []*Request) {
		for range n {
			rs = append(rs, &Request{Do: func(*Tx) {}})
		}
		return rs
	}
	if err := b.exec.Submit(NewWaiter(), requests(2)...); err != nil {
		t.Errorf("2 of 3: %v", err)
	}
	if err := b.exec.Submit(NewWaiter(), requests(2)...); apierr.KindOf(err) != apierr.KindBusy {
		t.Errorf("4 of 3: got %v", err)
	}
	if err := b.exec.Submit(NewWaiter(), requests(1)...); err != nil {
		t.Errorf("3 of 3: %v", err)
	}
	if err := b.exec.Submit(NewWaiter(), requests(1)...); apierr.KindOf(err) != apierr.KindBusy {
		t.Errorf("4 of 3: got %v", err)
	}
	b.driver.Step()
	if err := b.exec.Submit(NewWaiter(), requests(3)...); err != nil {
		t.Errorf("3 of 3, after evaluation: %v", err)
	}
}

func TestValueLargerThanABatchTravelsAlone(t *testing.T) {
	b := newLeader(t, func(c *Config) { c.Limits.BatchBytes = 1000 })
	large := string(bytes.Repeat([]byte("x"), 5000))
	b.set("a", "small")
	b.set("b", large)
	b.set("c", "small")
	b.set("d", large)
	b.driver.Step()
	var batches [][]string
	for _, f := range b.proposed {
		_, body, err := entry.DecodeHeader(f.record)
		if err != nil {
			t.Fatal(err)
		}
		var batch entry.Batch
		if err := entry.DecodeBatch(body, &batch); err != nil {
			t.Fatal(err)
		}
		var keys []string
		for _, s := range batch.Sections {
			for _, e := range s.Effects {
				keys = append(keys, string(e.Key))
			}
		}
		batches = append(batches, keys)
	}
	if want := [][]string{{"a"}, {"b"}, {"c"}, {"d"}}; !slices.EqualFunc(batches, want, slices.Equal) {
		t.Errorf("batches hold %v, want %v", batches, want)
	}
}

func TestRequestsWaitWhileBatchesAreInFlightAndThenTravelTogether(t *testing.T) {
	b := newLeader(t, func(c *Config) { c.Limits.BatchesInFlight = 1 })
	b.set("k", "0")
	b.driver.Step()
	for i := range 100 {
		b.set("k", fmt.Sprint(i))
		b.driver.Step()
	}
	if len(b.proposed) != 1 {
		t.Fatalf("%d batches in flight, at most 1 is allowed", len(b.proposed))
	}
	b.commit()
	b.driver.Step()
	if len(b.proposed) != 1 {
		t.Fatalf("%d batches in flight, want one with all that waited", len(b.proposed))
	}
	b.commit()
	if got := b.stored("k"); got != "99" {
		t.Errorf("k is %q, want 99", got)
	}
}

// A transaction is never split: its effects are in one batch however full that is.
func TestEffectsOfOneRequestAreNeverSplitOverBatches(t *testing.T) {
	b := newLeader(t, func(c *Config) { c.Limits.BatchBytes = 50 })
	a := b.submit("{s}", func(tx *Tx) {
		for i := range 50 {
			tx.Set(fmt.Append(nil, "{s}", i), []byte("0123456789"), entry.TypeString, 0)
		}
	})
	b.driver.Step()
	if len(b.proposed) != 1 {
		t.Fatalf("%d batches, want 1", len(b.proposed))
	}
	b.commit()
	b.wantApplied("the request", a)
	if got := b.stored("{s}49"); got != "0123456789" {
		t.Errorf("the last effect is missing: %q", got)
	}
}

// Whatever is dropped has used fewer versions than the next start leaps over, however small its effects are.
func TestBatchesAreClosedBeforeTheirVersionsReachTheGap(t *testing.T) {
	b := newLeader(t)
	limit := int(b.exec.versionsMax)
	if 2*limit*(b.exec.cfg.Limits.BatchesInFlight+4) > raftfsm.VersionGap {
		t.Fatalf("%d versions a batch are too many for a gap of %d", limit, raftfsm.VersionGap)
	}
	tiny := func(n int) func(*Tx) {
		return func(tx *Tx) {
			for range n {
				tx.Set(nil, nil, entry.TypeString, 0)
			}
		}
	}
	b.submit("", tiny(limit-1))
	b.submit("", tiny(1))
	b.submit("", tiny(1))
	b.driver.Step()
	b.commit()
	b.driver.Step()
	if len(b.proposed) != 1 {
		t.Errorf("%d more batches, want 1: the first is full", len(b.proposed))
	}
	before := b.exec.version
	a := b.submit("", tiny(limit+1))
	b.driver.Step()
	b.wantOutcome("a request with too many changes", a, apierr.OutcomeNotApplied)
	if b.exec.version != before {
		t.Errorf("a refused request used %d versions", b.exec.version-before)
	}
}

// What refuses itself may have written before: the next request does not see it, nor does anybody later.
func TestRequestThatRefusesItselfChangesNothing(t *testing.T) {
	b := newLeader(t)
	b.set("k", "before")
	b.driver.Step()
	a := b.submit("k", func(tx *Tx) {
		tx.Set([]byte("k"), []byte("after"), entry.TypeString, 0)
		tx.Delete([]byte("{k}other"))
		tx.Refuse(apierr.New(apierr.KindTooLarge, "the script took too long"))
		tx.Set([]byte("{k}more"), []byte("v"), entry.TypeString, 0)
	})
	var seen string
	next := b.submit("k", func(tx *Tx) {
		item, _ := tx.Get([]byte("k"))
		seen = string(item.Value)
		tx.Set([]byte("{k}seen"), item.Value, entry.TypeString, 0)
	})
	b.driver.Step()
	b.wantOutcome("a request that refuses itself", a, apierr.OutcomeNotApplied)
	b.commitAll()
	b.wantApplied("the next request", next)
	if k, more := b.stored("k"), b.stored("{k}more"); seen != "before" || k != "before" || more != "" {
		t.Errorf("the next request sees %q; k is %q and more is %q behind it", seen, k, more)
	}
}

func TestRequestThatPanicsIsRefusedAndChangesNothing(t *testing.T) {
	b := newLeader(t)
	a := b.submit("k", func(tx *Tx) {
		tx.Set([]byte("k"), []byte("v"), entry.TypeString, 0)
		panic("oops")
	})
	next := b.set("j", "v")
	b.driver.Step()
	b.wantOutcome("a request that panics", a, apierr.OutcomeNotApplied)
	b.commitAll()
	b.wantApplied("the next request", next)
	if got := b.stored("k"); got != "" {
		t.Errorf("k is %q", got)
	}
}

func TestAsyncWriteIsAcknowledgedByTheLog(t *testing.T) {
	b := newLeader(t)
	b.exec.Appended(1, anotherStart(1)) // the log as it was written: the start of this incarnation, the first slots
	b.exec.appended.head = BatchID{b.exec.inc, 1}
	a := b.submitAs(&Request{Slot: slot.Of([]byte("k")), Ack: AckAsync, Do: func(tx *Tx) { tx.Set([]byte("k"), []byte("v"), entry.TypeString, 0) }})
	majority := b.set("k", "w")
	b.driver.Step()
	b.exec.Appended(10, b.proposed[0].record)
	b.wantApplied("an async write in the log", a)
	if a.Acked != AckAsync {
		t.Errorf("acked as %v", a.Acked)
	}
	b.wantOpen("a majority write in the log", majority)
}

// The bound on what async mode can lose: by age, and by bytes.
func TestAsyncWritesWaitForTheMajorityWhenCommitsStall(t *testing.T) {
	for name, c := range map[string]struct {
		bytes int
		age   time.Duration
	}{"age": {4 << 20, 101 * time.Millisecond}, "bytes": {50, 0}} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := newLeader(t, func(cfg *Config) { cfg.Limits.AsyncBytes = c.bytes })
				async := func() *asked {
					a := b.submitAs(&Request{Slot: slot.Of([]byte("k")), Ack: AckAsync, Do: func(tx *Tx) { tx.Set([]byte("k"), []byte("v"), entry.TypeString, 0) }})
					b.driver.Step()
					return a
				}
				b.exec.appended.head, b.exec.appended.last = BatchID{b.exec.inc, 1}, 9
				first := async()
				time.Sleep(c.age)
				second := async()
				b.exec.Appended(10, b.proposed[0].record)
				b.exec.Appended(11, b.proposed[1].record)
				b.wantOpen("an async write while commits stall", second)
				b.commitAll()
				b.wantApplied("it, once committed", second)
				if second.Acked != AckMajority {
					t.Errorf("acked as %v", second.Acked)
				}
				b.wantApplied("the first", first)
				b.cancel()
			})
		})
	}
}

// A connection's requests keep their order when an incarnation ends before they are proposed.
func TestRequestsThatAreEvaluatedAgainKeepTheirOrder(t *testing.T) {
	b := newLeader(t, func(c *Config) { c.Limits.BatchesInFlight = 1 })
	b.set("other", "v")
	b.driver.Step()
	var order []int
	note := func(i int, write bool) {
		b.submit("k", func(tx *Tx) {
			order = append(order, i)
			if tx.Get([]byte("k")); write {
				tx.Set([]byte("k"), fmt.Append(nil, i), entry.TypeString, 0)
			}
		})
	}
	for i := range 6 {
		note(i, i%2 == 0) // reads between writes, all in the open batch
	}
	b.driver.Step()
	order = nil
	b.fail(ErrRefused)
	b.serve()
	b.driver.Step()
	if want := []int{0, 1, 2, 3, 4, 5}; !slices.Equal(order, want) {
		t.Errorf("evaluated again in the order %v, want %v", order, want)
	}
}

// The effects of one batch and the end of their pending state are one moment for readers, of one key and of several.
func TestReadersNeverSeeHalfARequestNorAValueGoBack(t *testing.T) {
	b := newLeader(t)
	const keys = 200
	key := func(i int) []byte { return fmt.Append(nil, "{s}", i) }
	var acked atomic.Int64
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var readers sync.WaitGroup
	look := func(mode ReadMode) {
		last := int64(0)
		for ctx.Err() == nil {
			before := acked.Load()
			var first, second int64
			err := b.exec.Read(ctx, slot.Of([]byte("{s}")), mode, func(v *View) {
				a, _ := v.Get(key(0))
				runtime.Gosched()
				z, _ := v.Get(key(keys - 1))
				first, second = int64(a.Version), int64(z.Version)
			})
			if err != nil {
				continue
			}
			if first != 0 && second != first+keys-1 {
				t.Errorf("mode %d: versions %d and %d were never there together", mode, first, second)
				return
			}
			if mode == ReadLease && (first < before || first < last) {
				t.Errorf("version %d was read, after %d was acknowledged and %d was read", first, before, last)
				return
			}
			last = first
		}
	}
	for _, mode := range []ReadMode{ReadLease, ReadLease, ReadStale} {
		readers.Go(func() { look(mode) })
	}
	// Async acknowledgements come before the batch is applied, so that readers owe its values while it is pending and
	// at the moment at which it becomes the store's.
	b.exec.appended.head, b.exec.appended.last = BatchID{b.exec.inc, 1}, 9
	for i := range 300 {
		var version uint64
		a := b.submitAs(&Request{Slot: slot.Of([]byte("{s}")), Ack: AckAsync, Do: func(tx *Tx) {
			for i := range keys {
				if v := tx.Set(key(i), []byte("v"), entry.TypeString, 0); i == 0 {
					version = v
				}
			}
		}})
		b.driver.Step()
		b.exec.Appended(uint64(10+i), b.proposed[0].record)
		if a.answered() {
			acked.Store(int64(version))
		}
		runtime.Gosched()
		b.commitAll()
		b.wantApplied("the write", a)
		acked.Store(int64(version))
	}
	cancel()
	readers.Wait()
}

// Allocations are counted, so that they cannot creep in.
func TestAllocationsPerRequestAndRead(t *testing.T) {
	if raceEnabled {
		t.Skip("the race detector allocates")
	}
	b := newLeader(t)
	ctx := t.Context()
	key, value := []byte("key:000000000001"), bytes.Repeat([]byte("v"), 64)
	s := slot.Of(key)
	waiter := NewWaiter()
	requests := make([]*Request, 64)
	round := func() {
		for i := range requests {
			requests[i] = &Request{Slot: s, Do: func(tx *Tx) { tx.Set(key, value, entry.TypeString, 0) }}
		}
		if err := b.exec.Submit(waiter, requests...); err != nil {
			t.Fatal(err)
		}
		b.driver.Step()
		b.commitAll()
		if err := waiter.Wait(ctx); err != nil {
			t.Fatal(err)
		}
	}
	if got := testing.AllocsPerRun(50, round) / float64(len(requests)); got > 4.5 {
		t.Errorf("%.2f allocations per SET in batches of %d, want at most 4.5 (request, closure, and the key in two maps)", got, len(requests))
	}
	if got := testing.AllocsPerRun(200, func() {
		_ = b.exec.Read(ctx, s, ReadLease, func(v *View) { v.Get(key) })
	}); got > 2 {
		t.Errorf("%.1f allocations per read, want at most 2 (view and closure)", got)
	}
}
