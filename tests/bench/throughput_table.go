package main

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/holtcache/holt/tests/bench/load"
)

// throughputReport turns measurements into a table.
type throughputReport struct {
	plan       *throughputPlan
	contenders []contender
	all        []measurement
}

func (r *throughputReport) add(m measurement) { r.all = append(r.all, m) }

// head says what is measured.
func (r *throughputReport) head(b *bench) {
	p := r.plan
	how := "each sends when answered"
	if p.Rate > 0 {
		how = fmt.Sprintf("%.0f requests a second arrive, answered or not", p.Rate)
	}
	fmt.Fprintf(b.w, "%d connections, %s; values of %d bytes, %d keys at random; %v s after %v s of warm-up; runs: %d\n", p.Conns, how, p.ValueBytes, p.Keys, p.Seconds, p.Warmup, b.runs)
	for _, c := range r.contenders {
		fmt.Fprintf(b.w, "  %s: %s\n", c.system.Name, c.system.Promise)
	}
	fmt.Fprintf(b.w, "  holt: reads in mode %s; async acknowledges a write in the leader's log\n", p.ReadMode)
}

// table writes medians over the runs.
func (r *throughputReport) table(w io.Writer) {
	fmt.Fprintf(w, "\nMedians over the runs. P: requests of a connection that wait for their replies at once. holt/it: Holt's rate with the same policy, ack majority and the same P, divided by this one's, within each run.\n")
	fmt.Fprintf(w, "CPU: time of all server processes for one request in us; client: that of the load generator.\n\n")
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintf(t, "op\tP\tsystem\treq/s\tslowest\tfastest\tholt/it\tp50 ms\tp99 ms\tp99.9 ms\tCPU\tclient\t\n")
	for _, op := range r.plan.ops() {
		for _, pipeline := range r.pipelines() {
			for _, c := range r.contenders {
				holt := r.rates("holt-"+c.policy, op, pipeline)
				for _, l := range c.loads {
					row(t, l.name, fmt.Sprint(pipeline), r.rows(l.name, op, pipeline), holt)
				}
			}
		}
		r.bestRow(t, op)
	}
	t.Flush()
	r.troubles(w)
}

// bestRow compares Holt's longest pipeline with etcd at whatever number of requests in flight it is fastest.
func (r *throughputReport) bestRow(t io.Writer, op load.Op) {
	best := slices.MaxFunc(r.plan.InFlight, func(a, b int) int {
		return int(median(r.rates("etcd", op, a)) - median(r.rates("etcd", op, b)))
	})
	row(t, "etcd's best", fmt.Sprintf("%d", best), r.rows("etcd", op, best), r.rates("holt-always", op, slices.Max(r.plan.Pipelines)))
}

func row(t io.Writer, name, pipeline string, rows []measurement, holt []float64) {
	if len(rows) == 0 {
		return
	}
	rates := column(rows, func(m measurement) float64 { return m.Rate })
	ratio := "-"
	if len(holt) > 0 {
		ratio = fmt.Sprintf("%.2f", median(ratios(holt, rates)))
	}
	millis := func(of func(measurement) micros) float64 {
		return median(column(rows, func(m measurement) float64 { return float64(of(m)) / 1000 }))
	}
	fmt.Fprintf(t, "%s\t%s\t%s\t%.0f\t%.0f\t%.0f\t%s\t%.2f\t%.2f\t%.2f\t%.1f\t%.1f\t\n", rows[0].Op, pipeline, name,
		median(rates), slices.Min(rates), slices.Max(rates), ratio,
		millis(func(m measurement) micros { return m.P50 }), millis(func(m measurement) micros { return m.P99 }), millis(func(m measurement) micros { return m.P999 }),
		median(column(rows, func(m measurement) float64 { return float64(m.ServerCPU) })),
		median(column(rows, func(m measurement) float64 { return float64(m.ClientCPU) })))
}

// troubles tells of what makes a figure doubtful.
func (r *throughputReport) troubles(w io.Writer) {
	for _, m := range r.all {
		if t := m.trouble(); t != "" {
			fmt.Fprintf(w, "%s %s P=%d, run %d: %s\n", m.System, m.Op, m.Pipeline, m.Run, t)
		}
	}
}

// trouble is what went wrong, "" if nothing did.
func (m *measurement) trouble() string {
	late := m.Pending > m.Conns // about one a connection is on its way at any moment
	if m.Failed+m.Missing+m.Moved == 0 && !late {
		return ""
	}
	return strings.TrimSpace(fmt.Sprintf("%d failed, %d missing, %d connections followed a leader, %d unanswered at the end %s", m.Failed, m.Missing, m.Moved, m.Pending, m.Error))
}

// rows lists the measurements of one line of the table, by run.
func (r *throughputReport) rows(name string, op load.Op, pipeline int) []measurement {
	var rows []measurement
	for _, m := range r.all {
		if m.System == name && m.Op == op && m.Pipeline == pipeline {
			rows = append(rows, m)
		}
	}
	return rows
}

func (r *throughputReport) rates(name string, op load.Op, pipeline int) []float64 {
	return column(r.rows(name, op, pipeline), func(m measurement) float64 { return m.Rate })
}

// pipelines lists the sections of the table.
func (r *throughputReport) pipelines() []int {
	return slices.Compact(slices.Sorted(slices.Values(slices.Concat(r.plan.Pipelines, r.plan.InFlight))))
}
