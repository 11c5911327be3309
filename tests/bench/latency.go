package main

import (
	"context"
	"flag"
	"fmt"
	"text/tabwriter"
	"time"

	"github.com/holtcache/holt/tests/bench/load"
	"github.com/holtcache/holt/tests/bench/system"
)

// latencySlack is what a write may take beside three fdatasyncs.
const latencySlack = 300 * time.Microsecond

// latencyRun is one run: the disk first, then the writes, then the disk again.
type latencyRun struct {
	Fdatasync micros      `json:"fdatasync_p50_us"`
	Set       measurement `json:"set"`
	Target    micros      `json:"target_us"` // three fdatasyncs and latencySlack
}

// latency asks how long one connection waits for a write that a majority of three nodes has fsynced.
//
// The sketch: the leader's fdatasync and then, at the same time, its followers', so two on the way; four hops over
// loopback between client, leader and follower at 30 to 50 us each. The third fdatasync is for followers that share the
// disk.
func latency(f *flag.FlagSet) func(context.Context, *bench) error {
	var span, warmup seconds
	span.flag(f, "seconds", 5, "how long each measurement takes")
	warmup.flag(f, "warmup", 1, "seconds of load before each measurement")
	nodes := f.Int("nodes", 3, "nodes of Holt")
	return func(ctx context.Context, b *bench) error {
		s, err := b.holt(ctx, "holt-always", system.HoltConfig{Nodes: *nodes, Fsync: "always"})
		if err != nil {
			return err
		}
		var rows []latencyRun
		err = b.with(ctx, s, func(running *system.Running) error {
			spec := load.Spec{Op: load.OpSet, Conns: 1, Pipeline: 1, ValueBytes: 64, Keys: 10_000, Warmup: warmup.Duration(), Window: span.Duration()}
			if err := fill(ctx, running, spec); err != nil {
				return err
			}
			for range b.runs {
				row, err := latencyOnce(ctx, b, running, spec)
				if err != nil {
					return err
				}
				row.Set.System, row.Set.Run = s.Name, len(rows)+1
				rows = append(rows, row)
				if err := b.keep(row); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			return err
		}
		latencyTable(b, rows)
		return nil
	}
}

func latencyOnce(ctx context.Context, b *bench, running *system.Running, s load.Spec) (latencyRun, error) {
	before, err := fdatasync(b.dir)
	if err != nil {
		return latencyRun{}, err
	}
	m, err := measure(ctx, running, s)
	if err != nil {
		return latencyRun{}, err
	}
	after, err := fdatasync(b.dir)
	if err != nil {
		return latencyRun{}, err
	}
	synced := (before + after) / 2
	return latencyRun{toMicros(synced), m, toMicros(3*synced + latencySlack)}, nil
}

func latencyTable(b *bench, rows []latencyRun) {
	fmt.Fprintf(b.w, "one connection, SET of 64 bytes, one after another, appendfsync always, majority\n")
	fmt.Fprintf(b.w, "The target is three medians of fdatasync of the same run and %v.\n\n", latencySlack)
	t := tabwriter.NewWriter(b.w, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintf(t, "run\tfdatasync us\ttarget us\tSET p50 us\tp99 us\tp99.9 us\tSET/target\twrites/s\tCPU us\t\n")
	line := func(name string, of func(func(latencyRun) float64) float64) {
		fmt.Fprintf(t, "%s\t%.0f\t%.0f\t%.0f\t%.0f\t%.0f\t%.2f\t%.0f\t%.0f\t\n", name,
			of(func(r latencyRun) float64 { return float64(r.Fdatasync) }), of(func(r latencyRun) float64 { return float64(r.Target) }),
			of(func(r latencyRun) float64 { return float64(r.Set.P50) }), of(func(r latencyRun) float64 { return float64(r.Set.P99) }),
			of(func(r latencyRun) float64 { return float64(r.Set.P999) }), of(func(r latencyRun) float64 { return float64(r.Set.P50 / r.Target) }),
			of(func(r latencyRun) float64 { return r.Set.Rate }), of(func(r latencyRun) float64 { return float64(r.Set.ServerCPU) }))
	}
	for i, r := range rows {
		line(fmt.Sprint(i+1), func(figure func(latencyRun) float64) float64 { return figure(r) })
	}
	line("median", func(figure func(latencyRun) float64) float64 { return median(column(rows, figure)) })
	t.Flush()
}
