package executor

import (
	"fmt"
	"math/rand/v2"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/holtcache/holt/proto/apierr"
	"github.com/holtcache/holt/proto/slot"
	"github.com/holtcache/holt/raftfsm/entry"
)

// evictionPolicies are all that evict.
var evictionPolicies = []EvictionPolicy{AllKeysLRU, VolatileLRU, AllKeysLFU, VolatileLFU, AllKeysRandom, VolatileRandom, VolatileTTL}

// fill writes n keys with values of 100 bytes and commits them; expireAt gives each its expiry.
func (b *bench) fill(n int, expireAt func(i int) int64) {
	b.t.Helper()
	for i := range n {
		b.setExpiring(fmt.Sprint("key-", i), 100, expireAt(i))
	}
	b.driver.Step()
	b.commitAll()
	b.driver.Step()
	b.commitAll()
}

func never(int) int64 { return 0 }

func (b *bench) setExpiring(key string, size int, expireAt int64) *asked {
	return b.submit(key, func(tx *Tx) {
		tx.Set([]byte(key), []byte(strings.Repeat("v", size)), entry.TypeString, expireAt)
	})
}

// limit sets a budget of what the store has now and more bytes beyond.
func (b *bench) limit(policy EvictionPolicy, more int64) {
	b.exec.SetEviction(Eviction{Policy: policy, BudgetBytes: b.store.UsedBytes() + more, LFULogFactor: 10, LFUDecayMinutes: 1})
}

// settle steps and commits until the executor has nothing to do.
func (b *bench) settle() {
	b.t.Helper()
	for range 1000 {
		b.driver.Step()
		if len(b.proposed) == 0 {
			return
		}
		b.commitAll()
	}
	b.t.Fatal("the executor never rests")
}

func (b *bench) has(key string) bool {
	sl := b.store.Slot(slot.Of([]byte(key)))
	sl.RLock()
	defer sl.RUnlock()
	_, ok := sl.GetLocked([]byte(key))
	return ok
}

// Keys of frozen slots cannot go. That most keys are in such does not make the others fewer.
func TestFewServedKeysAreFoundAmongManyFrozenOnes(t *testing.T) {
	b := newLeader(t, func(c *Config) { c.Random = rand.New(rand.NewPCG(1, 2)).Uint64 })
	b.fill(200, never)
	var frozen []string
	for i := range 180 {
		frozen = append(frozen, fmt.Sprint("key-", i))
	}
	b.done("freeze", freezing(1, 7, frozen...))
	b.limit(AllKeysRandom, 0)
	for i := range 40 {
		w := b.setExpiring(fmt.Sprintf("{key-%d}new-%d", 180+i%20, i), 100, 0)
		b.settle()
		if w.Err != nil && w.Err.Kind == apierr.KindAsk {
			t.Fatalf("the slot of write %d is frozen: the script is wrong", i)
		}
		b.wantApplied(fmt.Sprintf("write %d", i), w)
	}
	if st := b.exec.Stats(); st.Evicted == 0 {
		t.Error("nothing was evicted")
	}
}

func (b *bench) wantOOM(what string, a *asked) {
	b.t.Helper()
	switch {
	case !a.answered():
		b.t.Errorf("%s has no answer, want OOM", what)
	case a.Err == nil || a.Err.Kind != apierr.KindOutOfMemory || a.Err.Result() != apierr.OutcomeNotApplied:
		b.t.Errorf("%s: got %v, want OOM, not applied", what, a.Err)
	case !strings.HasPrefix(a.Err.RESP(), "OOM command not allowed when used memory > 'maxmemory'."):
		b.t.Errorf("%s: got %q, want Redis' words", what, a.Err.RESP())
	}
}

// The deletion stands in the log, with its reason, and in front of the write that needed the room.
func TestEvictionIsReplicatedInFrontOfTheWriteThatNeedsTheRoom(t *testing.T) {
	for _, policy := range evictionPolicies {
		t.Run(policy.String(), func(t *testing.T) {
			b := newLeader(t)
			b.fill(1000, func(int) int64 { return 1 << 50 })
			b.limit(policy, 0)
			w := b.setExpiring("new", 100, 1<<50)
			b.driver.Step()
			if len(b.proposed) != 1 {
				t.Fatalf("%d batches, want one", len(b.proposed))
			}
			evicted, versions := 0, uint64(0)
			for _, e := range decode(t, b.proposed[0].record) {
				if e.Kind == entry.EffectDel && e.Reason == entry.ReasonEvict {
					evicted++
					versions = max(versions, e.Version)
				} else if e.Version <= versions {
					t.Errorf("the write has version %d, an eviction before it %d", e.Version, versions)
				}
			}
			b.commitAll()
			b.wantApplied("the write", w)
			st := b.exec.Stats()
			if evicted == 0 || uint64(evicted) != st.Evicted || b.store.Len() != 1001-evicted {
				t.Errorf("%d keys evicted by the log, %d counted, %d left of 1001", evicted, st.Evicted, b.store.Len())
			}
			if used := b.store.UsedBytes(); used > st.BudgetBytes || used != st.UsedBytes {
				t.Errorf("used %d, counted %d, budget %d", used, st.UsedBytes, st.BudgetBytes)
			}
			if err := b.store.Check(); err != nil {
				t.Error(err)
			}
		})
	}
}

func decode(t *testing.T, record []byte) (effects []entry.Effect) {
	t.Helper()
	_, body, err := entry.DecodeHeader(record)
	if err != nil {
		t.Fatal(err)
	}
	var batch entry.Batch
	if err := entry.DecodeBatch(body, &batch); err != nil {
		t.Fatal(err)
	}
	for _, s := range batch.Sections {
		effects = append(effects, s.Effects...)
	}
	return effects
}

// What the policy may not touch stays, and where nothing else is left the write is refused and nothing is proposed.
func TestWriteIsRefusedBeforeItIsProposedWhereNothingMayBeEvicted(t *testing.T) {
	for _, policy := range []EvictionPolicy{NoEviction, VolatileLRU, VolatileLFU, VolatileRandom, VolatileTTL} {
		t.Run(policy.String(), func(t *testing.T) {
			b := newLeader(t)
			b.fill(1000, never)
			b.limit(policy, 0)
			w := b.set("new", "value")
			patch := b.submit("key-1", func(tx *Tx) { tx.Patch([]byte("key-1"), 100, make([]byte, 100)) })
			b.driver.Step()
			b.wantOOM("a new key", w)
			b.wantOOM("a longer value", patch)
			if len(b.proposed) != 0 || b.store.Len() != 1000 {
				t.Errorf("%d batches proposed, %d keys left of 1000", len(b.proposed), b.store.Len())
			}
			full := b.exec.Eviction()
			if policy == NoEviction { // the others would begin to evict what EXPIRE lets them
				b.limit(policy, -20_000)
			}
			smaller := b.set("key-1", "v")
			expire := b.submit("key-2", func(tx *Tx) { tx.Expire([]byte("key-2"), 1<<50) })
			del := b.submit("key-3", func(tx *Tx) { tx.Delete([]byte("key-3")) })
			read := b.submit("key-4", func(tx *Tx) { tx.Get([]byte("key-4")) })
			b.settle()
			b.wantApplied("a smaller value", smaller)
			b.wantApplied("EXPIRE", expire)
			b.wantApplied("DEL", del)
			b.wantApplied("a read", read)
			if got := b.exec.Stats(); got.RefusedOOM != 2 || got.Evicted != 0 {
				t.Errorf("%d refused, %d evicted; want 2 and 0", got.RefusedOOM, got.Evicted)
			}
			b.exec.SetEviction(full)
			again := b.set("new", "value")
			b.settle()
			b.wantApplied("a write after a DEL has made room", again)
		})
	}
}

func TestVolatilePoliciesEvictOnlyKeysWithAnExpiry(t *testing.T) {
	for _, policy := range []EvictionPolicy{VolatileLRU, VolatileLFU, VolatileRandom, VolatileTTL} {
		b := newLeader(t)
		b.fill(1000, func(i int) int64 { return int64(i%10/9) << 50 })
		b.limit(policy, 0)
		for i := range 50 {
			b.setExpiring(fmt.Sprint("new-", i), 100, 0)
		}
		b.settle()
		for i := range 1000 {
			if key := fmt.Sprint("key-", i); i%10 != 9 && !b.has(key) {
				t.Errorf("%v: %s has no expiry and was evicted", policy, key)
			}
		}
		if b.exec.Stats().Evicted == 0 {
			t.Errorf("%v: nothing was evicted", policy)
		}
	}
}

// With as many samples as there are places in the pool nearly every choice is the best one.
func TestPoliciesChooseWhatTheyAreNamedAfter(t *testing.T) {
	for policy, better := range map[EvictionPolicy]func(i int) bool{
		AllKeysLRU: func(i int) bool { return i < 500 },
		AllKeysLFU: func(i int) bool { return i%2 == 0 },
		// Written in the order of their expiry, the other way round.
		VolatileTTL: func(i int) bool { return i >= 500 },
	} {
		t.Run(policy.String(), func(t *testing.T) {
			b, pass := wallBench(t)
			b.exec.SetEviction(Eviction{Policy: policy, LFULogFactor: 10, LFUDecayMinutes: 1})
			b.fill(1000, func(i int) int64 { return 1<<50 - int64(i) })
			pass(2 * time.Second)
			for i := range 1000 {
				uses := 0
				switch {
				case policy == AllKeysLRU && i >= 500:
					uses = 1
				case policy == AllKeysLFU && i%2 == 1:
					uses = 40
				}
				key := fmt.Sprint("key-", i)
				for range uses {
					if err := b.exec.Read(t.Context(), slot.Of([]byte(key)), ReadLease, func(v *View) { v.Get([]byte(key)) }); err != nil {
						t.Fatal(err)
					}
				}
			}
			b.exec.SetEviction(Eviction{Policy: policy, BudgetBytes: b.store.UsedBytes() * 3 / 4, Samples: 16, LFULogFactor: 10, LFUDecayMinutes: 1})
			b.exec.wantTrim()
			b.settle()
			wrong := 0
			for i := range 1000 {
				if !better(i) && !b.has(fmt.Sprint("key-", i)) {
					wrong++
				}
			}
			if left := b.store.Len(); left > 800 || wrong > 10 {
				t.Errorf("%d keys left of 1000, %d that should have stayed are gone", left, wrong)
			}
		})
	}
}

// A read of a key that is about to be evicted does not find it, and is answered when that is committed.
func TestEvictedKeyIsGoneForWhatIsEvaluatedBehindIt(t *testing.T) {
	b := newLeader(t)
	b.fill(1, never)
	b.limit(AllKeysRandom, 0)
	w := b.setExpiring("other", 90, 0)
	found := true
	behind := b.submit("key-0", func(tx *Tx) { _, found = tx.Get([]byte("key-0")) })
	b.driver.Step()
	if found {
		t.Error("an evicted key was found behind its eviction")
	}
	b.wantOpen("a read of the evicted key", behind)
	b.commitAll()
	b.wantApplied("the read", behind)
	b.wantApplied("the write", w)
	if b.has("key-0") {
		t.Error("the evicted key is still there")
	}
}

// A request that reads a key which has to go for it sees it gone: it is evaluated behind the eviction, not before.
func TestRequestIsEvaluatedBehindTheEvictionsThatItNeeds(t *testing.T) {
	b := newLeader(t)
	b.setExpiring("{a}1", 100, 0)
	b.settle()
	b.limit(AllKeysLRU, 0)
	saw, runs := "", 0
	w := b.submit("{a}2", func(tx *Tx) {
		runs++
		item, _ := tx.Get([]byte("{a}1"))
		saw = strconv.Itoa(len(item.Value))
		tx.Set([]byte("{a}2"), []byte(saw), entry.TypeString, 0)
	})
	b.settle()
	b.wantApplied("the write", w)
	if saw != "0" || runs != 2 || b.stored("{a}2") != "0" {
		t.Errorf("after %d evaluations it saw %s bytes and wrote %q; want it to see nothing", runs, saw, b.stored("{a}2"))
	}
}

// Evictions of a batch that is not applied never happened: what needed the room is evaluated again, and evicts again.
func TestEvictionsOfADroppedBatchAreTakenBack(t *testing.T) {
	b := newLeader(t)
	b.fill(500, never)
	b.limit(AllKeysRandom, 0)
	used, budget := b.store.UsedBytes(), b.exec.Eviction().BudgetBytes
	refused := b.setExpiring("refused", 100, 0)
	b.driver.Step()
	taken := b.setExpiring("taken", 100, 0)
	b.driver.Step()
	b.fail(ErrRefused)
	b.wantOutcome("the write of the refused batch", refused, apierr.OutcomeNotApplied)
	b.serve()
	b.settle()
	if got := b.exec.Stats(); b.store.UsedBytes() > budget || got.UsedBytes != b.store.UsedBytes() {
		t.Errorf("used %d of %d, counted %d, before %d", b.store.UsedBytes(), budget, got.UsedBytes, used)
	}
	if b.has("refused") || taken.answered() && taken.Err == nil != b.has("taken") {
		t.Errorf("refused is there: %v, taken (%v) is there: %v", b.has("refused"), taken.Err, b.has("taken"))
	}
	if evicted := b.exec.Stats().Evicted; uint64(b.store.Len())+evicted < 500 {
		t.Errorf("%d keys left and %d evicted of 500: some are gone without a reason", b.store.Len(), evicted)
	}
}

// A pending key was written just now: its stamp in the store is stale.
func TestKeyWithAPendingChangeIsNotEvicted(t *testing.T) {
	b, pass := wallBench(t)
	b.fill(10, never)
	pass(5 * time.Second)
	for i := 5; i < 10; i++ { // the stamps in the store speak for these
		key := fmt.Sprint("key-", i)
		b.read(ReadLease, key, func(v *View) { v.Get([]byte(key)) })
	}
	pending := map[string]bool{}
	for i := range 5 {
		key := fmt.Sprint("key-", i)
		b.setExpiring(key, 100, 0)
		pending[key] = true
	}
	b.driver.Step() // proposed, not applied
	b.exec.SetEviction(Eviction{Policy: AllKeysLRU, BudgetBytes: b.store.UsedBytes(), Samples: 16})
	for i := range 5 { // as many as wait for the batch in flight: the next one goes at once
		b.setExpiring(fmt.Sprint("new-", i), 60, 0)
	}
	b.driver.Step()
	evicted := 0
	for _, f := range b.proposed[1:] {
		for _, e := range decode(t, f.record) {
			if e.Kind != entry.EffectDel {
				continue
			}
			evicted++
			if pending[string(e.Key)] {
				t.Errorf("%s was evicted, whose change is pending", e.Key)
			}
		}
	}
	if evicted == 0 {
		t.Error("none of the others was evicted")
	}
	b.settle()
}

// Where all keys have pending changes the write waits for them; OOM would be wrong a millisecond later.
func TestWriteWaitsForPendingChangesRatherThanBeRefused(t *testing.T) {
	b := newLeader(t)
	b.fill(20, never)
	b.limit(AllKeysLRU, 0)
	for i := range 20 {
		b.setExpiring(fmt.Sprint("key-", i), 100, 0)
	}
	b.driver.Step()
	w := b.setExpiring("new", 100, 0)
	b.driver.Step()
	b.wantOpen("a write while all keys are pending", w)
	b.settle()
	b.wantApplied("the write", w)
	if b.exec.Stats().RefusedOOM != 0 {
		t.Error("it was refused in between")
	}
}

func TestValueThatCanNeverFitIsRefusedAndEvictsNothing(t *testing.T) {
	b := newLeader(t)
	b.fill(1000, never)
	b.limit(AllKeysLRU, 0)
	w := b.setExpiring("huge", int(b.exec.Eviction().BudgetBytes), 0)
	overwrite := b.setExpiring("key-7", int(b.exec.Eviction().BudgetBytes), 0)
	b.settle()
	b.wantOOM("a value larger than the budget", w)
	b.wantOOM("the same over a key that exists", overwrite)
	if b.store.Len() != 1000 {
		t.Errorf("%d keys left of 1000", b.store.Len())
	}
}

// It takes several batches, and what waits behind it is answered too.
func TestLargeValueEvictsManyKeysInPortions(t *testing.T) {
	b := newLeader(t)
	const n = 3*evictKeysMax + 10
	b.fill(n, never)
	b.limit(AllKeysLRU, 0)
	w := b.setExpiring("large", int(b.exec.Eviction().BudgetBytes)*9/10, 0)
	b.driver.Step()
	b.wantOpen("the large write", w)
	if got := b.exec.versions; got > evictKeysMax {
		t.Errorf("%d keys evicted at a time, want at most %d", got, evictKeysMax)
	}
	behind := b.set("small", "v")
	b.settle()
	b.wantApplied("the large write", w)
	b.wantApplied("a write behind it", behind)
	if used := b.store.UsedBytes(); used > b.exec.Eviction().BudgetBytes {
		t.Errorf("used %d, budget %d", used, b.exec.Eviction().BudgetBytes)
	}
}

// Nobody writes; the maintenance goroutine asks.
func TestSmallerBudgetIsReachedWithoutWrites(t *testing.T) {
	b := newLeader(t)
	b.fill(2000, never)
	b.limit(AllKeysLRU, -b.store.UsedBytes()/2)
	b.eventually("request to evict", func() bool { return b.exec.trimWanted.Load() })
	b.driver.Step()
	if len(b.proposed) == 0 || b.exec.Stats().UsedBytes < b.exec.Eviction().BudgetBytes {
		t.Errorf("the first step proposed %d batches and went to %d of %d: want a portion", len(b.proposed), b.exec.Stats().UsedBytes, b.exec.Eviction().BudgetBytes)
	}
	b.eventually("end", func() bool { b.settle(); return b.store.UsedBytes() <= b.exec.Eviction().BudgetBytes })
	if b.store.Len() == 0 {
		t.Error("everything was evicted")
	}
}

// A follower applies what the leader decided and decides nothing, however small its budget.
func TestFollowerEvictsNothingByItself(t *testing.T) {
	var looks atomic.Int64 // at the clock: the maintenance goroutine does at each of its turns
	b := newLeader(t, func(c *Config) { c.Wall = func() time.Time { looks.Add(1); return time.Now() } })
	b.fill(100, never)
	b.leads = false
	b.driver.Step()
	b.exec.SetEviction(Eviction{Policy: AllKeysLRU, BudgetBytes: 1})
	b.exec.wantTrim()
	before := looks.Load()
	b.eventually("turns of maintenance", func() bool { b.driver.Step(); return looks.Load() > before+5 })
	if len(b.proposed) != 0 || b.store.Len() != 100 || b.exec.trimWanted.Load() {
		t.Errorf("a follower proposed %d records and has %d keys of 100", len(b.proposed), b.store.Len())
	}
}

// FLUSHALL's room can be used by what follows it, also before it is applied.
func TestRoomOfAPendingFlushCanBeUsed(t *testing.T) {
	b := newLeader(t)
	b.fill(500, never)
	b.limit(NoEviction, 0)
	b.submitAs(&Request{AllSlots: true, Do: func(tx *Tx) { tx.Flush(slot.Split(1)) }})
	w := b.setExpiring("new", 100, 0)
	b.driver.Step()
	b.wantOpen("a write behind a flush", w)
	if got := b.exec.Stats().UsedBytes; got > 300 {
		t.Errorf("%d bytes are counted behind a flush and one write", got)
	}
	b.settle()
	b.wantApplied("a write behind a flush", w)
}

// Many changes of one key in one transaction count once.
func TestChangesOfOneKeyInATransactionCountOnce(t *testing.T) {
	b := newLeader(t)
	b.fill(100, never)
	b.limit(NoEviction, 1000)
	w := b.submit("list", func(tx *Tx) {
		tx.Set([]byte("list"), nil, entry.TypeString, 0)
		for i := range 50 {
			tx.Patch([]byte("list"), i*10, []byte("0123456789"))
		}
	})
	b.settle()
	b.wantApplied("a transaction of 51 changes that come to 500 bytes", w)
	if used := b.exec.Stats().UsedBytes; used != b.store.UsedBytes() {
		t.Errorf("counted %d, used %d", used, b.store.UsedBytes())
	}
}
