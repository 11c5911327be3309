package hitratio

import (
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/holtcache/holt/proto/slot"
	"github.com/holtcache/holt/raftfsm/store"
	"github.com/holtcache/holt/shard/executor"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestTracesAreThoseOfTheirSeed(t *testing.T) {
	const universe, requests = 5000, 200_000
	one, same, other := Zipf(1, universe, requests), Zipf(1, universe, requests), Zipf(2, universe, requests)
	equal, times := 0, map[uint32]int{}
	for i, key := range one.Keys {
		if key != same.Keys[i] {
			t.Fatalf("request %d of seed 1 is %d and %d", i, key, same.Keys[i])
		}
		if key == other.Keys[i] {
			equal++
		}
		times[key]++
	}
	if equal > requests/10 {
		t.Errorf("seeds 1 and 2 have %d of %d requests in common", equal, requests)
	}
	most := 0
	for _, n := range times {
		most = max(most, n)
	}
	if share := float64(most) / requests; share < 0.09 || share > 0.13 { // 1 / sum of 1/k^0.99 up to 5000: 10.6 %
		t.Errorf("the most popular key has a share of %.3f, want 0.106", share)
	}
	scans := map[uint32]bool{}
	for _, key := range ScanPolluted(1, universe, requests).Keys {
		if key >= universe {
			if scans[key] {
				t.Fatalf("key %d is scanned twice", key)
			}
			scans[key] = true
		}
	}
	if len(scans) != requests/scanEvery*scanLength {
		t.Errorf("%d keys are scanned", len(scans))
	}
}

// After a round of the carrier all replicas have the stamps of the leader, also of one that has just taken over.
func TestStampsOfTheLeaderReachTheOthers(t *testing.T) {
	for _, policy := range []executor.EvictionPolicy{executor.AllKeysLRU, executor.VolatileLRU, executor.AllKeysLFU, executor.VolatileLFU} {
		h, err := openHolt(t.Context(), 3, executor.Eviction{Policy: policy, LFULogFactor: 0, LFUDecayMinutes: 1})
		if err != nil {
			t.Fatal(err)
		}
		keys := make([]uint32, 500)
		for i := range keys {
			keys[i] = uint32(i)
		}
		stamps := func(r *replica) (all []store.Access) {
			for _, n := range keys {
				key := appendKey(nil, n)
				sl := r.store.Slot(slot.Of(key))
				sl.RLock()
				item, _ := sl.GetLocked(key)
				sl.RUnlock()
				all = append(all, item.Access)
			}
			return all
		}
		c := carrier{holt: h, round: time.Second}
		for term := range 2 {
			if _, err := h.Round(t.Context(), keys); err != nil {
				t.Fatal(err)
			}
			for _, r := range h.replicas { // the leader answers before the others have applied
				await(t, "a replica has all keys", func() bool { return r.store.Len() == len(keys) })
			}
			leader := h.lead()
			for i, n := range keys { // as if they had been used in the last ten minutes
				key := appendKey(nil, n)
				sl := leader.store.Slot(slot.Of(key))
				sl.RLock()
				sl.GetTouchLocked(key, func(a store.Access) store.Access {
					if strings.HasSuffix(policy.String(), "lfu") {
						return a&^0xff | store.Access(10+i%100)
					}
					return store.LRU(leader.exec.Clock().Now() - int64(10-5*term)*60_000 + int64(i)*100)
				})
				sl.RUnlock()
			}
			others := slices.DeleteFunc(slices.Clone(h.replicas), func(r *replica) bool { return r == leader })
			for _, r := range others { // written now, and so newer
				for _, n := range keys {
					key := appendKey(nil, n)
					sl := r.store.Slot(slot.Of(key))
					sl.RLock()
					sl.GetTouchLocked(key, func(store.Access) store.Access { return 0 })
					sl.RUnlock()
				}
			}
			for range 100 {
				if err := c.step(10 * time.Millisecond); err != nil {
					t.Fatal(err)
				}
			}
			want := stamps(leader)
			for _, r := range others {
				if got := stamps(r); !slices.Equal(got, want) {
					t.Errorf("%v: replica %d has other stamps than the leader, %d", policy, r.id, leader.id)
				}
			}
			if err := h.failOver(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		if err := h.Close(); err != nil {
			t.Error(err)
		}
	}
}

func await(t *testing.T, what string, done func() bool) {
	t.Helper()
	for deadline := time.After(10 * time.Second); !done(); {
		select {
		case <-time.After(time.Millisecond):
		case <-deadline:
			t.Fatalf("never came: %s", what)
		}
	}
}

// A short run: both caches fill and evict, and another replica takes over.
func TestBothSystemsArePlayedTo(t *testing.T) {
	p := &Plan{
		Seed: 1, Universe: 20_000, BudgetBytes: 1 << 20, Rate: 10_000, Duration: 3 * time.Second, Dir: t.TempDir(), Replicas: 2, StampRound: time.Second,
		Policies: []executor.EvictionPolicy{executor.VolatileLFU},
	}
	p.Redis, _ = exec.LookPath("redis-server")
	results, err := p.Run(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range results {
		caches := map[string]Played{"Holt": r.SameMemory, "Holt with one leader": r.Undisturbed}
		if p.Redis != "" {
			caches["Redis"], caches["Holt with as many keys"] = r.Redis, r.SameKeys
		}
		for name, played := range caches {
			if played.Held < 1000 || played.Held > 15_000 || played.Ratio < 0.2 || played.Ratio > 0.95 {
				t.Errorf("%v, %s, %s: %+v", r.Policy, r.Trace, name, played)
			}
		}
	}
}
