package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"slices"
	"text/tabwriter"
	"time"

	"github.com/holtcache/holt/tests/bench/load"
	"github.com/holtcache/holt/tests/bench/system"
)

// gcRun is one node under the load.
type gcRun struct {
	Keys   int         `json:"keys"`
	Run    int         `json:"run"`
	Set    measurement `json:"set"`
	Cycles int         `json:"cycles"`
	// Pauses are in the order in which they came.
	Pauses []micros `json:"pauses_us"`
	// CPUPercent is the part of one processor that collecting takes.
	CPUPercent float64 `json:"gc_cpu_percent"`
	// PerCycle is the CPU time of one collection.
	PerCycle micros `json:"gc_cpu_us_per_cycle"`
	LiveMB   int64  `json:"live_heap_mb"`
}

// collection asks whether garbage collection grows with the number of keys. It must not: keys live outside of the Go heap.
func collection(f *flag.FlagSet) func(context.Context, *bench) error {
	keys := numbers{100_000, 5_000_000}
	var span, warmup seconds
	f.Var(&keys, "keys", "numbers of keys to compare")
	rate := f.Float64("rate", 20_000, "writes a second that arrive, answered or not")
	span.flag(f, "seconds", 20, "how long each measurement takes")
	warmup.flag(f, "warmup", 3, "seconds of load before each measurement")
	fsync := f.String("appendfsync", "everysec", "policy of the node")
	return func(ctx context.Context, b *bench) error {
		if *rate <= 0 {
			return fmt.Errorf("-rate=%v: use more than 0", *rate)
		}
		s, err := b.holt(ctx, "holt", system.HoltConfig{Nodes: 1, Shards: 1, Fsync: *fsync, Env: []string{gctrace}})
		if err != nil {
			return err
		}
		var rows []gcRun
		for run := 1; run <= b.runs; run++ {
			for _, n := range keys {
				row := gcRun{Keys: n, Run: run}
				spec := load.Spec{Op: load.OpSet, Conns: 50, Pipeline: 16, ValueBytes: 64, Keys: n, Rate: *rate, Warmup: warmup.Duration(), Window: span.Duration()}
				err := b.with(ctx, s, func(running *system.Running) error { return row.measure(ctx, running, spec) })
				if err == nil {
					err = b.keep(row)
				}
				if err != nil {
					return err
				}
				rows = append(rows, row)
			}
		}
		fmt.Fprintf(b.w, "one node, appendfsync %s; %.0f writes a second of 64 bytes to keys at random, %v s after %v s of warm-up; runs: %d\n", *fsync, *rate, span, warmup, b.runs)
		gcTable(b, keys, rows)
		return nil
	}
}

func (r *gcRun) measure(ctx context.Context, running *system.Running, s load.Spec) error {
	if err := fill(ctx, running, s); err != nil {
		return err
	}
	var from int64
	var cycles []cycle
	var errs []error
	s.Edge = func() {
		var err error
		cycles, from, err = readCycles(running.Logs[0], from)
		errs = append(errs, err)
	}
	var err error
	if r.Set, err = measure(ctx, running, s); errors.Join(append(errs, err)...) != nil {
		return errors.Join(append(errs, err)...)
	}
	r.Cycles = len(cycles)
	var cpu time.Duration
	for _, c := range cycles {
		cpu += c.cpu
		for _, pause := range c.pauses {
			r.Pauses = append(r.Pauses, toMicros(pause))
		}
		r.LiveMB = c.live >> 20
	}
	if r.Cycles == 0 {
		return errors.New("no garbage collection within the window: use a longer one")
	}
	r.PerCycle = toMicros(cpu) / micros(r.Cycles)
	r.CPUPercent = 100 * cpu.Seconds() / r.Set.Seconds
	return nil
}

func gcTable(b *bench, keys []int, rows []gcRun) {
	fmt.Fprintf(b.w, "Target: neither pauses nor GC CPU grow with the keys. Medians over the runs, with lowest and highest.\n\n")
	t := tabwriter.NewWriter(b.w, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintf(t, "keys\twrites/s\tp99 ms\tcycles\tpause p50 us\tpause max us\tGC CPU %% of a processor\tCPU us a cycle\tlive heap MB\t\n")
	for _, n := range keys {
		var of []gcRun
		for _, r := range rows {
			if r.Keys == n {
				of = append(of, r)
			}
		}
		figure := func(format string, of func(gcRun) float64, rows []gcRun) string {
			return spread(format, column(rows, of))
		}
		fmt.Fprintf(t, "%d\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t\n", n,
			figure("%.0f", func(r gcRun) float64 { return r.Set.Rate }, of),
			figure("%.2f", func(r gcRun) float64 { return float64(r.Set.P99) / 1000 }, of),
			figure("%.0f", func(r gcRun) float64 { return float64(r.Cycles) }, of),
			figure("%.0f", func(r gcRun) float64 {
				return median(column(r.Pauses, func(p micros) float64 { return float64(p) }))
			}, of),
			figure("%.0f", func(r gcRun) float64 { return float64(slices.Max(r.Pauses)) }, of),
			figure("%.2f", func(r gcRun) float64 { return r.CPUPercent }, of),
			figure("%.0f", func(r gcRun) float64 { return float64(r.PerCycle) }, of),
			figure("%.0f", func(r gcRun) float64 { return float64(r.LiveMB) }, of))
	}
	t.Flush()
	for _, r := range rows {
		if trouble := r.Set.trouble(); trouble != "" {
			fmt.Fprintf(b.w, "%d keys, run %d: %s\n", r.Keys, r.Run, trouble)
		}
	}
}
