package main

import (
	"github.com/holtcache/holt/tests/workload"
)

// RunResult is what a run has shown, as it stands in a file of results.
type RunResult struct {
	Options Options
	// Verdict is ok, FAILED, INVALID or SKIPPED, and Reasons say why.
	Verdict string
	Reasons []string `json:",omitempty"`
	Seconds float64
	Faults  []Happened
	Checked []Checked
	// Diverged counts shards whose replicas held different things at the end.
	Diverged int `json:",omitempty"`
	// Leaders counts how often a leader began in the run.
	Leaders int
	// Folder is what was kept of it.
	Folder string `json:",omitempty"`
}

// Checked is what one workload has shown.
type Checked struct {
	Workload                string
	OK, NotApplied, Unknown int
	Keys, Operations        int
	// Violations are counted by class.
	Violations map[string]int `json:",omitempty"`
	// LostAsAllowed counts acknowledged writes that were lost where no promise says that they are not, and LossWindow is how
	// far apart their acknowledgements were, or how long before the fault the first of them was.
	LostAsAllowed int      `json:",omitempty"`
	LossWindow    Duration `json:",omitempty"`
	// LogEntries counts the committed log entries on which the replicas were compared.
	LogEntries int `json:",omitempty"`
	// LogsCut counts shards whose log leads on from nothing, so that it could not be compared with the history.
	LogsCut int `json:",omitempty"`
}

func checked(v workload.Verdict) Checked {
	c := Checked{
		Workload: v.Workload, OK: v.OK, NotApplied: v.NotApplied, Unknown: v.Unknown, Keys: v.Keys, Operations: v.Checked,
		LogEntries: v.LogEntries, LogsCut: v.LogsCut, LostAsAllowed: v.Loss.Writes, LossWindow: Duration(v.Loss.Span), Violations: map[string]int{},
	}
	for class, n := range v.Counts {
		c.Violations[class.String()] += n
	}
	return c
}

// Happened is a fault that happened.
type Happened struct {
	Fault, What string
	// NoEffect says why it had no effect, "" if it had one.
	NoEffect string `json:",omitempty"`
	// Unserved is the longest time around it in which some client was not served.
	Unserved Duration
	// Whole is how long after its end every node was ready.
	Whole Duration
}
