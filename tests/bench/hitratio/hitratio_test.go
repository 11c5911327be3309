package hitratio

import (
	"os/exec"
	"testing"
	"time"

	"go.uber.org/goleak"

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

// A short run: both caches fill and evict, and another replica takes over.
func TestBothSystemsArePlayedTo(t *testing.T) {
	p := &Plan{
		Seed: 1, Universe: 20_000, BudgetBytes: 1 << 20, Rate: 10_000, Duration: 3 * time.Second, Dir: t.TempDir(), Replicas: 2,
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
