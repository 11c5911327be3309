package main

import (
	"fmt"
)

// Failovers is what a measurement of failovers has found, as it stands in a file of results.
type Failovers struct {
	Fault   string
	Planned bool
	Nodes   int
	// Times are from the fault to the first acknowledged write that began after it; where it was planned, the longest
	// pauses between two acknowledged writes.
	Times []Duration
	// Requests and Failed count the writes of probes around planned losses.
	Requests, Failed int
	// Failures are the first errors of those.
	Failures []string `json:",omitempty"`
}

// String is one line.
func (f Failovers) String() string {
	s := spreadOf(f.Times)
	line := fmt.Sprintf("%s, %d nodes, %d times: median %v, p99 %v, maximum %v", losses[f.Fault].about, f.Nodes, s.Count, s.Median, s.P99, s.Max)
	if f.Planned {
		return fmt.Sprintf("%s without an acknowledged write; %d of %d requests failed", line, f.Failed, f.Requests)
	}
	return line + " to the next acknowledged write"
}
