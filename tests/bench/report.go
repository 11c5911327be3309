package main

import (
	"fmt"
	"io"
	"slices"
	"text/tabwriter"

	"github.com/holtcache/holt/tests/bench/load"
	"github.com/holtcache/holt/tests/bench/system"
)

// report turns measurements into a table.
type report struct {
	plan    *plan
	systems []system.System
	machine machine
	all     []measurement
}

func (r *report) add(m measurement) { r.all = append(r.all, m) }

// head says what is measured, and where.
func (r *report) head(w io.Writer) {
	p, m := r.plan, r.machine
	fmt.Fprintf(w, "commit %s, %d x %s, Linux %s, %s, load average %s\n", m.Commit, m.CPUs, m.CPU, m.Kernel, m.Go, loadAverage())
	fmt.Fprintf(w, "data on %s, fdatasync after 4 KiB %.0f us (median)\n", m.Filesystem, m.Fdatasync)
	how := "each sends when answered"
	if p.rate > 0 {
		how = fmt.Sprintf("%.0f requests a second arrive, answered or not", p.rate)
	}
	fmt.Fprintf(w, "%d connections, %s; values of %d bytes, %d keys at random; %v after %v of warm-up; runs: %d\n", p.conns, how, p.valueBytes, p.keys, p.seconds, p.warmup, p.runs)
	for _, s := range r.systems {
		fmt.Fprintf(w, "  %s: %s\n", s.Name, s.Promise)
		if s.Name == "holt" {
			fmt.Fprintf(w, "    ack %s, read mode %s\n", p.ack, p.readMode)
		}
	}
	if m.Redis != "" && len(r.systems) > 1 {
		fmt.Fprintf(w, "  %s\n", m.Redis)
	}
	fmt.Fprintln(w)
}

// table writes medians over the runs. Its ratio is to the first system, within each run.
func (r *report) table(w io.Writer) {
	fmt.Fprintf(w, "P is the pipeline. Medians over the runs; CPU is the time of all server processes for one request in us, client that of the load generator.\n\n")
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintf(t, "op\tP\tsystem\treq/s\tslowest\tfastest\tx %s\tp50 ms\tp99 ms\tp99.9 ms\tCPU\tclient\t\n", r.systems[0].Name)
	for _, op := range r.plan.ops {
		for _, pipeline := range r.plan.pipelines {
			first := r.rows(r.systems[0].Name, op, pipeline)
			for _, s := range r.systems {
				rows := r.rows(s.Name, op, pipeline)
				rates := column(rows, func(m measurement) float64 { return m.Rate })
				fmt.Fprintf(t, "%s\t%d\t%s\t%.0f\t%.0f\t%.0f\t%.2f\t%.2f\t%.2f\t%.2f\t%.1f\t%.1f\t\n", op, pipeline, s.Name,
					median(rates), slices.Min(rates), slices.Max(rates), median(ratios(rows, first)),
					median(column(rows, func(m measurement) float64 { return float64(m.P50) / 1000 })),
					median(column(rows, func(m measurement) float64 { return float64(m.P99) / 1000 })),
					median(column(rows, func(m measurement) float64 { return float64(m.P999) / 1000 })),
					median(column(rows, func(m measurement) float64 { return float64(m.ServerCPU) })),
					median(column(rows, func(m measurement) float64 { return float64(m.ClientCPU) })))
			}
		}
	}
	t.Flush()
	for _, m := range r.all {
		late := m.Pending > m.Conns // about one a connection is on its way at any moment
		if m.Failed+m.Missing+m.Moved > 0 || late {
			fmt.Fprintf(w, "%s %s P=%d, run %d: %d failed, %d missing, %d connections followed a leader, %d unanswered at the end %s\n",
				m.System, m.Op, m.Pipeline, m.Run, m.Failed, m.Missing, m.Moved, m.Pending, m.Error)
		}
	}
}

// rows lists the measurements of one line of the table, by run.
func (r *report) rows(name string, op load.Op, pipeline int) []measurement {
	var rows []measurement
	for _, m := range r.all {
		if m.System == name && m.Op == op && m.Pipeline == pipeline {
			rows = append(rows, m)
		}
	}
	return rows
}

func column(rows []measurement, of func(measurement) float64) []float64 {
	var values []float64
	for _, m := range rows {
		values = append(values, of(m))
	}
	return values
}

// ratios divides rates of the same run.
func ratios(rows, first []measurement) []float64 {
	var values []float64
	for i := range rows {
		values = append(values, rows[i].Rate/first[i].Rate)
	}
	return values
}

// median is the middle value, or the mean of the two in the middle.
func median(values []float64) float64 {
	sorted := slices.Sorted(slices.Values(values))
	n := len(sorted)
	if n == 0 {
		return 0
	}
	return (sorted[(n-1)/2] + sorted[n/2]) / 2
}
