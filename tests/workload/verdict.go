package workload

import (
	"fmt"
	"strings"
	"time"

	"github.com/holtcache/holt/tests/model"
)

// Result is the one word for a run. The zero value means "not set".
type Result uint8

const (
	// Green: enough happened, and nothing of it was wrong.
	Green Result = iota + 1
	// Violated: something was wrong.
	Violated
	// Invalid: nothing was wrong, and too little happened for that to mean anything.
	Invalid
)

func (r Result) String() string { return [...]string{"not set", "green", "violated", "invalid"}[r] }

// MarshalText is the name.
func (r Result) MarshalText() ([]byte, error) { return []byte(r.String()), nil }

// Verdict is what a run has shown.
type Verdict struct {
	Workload string
	Client   ClientKind
	Seed     uint64

	// OK, NotApplied and Unknown count the operations by outcome, final reads excepted.
	OK, NotApplied, Unknown int
	// Keys and Checked count what was judged: keys, and operations on them.
	Keys, Checked int
	// ReadsOfWrites counts reads that saw a value.
	ReadsOfWrites int
	// Counts are the violations by class.
	Counts map[model.Class]int
	// Violations are the first of them.
	Violations []model.Violation
	// Loss is what was acknowledged under the promise that it may be lost, and was lost.
	Loss model.Loss
	// Evicted counts reads that found an acknowledged key gone, where keys may be evicted.
	Evicted int
	// LogEntries counts the committed log entries on which the replicas were compared (JudgeLogs), LogsCut the shards whose
	// log leads on from no snapshot that can be read, so that it could not be compared with the history.
	LogEntries, LogsCut int
	// Gaps tells how long clients were not served around each fault.
	Gaps []model.Gap
	// Why says why the run proves nothing, "" if it does.
	Why string
}

// Result is the one word for it.
func (v Verdict) Result() Result {
	switch {
	case len(v.Violations) > 0:
		return Violated
	case v.Why != "":
		return Invalid
	}
	return Green
}

// GapsOf is the spread of the gaps around the faults of one name.
func (v Verdict) GapsOf(fault string) model.Spread {
	var list []time.Duration
	for _, g := range v.Gaps {
		if g.Fault == fault {
			list = append(list, g.Longest)
		}
	}
	return model.SpreadOf(list)
}

// violationsMax bounds how many violations a verdict carries with their text; all are counted.
const violationsMax = 20

func (v *Verdict) add(list ...model.Violation) {
	for _, one := range list {
		v.Counts[one.Class]++
		if len(v.Violations) < violationsMax {
			v.Violations = append(v.Violations, one)
		}
	}
}

// String is one line, and one more for each fault.
func (v Verdict) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s over %v: %v; %d ok, %d not applied, %d unknown; %d keys and %d operations checked", v.Workload, v.Client, v.Result(),
		v.OK, v.NotApplied, v.Unknown, v.Keys, v.Checked)
	for _, c := range model.Classes() {
		if v.Counts[c] > 0 {
			fmt.Fprintf(&b, ", %d %v", v.Counts[c], c)
		}
	}
	if v.Loss.Writes > 0 {
		fmt.Fprintf(&b, "; lost as allowed: %d writes, span %v", v.Loss.Writes, v.Loss.Span)
	}
	if v.Evicted > 0 {
		fmt.Fprintf(&b, "; %d reads of evicted keys", v.Evicted)
	}
	if v.LogEntries > 0 {
		fmt.Fprintf(&b, "; %d log entries compared, %d logs cut", v.LogEntries, v.LogsCut)
	}
	if v.Why != "" {
		fmt.Fprintf(&b, "; %s", v.Why)
	}
	told := map[string]bool{}
	for _, g := range v.Gaps {
		if !told[g.Fault] {
			told[g.Fault] = true
			s := v.GapsOf(g.Fault)
			fmt.Fprintf(&b, "\n  %s: clients unserved for %v median, %v p99, %v at most", g.Fault, round(s.Median), round(s.P99), round(s.Max))
		}
	}
	return b.String()
}

func round(d time.Duration) time.Duration { return d.Round(time.Millisecond) }
