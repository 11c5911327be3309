package main

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/holtcache/holt/tests/model"
	"github.com/holtcache/holt/tests/report"
	"github.com/holtcache/holt/tests/workload"
)

func judged(change func(*run)) RunResult {
	r := &run{t: &step{}}
	r.verdicts = []workload.Verdict{{Workload: "set", Gaps: []model.Gap{{Client: 1}}}}
	r.sessions = []session{{}}
	r.result.Faults = []Happened{{Fault: "kill-leader"}}
	r.ops = []model.Op{{Client: 1, Outcome: model.OK, Return: time.Second}, {Client: 1, Outcome: model.OK, Return: 2 * time.Second}}
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
		{"a fault that nobody noticed", func(r *run) { r.ops = r.ops[:1] }, verdictInvalid, "no leader changed"},
		{"a fault that a client noticed", func(r *run) {
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

// A client that still waits because of one fault says nothing of the next.
func TestTimeWithoutServiceBelongsToOneFault(t *testing.T) {
	answers := func(client int, at ...time.Duration) (ops []model.Op) {
		for _, one := range at {
			ops = append(ops, model.Op{Client: client, Outcome: model.OK, Return: one})
		}
		return ops
	}
	bands := []report.Band{{From: 100, To: 200}, {From: 300, To: 400}}
	ops := slices.Concat(answers(1, 90, 110, 150, 390, 395), answers(2, 90, 250, 650, 660), answers(3, 1, 1000))
	ops = append(ops, model.Op{Client: 1, Outcome: model.NotApplied, Return: 160})
	for i, want := range []Duration{240, 400} {
		if got := unserved(ops, map[int]bool{1: true, 2: true}, bands, i); got != want {
			t.Errorf("fault %d: got %d, want %d", i, got, want)
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

func TestAcknowledgementsAreThoseOfOneShard(t *testing.T) {
	at := func(ms int) time.Time { return time.Unix(0, int64(ms)*int64(time.Millisecond)) }
	attempts := []attempt{
		{shard: 1, done: at(10)}, {shard: 2, done: at(500)}, {shard: 1, done: at(40)}, {shard: 1, done: at(25), err: failedError("")}, {shard: 1, done: at(50)},
	}
	if got := acknowledgements(attempts, 1); !slices.Equal(got, []time.Time{at(10), at(40), at(50)}) {
		t.Errorf("got %v, want those at 10, 40 and 50 ms", got)
	}
}
