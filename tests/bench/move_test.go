package main

import (
	"context"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/holtcache/holt/proto/slot"
	"github.com/holtcache/holt/tests/bench/load"
	"github.com/holtcache/holt/tests/bench/system"
)

func TestForegroundCountsEachRequestInItsPhaseAndBySide(t *testing.T) {
	program, err := exec.LookPath("redis-server")
	if err != nil {
		t.Skip("redis-server is not installed (Debian: apt-get install redis-server)")
	}
	r, err := system.RedisCluster("redis", program, "", 1).Start(t.Context(), t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := r.Stop(); err != nil {
			t.Error(err)
		}
	}()
	const keys = 10_000
	low, high := slot.Range{First: 0, Last: 99}, slot.Range{First: 100, Last: slot.Count - 1}
	s := load.Spec{Op: load.OpSet, Conns: 1, Pipeline: 1, ValueBytes: 8, Keys: keys, Slots: []slot.Range{low}}
	if err := r.Fill(t.Context(), s); err != nil {
		t.Fatal(err)
	}
	f := newForeground(r, load.Keys("", keys, low), load.Keys("none", keys, high))
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		f.run(ctx, 1000, 8)
	}()
	for _, p := range []phase{phaseBefore, phaseDuring} {
		f.enter(p)
		await(t, func() bool {
			moving, staying := f.figures(p)
			return moving.Requests > 20 && staying.Requests > 20 && staying.Missing > 0
		})
	}
	f.enter(phaseWarmup)
	stop()
	<-ended
	if err := f.close(); err != nil {
		t.Error(err)
	}
	for p := phaseBefore; p < phases; p++ {
		moving, staying := f.figures(p)
		if moving.Missing+moving.Failed+staying.Failed > 0 {
			t.Errorf("phase %d: %d keys that are there were missing, %d requests failed: %s%s", p, moving.Missing, moving.Failed+staying.Failed, moving.Error, staying.Error)
		}
		if p == phaseAfter && moving.Requests+staying.Requests > 0 {
			t.Errorf("a phase that did not come has %d requests", moving.Requests+staying.Requests)
		}
		if moving.Requests > 0 && (moving.P50 <= 0 || moving.P99 < moving.P50 || moving.Max < moving.P99 || moving.Rate <= 0) {
			t.Errorf("phase %d: got %+v", p, moving)
		}
	}
}

// await waits until something holds.
func await(t *testing.T, holds func() bool) {
	t.Helper()
	deadline := time.After(30 * time.Second)
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for !holds() {
		select {
		case <-tick.C:
		case <-deadline:
			t.Fatal("it does not come to hold within 30 s")
		}
	}
}

func TestTableOfMovesHasEveryMoverAndTellsOfTrouble(t *testing.T) {
	figures := foregroundFigures{Requests: 10, Rate: 1000, P50: 500, P99: 2000, Max: 9000}
	failed := figures
	failed.Failed, failed.Error = 3, "MOVED"
	r := &moveReport{plan: &movePlan{}}
	for i, name := range []string{"holt", "redis-10"} {
		r.movers = append(r.movers, mover{system: system.System{Name: name}})
		sides := foregroundPhases{Before: figures, During: figures, After: figures}
		if i == 1 {
			sides.During = failed
		}
		r.rows = append(r.rows, moveRun{System: name, Run: 1, Keys: 1_000_000, ValueBytes: 64, Seconds: float64(1 + 9*i), Moving: sides, Staying: sides})
	}
	var b strings.Builder
	r.table(&b)
	for _, want := range []string{"holt", "80.0", "redis-10", "8.0", "10.0 (10.0-10.0)", "redis-10, run 1, keys that move, meanwhile: 3 requests failed (MOVED)"} {
		if !strings.Contains(b.String(), want) {
			t.Errorf("it does not say %q:\n%s", want, b.String())
		}
	}
}
