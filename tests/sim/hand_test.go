package sim

import (
	"flag"
	"testing"
	"time"
)

var (
	handSeed  = flag.Uint64("hand.seed", 0, "run only this seed of the hand-over simulation")
	handSteps = flag.Int("hand.steps", 12000, "acts in one run of the hand-over simulation")
	handRuns  = flag.Int("hand.runs", handRunsDefault, "seeds of the hand-over simulation")
)

// fields lists the counts by name.
func (s *handStats) fields() map[string]*int {
	return map[string]*int{
		"hand-overs begun": &s.begun, "committed": &s.committed, "aborted": &s.aborted, "records collected": &s.collected, "streams": &s.streams, "chunks": &s.chunks,
		"acked": &s.acked, "not applied": &s.notApplied, "unknown": &s.unknown, "reads": &s.reads, "register operations": &s.registers,
		"refusals that name the other shard": &s.refusedAsk, "refusals of slots that have not come yet": &s.refusedImporting,
	}
}

func (s *handStats) add(other handStats) {
	to := s.fields()
	for name, from := range other.fields() {
		*to[name] += *from
	}
}

// demandAll fails the test if something that was to be tried never happened.
func (s *handStats) demandAll(t *testing.T) {
	for name, n := range s.fields() {
		if *n == 0 {
			t.Errorf("no run had any of: %s", name)
		}
	}
}

// TestSlotsChangeHandsWithoutALossOverAnAdversarialLog runs many seeds. Each prints what it needs to be run again.
func TestSlotsChangeHandsWithoutALossOverAnAdversarialLog(t *testing.T) {
	t.Parallel()
	if *handSeed != 0 {
		violation, stat := runHand(t, *handSeed, *handSteps, handBroken{})
		t.Logf("seed %d: %+v", *handSeed, stat)
		if violation != "" {
			t.Fatal(violation)
		}
		return
	}
	began := time.Now()
	var sum handStats
	for seed := uint64(1); seed <= uint64(*handRuns); seed++ {
		violation, stat := runHand(t, seed, *handSteps, handBroken{})
		if violation != "" {
			t.Fatalf("%s\nreplay: go test ./tests/sim -run %s -hand.steps %d -hand.seed %d", violation, t.Name(), *handSteps, seed)
		}
		sum.add(stat)
	}
	t.Logf("%d seeds in %v: %+v", *handRuns, time.Since(began).Round(time.Millisecond), sum)
	if *handRuns >= 20 { // fewer need not meet everything
		sum.demandAll(t)
	}
}
