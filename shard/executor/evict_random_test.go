package executor

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/hashicorp/raft"

	"github.com/holtcache/holt/proto/apierr"
	"github.com/holtcache/holt/proto/slot"
	"github.com/holtcache/holt/raftfsm/entry"
)

// evictWorld is three replicas with one log, of which one leads, and a plain map that follows the log.
type evictWorld struct {
	t       *testing.T
	r       *rand.Rand
	benches [3]*bench
	leader  int
	policy  EvictionPolicy
	budget  int64
	model   map[string]modelled // nil: none
	// over is by how much the budget may be passed now: it was lowered, and the maintenance has not caught up yet.
	over    int64
	evicted int
	refused int
	asked   []*asked
	index   uint64
	log     []loggedRecord
}

type loggedRecord struct {
	term   uint64
	record []byte
}

type modelled struct {
	value    string
	expireAt int64
}

func newEvictWorld(t *testing.T, seed uint64, policy EvictionPolicy) *evictWorld {
	w := &evictWorld{t: t, r: rand.New(rand.NewPCG(seed, 3)), policy: policy, model: map[string]modelled{}}
	for i := range w.benches {
		w.benches[i] = newBench(t, func(c *Config) {
			c.Node = fmt.Sprint("node-", i)
			c.Random = w.r.Uint64
			c.Limits.BatchBytes = 1 << (8 + w.r.IntN(8))
		})
	}
	w.lead(0)
	w.limit(40_000)
	return w
}

func (w *evictWorld) limit(bytes int64) {
	w.over = max(w.over, w.budget-bytes)
	w.budget = bytes
	for _, b := range w.benches {
		b.exec.SetEviction(Eviction{Policy: w.policy, BudgetBytes: bytes, LFULogFactor: 1, LFUDecayMinutes: 1})
	}
}

// lead makes a replica the leader; what the one before has proposed is lost with it, or committed before.
func (w *evictWorld) lead(i int) {
	w.t.Helper()
	old := w.benches[w.leader]
	for len(old.proposed) > 0 && w.r.IntN(2) == 0 {
		w.commit()
	}
	old.leads = false
	old.driver.Step()
	for len(old.proposed) > 0 {
		f := old.proposed[0]
		old.proposed = old.proposed[1:]
		f.answer <- errNobody // "leadership lost": they stay unknown
	}
	w.leader = i
	b := w.benches[i]
	for _, other := range w.benches {
		b.term = max(b.term, other.term+1)
	}
	b.leads = true
	for deadline := time.Now().Add(10 * time.Second); ; time.Sleep(100 * time.Microsecond) {
		b.driver.Step()
		if _, ok := b.exec.Serving(); ok && len(b.store.Owned()) > 0 {
			break
		}
		w.commitAll()
		if time.Now().After(deadline) {
			w.t.Fatal("nobody serves")
		}
	}
	w.commitAll()
}

// stepFollowers refuses what went back into the queue of a deposed leader when the batch that it read from was superseded.
func (w *evictWorld) stepFollowers() {
	for i, b := range w.benches {
		if i != w.leader {
			b.driver.Step()
		}
	}
}

func (w *evictWorld) commitAll() {
	for len(w.benches[w.leader].proposed) > 0 {
		w.commit()
	}
}

// commit commits the leader's oldest proposal everywhere.
func (w *evictWorld) commit() {
	w.t.Helper()
	b := w.benches[w.leader]
	f := b.proposed[0]
	b.proposed = b.proposed[1:]
	w.follow(f.record)
	w.index++
	w.log = append(w.log, loggedRecord{b.term, f.record})
	for _, each := range w.benches {
		each.fsm.Apply(&raft.Log{Index: w.index, Term: b.term, Type: raft.LogCommand, Data: f.record})
	}
	f.answer <- nil
}

// follow applies a record to the model and looks at its evictions.
func (w *evictWorld) follow(record []byte) {
	w.t.Helper()
	h, state := entry.PeekHeader(record), w.benches[w.leader].fsm.State()
	if w.model == nil || h.Kind != entry.KindBatch || h.Incarnation != state.Incarnation || h.Sequence != state.Sequence+1 {
		return // behind a batch that was refused
	}
	for _, e := range decode(w.t, record) {
		key := string(e.Key)
		m, there := w.model[key]
		switch e.Kind {
		case entry.EffectSet:
			w.model[key] = modelled{string(e.Value), e.ExpireAt}
		case entry.EffectPatch:
			w.model[key] = modelled{string(entry.Patched([]byte(m.value), int(e.Offset), e.Value)), m.expireAt}
		case entry.EffectExpire:
			w.model[key] = modelled{m.value, e.ExpireAt}
		case entry.EffectDel:
			delete(w.model, key)
			if e.Reason != entry.ReasonEvict {
				continue
			}
			w.evicted++
			switch {
			case !there:
				w.t.Errorf("%s was evicted and was not there", key)
			case w.policy == NoEviction:
				w.t.Errorf("%s was evicted under noeviction", key)
			case w.policy.volatile() && m.expireAt == 0:
				w.t.Errorf("%s was evicted under %v and has no expiry", key, w.policy)
			}
		}
	}
}

func (w *evictWorld) write() {
	b := w.benches[w.leader]
	key := []byte(fmt.Sprint("key-", w.r.IntN(800)))
	if w.r.IntN(4) == 0 {
		key = []byte(fmt.Sprint("{one}", w.r.IntN(100)))
	}
	size, expireAt := 1+w.r.IntN(200), int64(0)
	if w.r.IntN(30) == 0 {
		size = w.r.IntN(60_000)
	}
	if w.r.IntN(2) == 0 {
		expireAt = 1<<50 + w.r.Int64N(1e6)
	}
	kind := w.r.IntN(10)
	a := b.submit(string(key), func(tx *Tx) {
		value := make([]byte, size)
		switch {
		case kind < 6:
			tx.Set(key, value, entry.TypeString, expireAt)
		case kind < 7:
			if item, ok := tx.Get(key); ok {
				tx.Patch(key, len(item.Value), value[:min(size, 100)])
			}
		case kind < 8:
			tx.Expire(key, expireAt)
		default:
			tx.Delete(key)
		}
	})
	w.asked = append(w.asked, a)
}

func (w *evictWorld) act() {
	b := w.benches[w.leader]
	switch n := w.r.IntN(1000); {
	case n < 600:
		w.write()
	case n < 800:
		b.driver.Step()
	case n < 960:
		if len(b.proposed) > 0 {
			w.commit()
			w.checkBudget()
		}
	case n < 980:
		b.exec.wantTrim()
	case n < 990:
		w.limit(int64(20_000 + w.r.IntN(60_000)))
	case n < 994:
		w.lead(w.r.IntN(len(w.benches)))
	case len(b.proposed) > 0: // the log refuses a batch: all that was evaluated on it is evaluated again
		b.fail(ErrRefused)
		w.lead(w.leader)
	}
}

// checkBudget: what is committed passes the budget by no more than estimates are wrong by: tables of slots that have one
// key, for what is in flight, and what EXPIRE adds.
func (w *evictWorld) checkBudget() {
	w.t.Helper()
	const slack = 15_000
	for i, b := range w.benches {
		if used := b.store.UsedBytes(); used > w.budget+w.over+slack {
			w.t.Fatalf("replica %d uses %d, the budget is %d (and %d before)", i, used, w.budget, w.over)
		}
	}
}

func (w *evictWorld) check() {
	w.t.Helper()
	for _, a := range w.asked {
		switch {
		case !a.answered():
			w.t.Fatal("a request has no answer")
		case a.Err != nil && a.Err.Kind == apierr.KindOutOfMemory:
			w.refused++
		}
	}
	first, evicted := w.benches[0], uint64(0)
	for i, b := range w.benches {
		evicted += b.exec.Stats().Evicted
		if err := b.store.Check(); err != nil {
			w.t.Fatalf("replica %d: %v", i, err)
		}
		if b.store.Digest() != first.store.Digest() {
			w.t.Errorf("replica %d: digest %x, replica 0 has %x", i, b.store.Digest(), first.store.Digest())
		}
	}
	if first.store.Len() != len(w.model) {
		w.t.Errorf("%d keys, want %d", first.store.Len(), len(w.model))
	}
	for key, want := range w.model {
		sl := first.store.Slot(slot.Of([]byte(key)))
		sl.RLock()
		item, ok := sl.GetLocked([]byte(key))
		if !ok || string(item.Value) != want.value || item.ExpireAt != want.expireAt {
			w.t.Errorf("%s: %d bytes, expiry %d (there: %v); want %d bytes, expiry %d", key, len(item.Value), item.ExpireAt, ok, len(want.value), want.expireAt)
		}
		sl.RUnlock()
	}
	if st := w.benches[w.leader].exec.Stats(); st.UsedBytes != first.store.UsedBytes() {
		w.t.Errorf("counted %d, used %d", st.UsedBytes, first.store.UsedBytes())
	}
}

// Writes, refusals, changes of budget and of leader at random, under each policy: the replicas stay equal, only what the
// policy allows goes, and the budget holds.
func TestReplicasStayEqualWithinTheirBudgetUnderEveryPolicy(t *testing.T) {
	seeds := uint64(3)
	if raceEnabled { // ten times as slow
		seeds = 1
	}
	for policy := NoEviction; policy <= VolatileTTL; policy++ {
		t.Run(policy.String(), func(t *testing.T) {
			for seed := range seeds {
				w := newEvictWorld(t, seed, policy)
				for range 4000 {
					if w.act(); t.Failed() {
						t.Fatalf("seed %d", seed)
					}
				}
				for range 1000 {
					w.stepFollowers()
					w.benches[w.leader].exec.wantTrim()
					w.benches[w.leader].driver.Step()
					if len(w.benches[w.leader].proposed) == 0 {
						break
					}
					w.commitAll()
				}
				if w.check(); t.Failed() {
					t.Fatalf("seed %d", seed)
				}
				if tight := w.evicted > 0; tight == (policy == NoEviction) {
					t.Errorf("seed %d: %d keys evicted", seed, w.evicted)
				}
				if w.refused == 0 {
					t.Errorf("seed %d: nothing was refused", seed)
				}
			}
		})
	}
}
