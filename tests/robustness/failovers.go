package main

import (
	"fmt"
	"slices"
)

// Failovers is what a measurement of failovers has found, as it stands in a file of results.
type Failovers struct {
	Fault   string
	Planned bool
	Nodes   int
	// Times are from the fault to the first acknowledged write that began after it; where it was planned, the longest
	// pauses between two acknowledged writes.
	Times []Duration
	// Phases are the longest pauses of each part of a planned loss.
	Phases []Phase `json:",omitempty"`
	// Requests and Failed count the writes of probes around planned losses.
	Requests, Failed int
	// Failures are the first errors of those.
	Failures []string `json:",omitempty"`
}

// Phase is one part of planned losses.
type Phase struct {
	Name  string
	Times []Duration
}

// The parts of a planned loss. A node that starts takes processor time of the others where they share a machine.
const (
	phaseGoes   = "the leadership goes"
	phaseStarts = "the node starts again"
	phaseBack   = "the leadership comes back"
)

// addPhase adds times of one part.
func (f *Failovers) addPhase(name string, times ...Duration) {
	for i := range f.Phases {
		if f.Phases[i].Name == name {
			f.Phases[i].Times = append(f.Phases[i].Times, times...)
			return
		}
	}
	f.Phases = append(f.Phases, Phase{name, slices.Clone(times)})
}

// String is one line, and one for each phase.
func (f Failovers) String() string {
	line := fmt.Sprintf("%s, %d nodes, %d times: %s", losses[f.Fault].about, f.Nodes, len(f.Times), spreadText(f.Times))
	if !f.Planned {
		return line + " to the next acknowledged write"
	}
	line = fmt.Sprintf("%s without an acknowledged write; %d of %d requests failed", line, f.Failed, f.Requests)
	for _, p := range f.Phases {
		line += fmt.Sprintf("\n  %s: %s", p.Name, spreadText(p.Times))
	}
	return line
}

func spreadText(times []Duration) string {
	s := spreadOf(times)
	return fmt.Sprintf("median %v, p99 %v, maximum %v", s.Median, s.P99, s.Max)
}
