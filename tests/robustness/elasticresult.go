package main

import (
	"fmt"
	"slices"
	"time"

	"github.com/holtcache/holt/tests/pace"
)

// Elastic is what one measurement of a cluster that grows and shrinks has found, as it stands in a file of results.
type Elastic struct {
	// Rate is how many requests a second the client libraries sent, Keys what the cluster held besides.
	Rate, Keys int
	// Checked tells that workloads worked besides, whose histories were judged: then latencies say little. Operations is how
	// many of theirs were acknowledged.
	Checked    bool `json:",omitempty"`
	Operations int  `json:",omitempty"`
	Stages     []Stage
	// Acknowledged is how many acknowledged increments and appended texts were looked for at the end; each was there once.
	Acknowledged int
}

// Stage is one change of the cluster, and what its clients noticed.
type Stage struct {
	Name string
	Took Duration
	// Requests and Failed count those of the client libraries, with whatever these repeat by themselves.
	Requests, Failed int
	Failures         []string `json:",omitempty"`
	// Latencies are from when requests were due.
	P50, P99, Max Duration
	// Pause is the longest time between two answers of a slot; the slots asked are evenly spread, and Moved of them came to
	// another shard.
	Pause Duration
	Moved int
}

func stageOf(name string, took time.Duration, moved int, f pace.Figures) Stage {
	s := Stage{
		Name: name, Took: Duration(took), Requests: f.Requests, Failed: f.Failed, Failures: f.Failures,
		P50: Duration(f.P50), P99: Duration(f.P99), Max: Duration(f.Max), Moved: moved,
	}
	if len(f.Pauses) > 0 {
		s.Pause = Duration(f.Pauses[0].Length)
	}
	return s
}

// steady is the first stage.
func (e *Elastic) steady() Stage { return e.Stages[0] }

// elasticTable has a row for each stage, with the medians over several measurements, and the lowest and the highest value.
func elasticTable(all []*Elastic) string {
	var rows []string
	for i, s := range all[0].Stages {
		of := func(f func(*Elastic, Stage) float64) []float64 {
			var list []float64
			for _, e := range all {
				list = append(list, f(e, e.Stages[i]))
			}
			return list
		}
		requests, failed, moved := 0, 0, 0
		for _, e := range all {
			requests, failed, moved = requests+e.Stages[i].Requests, failed+e.Stages[i].Failed, moved+e.Stages[i].Moved
		}
		ms := func(what func(Stage) Duration) string {
			return spreadOfNumbers("%.1f", of(func(_ *Elastic, s Stage) float64 { return float64(what(s)) / 1e6 }))
		}
		rows = append(rows, row(s.Name, spreadOfNumbers("%.1f", of(func(_ *Elastic, s Stage) float64 { return time.Duration(s.Took).Seconds() })),
			fmt.Sprintf("%d of %d", failed, requests), ms(func(s Stage) Duration { return s.P50 }), ms(func(s Stage) Duration { return s.P99 }),
			spreadOfNumbers("%.2f", of(func(e *Elastic, s Stage) float64 { return float64(s.P99) / float64(max(e.steady().P99, 1)) })),
			ms(func(s Stage) Duration { return s.Max }), ms(func(s Stage) Duration { return s.Pause }), moved))
	}
	return table("stage | seconds | requests failed | p50 ms | p99 ms | p99 / steady | maximum ms | longest pause of a slot ms | slots moved", rows)
}

// elasticFiguresTable is that of the measurements without workloads besides, and what the others have shown.
func elasticFiguresTable(f Figures) string {
	var timed, checked []*Elastic
	acknowledged, operations, failed := 0, 0, 0
	for _, e := range f.Elastic {
		acknowledged, operations = acknowledged+e.Acknowledged, operations+e.Operations
		if e.Checked {
			checked = append(checked, e)
		} else {
			timed = append(timed, e)
		}
		for _, s := range e.Stages {
			failed += s.Failed
		}
	}
	text := ""
	if len(timed) > 0 {
		text = elasticTable(timed) + "\n"
	}
	return text + table("what | number", []string{
		row("measurements", len(timed)), row("further runs with workloads whose histories were judged", len(checked)),
		row("operations of these workloads, all judged right", operations),
		row("acknowledged increments and appended texts, each there once", acknowledged), row("requests failed, in all of it", failed),
	})
}

// spreadOfNumbers is the median, with the lowest and the highest of several.
func spreadOfNumbers(format string, list []float64) string {
	sorted := slices.Sorted(slices.Values(list))
	text := fmt.Sprintf(format, sorted[(len(sorted)-1)/2])
	if len(sorted) > 1 {
		text += fmt.Sprintf(" ("+format+" - "+format+")", sorted[0], sorted[len(sorted)-1])
	}
	return text
}
