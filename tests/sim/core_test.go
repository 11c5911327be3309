package sim

import (
	"flag"
	"testing"
	"time"
)

var (
	coreSeed  = flag.Uint64("core.seed", 0, "run only this seed of the core simulation")
	coreSteps = flag.Int("core.steps", 6000, "acts in one run of the core simulation")
	coreRuns  = flag.Int("core.runs", coreRunsDefault, "seeds of the core simulation")
)

// TestCoreKeepsItsPromisesOverAnAdversarialLog runs many seeds. Each prints what it needs to be run again.
func TestCoreKeepsItsPromisesOverAnAdversarialLog(t *testing.T) {
	t.Parallel()
	if *coreSeed != 0 {
		result := runCore(t, *coreSeed, *coreSteps, true)
		t.Logf("seed %d: digest %x, %+v", *coreSeed, result.digest, result.stat)
		if result.violation != "" {
			t.Fatal(result.violation)
		}
		return
	}
	began := time.Now()
	var sum coreStats
	for seed := uint64(1); seed <= uint64(*coreRuns); seed++ {
		result := runCore(t, seed, *coreSteps, false)
		if result.violation != "" {
			t.Fatalf("%s\nreplay: go test ./tests/sim -run %s -core.steps %d -core.seed %d", result.violation, t.Name(), *coreSteps, seed)
		}
		sum.add(result.stat)
	}
	t.Logf("%d seeds in %v: %+v", *coreRuns, time.Since(began).Round(time.Millisecond), sum)
	if *coreRuns >= 300 { // fewer need not meet everything
		sum.demandAll(t)
	}
}

// TestCoreRunsOfOneSeedAreEqual: without this a seed that failed could not be looked into.
func TestCoreRunsOfOneSeedAreEqual(t *testing.T) {
	t.Parallel()
	for seed := uint64(1); seed <= equalSeeds; seed++ {
		first, second := runCore(t, seed, *coreSteps, true), runCore(t, seed, *coreSteps, true)
		if first.digest != second.digest {
			t.Errorf("seed %d: digests %x and %x,\n%+v\n%+v", seed, first.digest, second.digest, first.stat, second.stat)
		}
	}
}
