package sim

import (
	"flag"
	"testing"
	"time"
)

var (
	routeSeed  = flag.Uint64("route.seed", 0, "run only this seed of the route simulation")
	routeSteps = flag.Int("route.steps", 600, "acts in one run of the route simulation")
	routeRuns  = flag.Int("route.runs", coreRunsDefault/4, "seeds of the route simulation")
)

// TestClientsAreToldTheTruthWhateverNodesKnowOfTheCluster runs many seeds. Each prints what it needs to be run again.
func TestClientsAreToldTheTruthWhateverNodesKnowOfTheCluster(t *testing.T) {
	t.Parallel()
	if *routeSeed != 0 {
		w := runRoute(t, *routeSeed, *routeSteps)
		t.Logf("seed %d: digest %x, %+v", *routeSeed, w.digest(), w.stat)
		if w.violation != "" {
			t.Fatal(w.violation)
		}
		return
	}
	began := time.Now()
	var sum routeStats
	for seed := uint64(1); seed <= uint64(*routeRuns); seed++ {
		w := runRoute(t, seed, *routeSteps)
		if w.violation != "" {
			t.Fatalf("%s\nreplay: go test ./tests/sim -run %s -route.steps %d -route.seed %d", w.violation, t.Name(), *routeSteps, seed)
		}
		sum.add(w.stat)
	}
	t.Logf("%d seeds in %v: %+v", *routeRuns, time.Since(began).Round(time.Millisecond), sum)
	sum.demandAll(t)
}

// TestRouteRunsOfOneSeedAreEqual: without this a seed that failed could not be looked into.
func TestRouteRunsOfOneSeedAreEqual(t *testing.T) {
	t.Parallel()
	for seed := uint64(1); seed <= equalSeeds; seed++ {
		first, second := runRoute(t, seed, *routeSteps), runRoute(t, seed, *routeSteps)
		if first.digest() != second.digest() {
			t.Errorf("seed %d: digests %x and %x,\n%+v\n%+v", seed, first.digest(), second.digest(), first.stat, second.stat)
		}
	}
}
