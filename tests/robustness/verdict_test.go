package main

import (
	"strings"
	"testing"
	"time"

	"github.com/holtcache/holt/tests/model"
	"github.com/holtcache/holt/tests/report"
	"github.com/holtcache/holt/tests/workload"
)

func judged(change func(*run)) RunResult {
	r := &run{t: &step{}}
	r.verdicts = []workload.Verdict{{Workload: "set"}}
	r.result.Faults = []Happened{{Fault: "kill-leader", Unserved: Duration(time.Second)}}
	r.bands = []report.Band{{From: time.Second, To: 2 * time.Second}}
	change(r)
	r.effects(nil)
	r.judge()
	return r.result
}

func TestARunThatShowsNothingIsNotGreen(t *testing.T) {
	for _, tt := range []struct {
		name    string
		change  func(*run)
		verdict string
		reason  string
	}{
		{"nothing wrong", func(*run) {}, verdictOK, ""},
		{"too few operations", func(r *run) { r.verdicts[0].Why = "3 operations" }, verdictInvalid, "3 operations"},
		{"a fault without effect", func(r *run) { r.result.Faults[0].NoEffect = "no packet" }, verdictInvalid, "no packet"},
		{"a fault that nobody noticed", func(r *run) {
			r.verdicts[0].Gaps = nil
			r.result.Faults[0].Unserved = 0
		}, verdictInvalid, "no leader changed"},
		{"a fault that a client noticed", func(r *run) {
			r.result.Faults[0].Unserved = 0
			r.ops = []model.Op{{Outcome: model.Unknown, Call: time.Second, Return: 2 * time.Second}}
		}, verdictOK, ""},
		{"a violation", func(r *run) {
			r.verdicts[0].Violations = []model.Violation{{Class: model.Lost, Text: "key k"}}
		}, verdictFailed, "lost: key k"},
		{"a violation beside a fault without effect", func(r *run) {
			r.verdicts[0].Violations = []model.Violation{{Class: model.Lost, Text: "key k"}}
			r.result.Faults[0].NoEffect = "no packet"
		}, verdictFailed, "lost: key k"},
		{"something that did not come to life", func(r *run) { r.t.Errorf("not live: x") }, verdictFailed, "not live"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			res := judged(tt.change)
			if reasons := strings.Join(res.Reasons, "\n"); res.Verdict != tt.verdict || !strings.Contains(reasons, tt.reason) {
				t.Errorf("got %s: %s, want %s: %s", res.Verdict, reasons, tt.verdict, tt.reason)
			}
		})
	}
}

// Each occurrence of a fault has the gaps of its own.
func TestGapsBelongToTheirOccurrence(t *testing.T) {
	gaps := []model.Gap{
		{Fault: "kill", Client: 1, Longest: 1}, {Fault: "pause", Client: 1, Longest: 9}, {Fault: "kill", Client: 1, Longest: 2},
		{Fault: "kill", Client: 2, Longest: 3}, {Fault: "kill", Client: 2, Longest: 1},
	}
	for occurrence, want := range []Duration{3, 2, 0} {
		if got := unserved(gaps, "kill", occurrence); got != want {
			t.Errorf("occurrence %d: got %d, want %d", occurrence, got, want)
		}
	}
}

func TestStepsCleanUpWhateverHappens(t *testing.T) {
	for name, work := range map[string]func(*step){
		"returns": func(*step) {}, "fails": func(s *step) { s.Fatalf("x") }, "is skipped": func(s *step) { s.Skipf("x") },
	} {
		var order []int
		s := &step{}
		s.do(func() {
			s.Cleanup(func() { order = append(order, 1) })
			s.Cleanup(func() { order = append(order, 2); s.Fatalf("also in a cleanup") })
			work(s)
			if name != "returns" {
				t.Errorf("a step that %s goes on", name)
			}
		})
		if len(order) != 2 || order[0] != 2 || order[1] != 1 {
			t.Errorf("a step that %s: cleaned up in the order %v", name, order)
		}
	}
}

func TestLongestPauseIsOfOneShard(t *testing.T) {
	at := func(ms int) time.Time { return time.Unix(0, int64(ms)*int64(time.Millisecond)) }
	attempts := []attempt{
		{shard: 1, done: at(10)}, {shard: 2, done: at(500)}, {shard: 1, done: at(40)}, {shard: 1, done: at(25), err: failedError("")}, {shard: 1, done: at(50)},
	}
	if got := longestPause(attempts, 1); got != 30*time.Millisecond {
		t.Errorf("got %v, want 30ms", got)
	}
}
