package workload

import (
	"errors"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/peer"
	"google.golang.org/grpc/status"

	cachev1 "github.com/holtcache/holt/proto/holt/cache/v1"
	"github.com/holtcache/holt/tests/model"
)

// ok makes reads that see a value, one a millisecond from a time on.
func ok(from, count int) []model.Op {
	var ops []model.Op
	for i := range count {
		at := time.Duration(from+i) * time.Millisecond
		ops = append(ops, model.Op{Kind: model.Get, Key: "k", Outcome: model.OK, Found: true, Value: "v", Call: at, Return: at + 1})
	}
	return ops
}

// A run in which too little happened is invalid, not green: before, during and after the faults, each.
func TestARunThatProvesNothingIsInvalid(t *testing.T) {
	ms := time.Millisecond
	kill := []model.Mark{{Name: "kill", Begin: 1000 * ms, End: 2000 * ms}}
	blind := ok(0, 100)
	for i := range blind {
		blind[i].Found = false
	}
	for _, tt := range []struct {
		name  string
		marks []model.Mark
		ops   [][]model.Op
		why   string
	}{
		{"enough", kill, [][]model.Op{ok(0, 50), ok(1100, 10), ok(2100, 50)}, ""},
		{"enough without faults", nil, [][]model.Op{ok(0, 50)}, ""},
		{"nothing", nil, nil, "before the first fault"},
		{"little before", kill, [][]model.Op{ok(0, 49), ok(1100, 10), ok(2100, 50)}, "before the first fault"},
		{"little during", kill, [][]model.Op{ok(0, 50), ok(1100, 9), ok(2100, 50)}, "during the faults"},
		{"little after", kill, [][]model.Op{ok(0, 50), ok(1100, 10), ok(2100, 49)}, "after the faults"},
		{"no read that saw a write", nil, [][]model.Op{blind}, "no read has seen a write"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := &Session{Run: NewRun(1), config: Config{}.withDefaults(), marks: tt.marks}
			var ops []model.Op
			for _, part := range tt.ops {
				ops = append(ops, part...)
			}
			v := Verdict{Why: s.vacuous(ops)}
			if tt.why == "" && (v.Why != "" || v.Result() != Green) {
				t.Errorf("%v: %s", v.Result(), v.Why)
			}
			if tt.why != "" && (!strings.Contains(v.Why, tt.why) || v.Result() != Invalid) {
				t.Errorf("%v: %q, want %q", v.Result(), v.Why, tt.why)
			}
		})
	}
}

func TestAViolationOutweighsAnEmptyRun(t *testing.T) {
	v := Verdict{Counts: map[model.Class]int{}, Why: "nothing happened"}
	for range violationsMax + 5 {
		v.add(model.Violation{Class: model.Lost, Text: "x"})
	}
	if v.Result() != Violated || v.Counts[model.Lost] != violationsMax+5 || len(v.Violations) != violationsMax {
		t.Errorf("%v, %v, %d with text", v.Result(), v.Counts, len(v.Violations))
	}
}

func TestOutcomesOfCallsAreThoseOfTheDetail(t *testing.T) {
	connected := &peer.Peer{Addr: addr("127.0.0.1:1")}
	detailed := func(code codes.Code, kind string, outcome cachev1.Outcome) error {
		st, err := status.New(code, "told").WithDetails(&cachev1.ErrorDetail{Kind: kind, Outcome: outcome})
		if err != nil {
			t.Fatal(err)
		}
		return st.Err()
	}
	for _, tt := range []struct {
		name       string
		err        error
		to         *peer.Peer
		outcome    model.Outcome
		unexpected bool
	}{
		{"no error", nil, connected, model.OK, false},
		{"refused", detailed(codes.FailedPrecondition, "not-leader", cachev1.Outcome_OUTCOME_NOT_APPLIED), connected, model.NotApplied, false},
		{"unknown", detailed(codes.Unknown, "unknown-outcome", cachev1.Outcome_OUTCOME_UNKNOWN), connected, model.Unknown, false},
		{"applied, and something else missed", detailed(codes.Unknown, "unknown-outcome", cachev1.Outcome_OUTCOME_APPLIED), connected, model.Unknown, false},
		{"a fault of the server", detailed(codes.Internal, "internal", cachev1.Outcome_OUTCOME_UNKNOWN), connected, model.Unknown, true},
		{"a call that should not fail", detailed(codes.InvalidArgument, "invalid", cachev1.Outcome_OUTCOME_NOT_APPLIED), connected, model.NotApplied, true},
		{"the connection broke", status.Error(codes.Unavailable, "reset"), connected, model.Unknown, false},
		{"time ran out", status.Error(codes.DeadlineExceeded, "late"), connected, model.Unknown, false},
		{"there was no connection", status.Error(codes.Unavailable, "refused"), &peer.Peer{}, model.NotApplied, false},
	} {
		err := explainCall(tt.err, tt.to)
		if got := outcomeOf(err); got != tt.outcome {
			t.Errorf("%s: outcome %v, want %v", tt.name, got, tt.outcome)
		}
		if got := unexpected(err); got != tt.unexpected {
			t.Errorf("%s: unexpected %v, want %v", tt.name, got, tt.unexpected)
		}
	}
	if got := outcomeOf(withheld{errors.New("the read before it broke")}); got != model.NotApplied {
		t.Errorf("a write that was never sent: %v", got)
	}
}

type addr string

func (addr) Network() string  { return "tcp" }
func (a addr) String() string { return string(a) }

func TestWorkloadsAreFoundByName(t *testing.T) {
	for _, w := range All() {
		found, err := ByName(w.Name)
		if err != nil || found.Name != w.Name || found.begin == nil || found.judge == nil || found.About == "" {
			t.Errorf("%s: %+v, %v", w.Name, found, err)
		}
	}
	if _, err := ByName("none"); err == nil || !strings.Contains(err.Error(), "register, append") {
		t.Errorf("got %v", err)
	}
	for _, kind := range []ClientKind{RESP, GRPC} {
		if got, err := ParseClientKind(kind.String()); got != kind || err != nil {
			t.Errorf("%v: %v, %v", kind, got, err)
		}
	}
	if _, err := ParseClientKind(""); err == nil {
		t.Error("no client is one")
	}
}
