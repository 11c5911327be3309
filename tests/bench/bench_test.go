package main

import (
	"path/filepath"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"github.com/holtcache/holt/tests/bench/load"
	"github.com/holtcache/holt/tests/bench/system"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestFlagsOutOfRangeAreRefusedByName(t *testing.T) {
	for _, args := range []string{
		"-seconds=0", "-warmup=-1", "-runs=0", "-conns=0", "-keys=10", "-value-bytes=0", "-rate=-1", "-ack=never",
		"-read-mode=stale", "-ops=del", "-pipeline=0", "-pipeline=", "-pipeline=a",
	} {
		name, _, _ := strings.Cut(args, "=")
		if _, err := parsePlan([]string{args}); err == nil || !strings.HasPrefix(err.Error(), name+"=") {
			t.Errorf("%s: got %v, want an error that begins with it", args, err)
		}
	}
	p, err := parsePlan([]string{"-only", "holt,redis-always", "-ops", "get,set"})
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]bool{"holt": true, "redis-always": true, "redis-always-alone": false, "redis-everysec": false} {
		if got := p.wanted(name); got != want {
			t.Errorf("%s: wanted %v, want %v", name, got, want)
		}
	}
}

func TestTableHasMediansOverRunsAndRatiosWithinThem(t *testing.T) {
	p, err := parsePlan([]string{"-ops=set", "-pipeline=1", "-runs=3"})
	if err != nil {
		t.Fatal(err)
	}
	r := &report{plan: p, systems: []system.System{{Name: "holt"}, {Name: "redis-always"}}}
	rates := map[string][]float64{"holt": {100, 10, 50}, "redis-always": {200, 40, 50}} // ratios 2, 4, 1
	for name, values := range rates {
		for i, rate := range values {
			r.add(measurement{System: name, Run: i + 1, Op: load.OpSet, Pipeline: 1, Rate: rate, P50: 1000 * micros(rate)})
		}
	}
	r.all[0].Failed = 7
	var b strings.Builder
	r.table(&b)
	for _, want := range []string{
		"SET 1 holt 50 10 100 1.00 50.00", "SET 1 redis-always 50 40 200 2.00 50.00", "7 failed",
	} {
		if got := strings.Join(strings.Fields(b.String()), " "); !strings.Contains(got, want) {
			t.Errorf("the table lacks %q:\n%s", want, b.String())
		}
	}
}

func TestRawLinesAreAppended(t *testing.T) {
	path := filepath.Join(t.TempDir(), "raw.jsonl")
	for range 2 {
		raw, err := openRaw(path)
		if err != nil {
			t.Fatal(err)
		}
		if err := raw.write(measurement{System: "holt"}); err != nil {
			t.Fatal(err)
		}
		if err := raw.close(); err != nil {
			t.Fatal(err)
		}
	}
	if got := strings.Count(firstLine(path), `"system":"holt"`); got != 1 {
		t.Errorf("%d systems on the first line, want 1", got)
	}
}
