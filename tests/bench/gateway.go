package main

import (
	"context"
	"flag"
	"fmt"
	"strings"
	"text/tabwriter"

	"github.com/holtcache/holt/tests/bench/load"
	"github.com/holtcache/holt/tests/bench/system"
)

// What a gateway has to keep of the throughput of clients that go to the leaders themselves, and what it may make of their p99.
const (
	gatewayShareAlone     = 0.4 // at a pipeline of 1
	gatewaySharePipelined = 0.6 // at one of 16
	gatewayP99            = 2.5
)

// gatewayRow is one load, sent to the leaders directly and through a gateway, one right behind the other.
type gatewayRow struct {
	Direct  measurement `json:"direct"`
	Gateway measurement `json:"gateway"`
}

// throughGateway asks what the hop through a gateway costs.
//
// The sketch: unpipelined, a request and its reply on loopback take 8 us of the server. A gateway takes and gives one more of
// each; towards the leaders it shares few connections among all clients, so that those see pipelines. That makes 8 us more for a
// request that took 16 with its client: two thirds of the throughput, less what passing it on costs. With 16 in a pipeline all
// parts of a request cost less, and those of the executor stay.
func throughGateway(f *flag.FlagSet) func(context.Context, *bench) error {
	ops, pipelines := choice{"set", "get"}, numbers{1, 16}
	var span, warmup seconds
	f.Var(&ops, "ops", "what to send: set, get")
	f.Var(&pipelines, "pipeline", "requests that a connection sends before it waits")
	span.flag(f, "seconds", 3, "how long each measurement takes")
	warmup.flag(f, "warmup", 1, "seconds of load before each measurement")
	conns := f.Int("conns", 50, "connections")
	fsync := f.String("appendfsync", "always", "policy of the nodes: always, everysec, no")
	return func(ctx context.Context, b *bench) error {
		s, err := b.holt(ctx, "holt-"+*fsync, system.HoltConfig{Nodes: 3, Fsync: *fsync})
		if err != nil {
			return err
		}
		var rows []gatewayRow
		spec := load.Spec{Op: load.OpSet, Conns: *conns, Pipeline: 1, ValueBytes: 64, Keys: 100_000, Warmup: warmup.Duration(), Window: span.Duration()}
		err = b.with(ctx, s, func(direct *system.Running) error {
			gateway, err := direct.Gateway(ctx, b.program, b.dir)
			if err != nil {
				return err
			}
			defer func() { _ = gateway.Stop() }() // it keeps nothing
			if err := fill(ctx, direct, spec); err != nil {
				return err
			}
			for run := range b.runs {
				for _, op := range ops {
					for _, pipeline := range pipelines {
						spec.Op, spec.Pipeline = load.Op(strings.ToUpper(op)), pipeline
						row, err := throughBoth(ctx, direct, gateway, spec, run+1)
						if err != nil {
							return err
						}
						rows = append(rows, row)
						if err := b.keep(row); err != nil {
							return err
						}
					}
				}
			}
			return nil
		})
		if err != nil {
			return err
		}
		gatewayTable(b, rows, ops, pipelines)
		return nil
	}
}

// throughBoth sends a load both ways, the other way round every second run.
func throughBoth(ctx context.Context, direct, gateway *system.Running, s load.Spec, run int) (row gatewayRow, err error) {
	turns := []func() error{
		func() (err error) { row.Direct, err = measure(ctx, direct, s); return err },
		func() (err error) { row.Gateway, err = measure(ctx, gateway, s); return err },
	}
	for i := range turns {
		if err := turns[(i+run)%2](); err != nil {
			return row, err
		}
	}
	row.Direct.System, row.Gateway.System = "direct", "gateway"
	row.Direct.Run, row.Gateway.Run = run, run
	return row, nil
}

func gatewayTable(b *bench, rows []gatewayRow, ops choice, pipelines numbers) {
	fmt.Fprintf(b.w, "Targets: %.1f of the direct throughput at a pipeline of 1, %.1f at 16; p99 below %.1f times the direct one. Medians of %d runs.\n\n", gatewayShareAlone, gatewaySharePipelined, gatewayP99, b.runs)
	t := tabwriter.NewWriter(b.w, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintf(t, "op\tpipeline\tdirect/s\tgateway/s\tgateway/direct\tdirect p99 us\tgateway p99 us\tp99 ratio\tdirect CPU us\tgateway CPU us\tfailed\t\n")
	for _, op := range ops {
		for _, pipeline := range pipelines {
			var these []gatewayRow
			failed := uint64(0)
			for _, r := range rows {
				if r.Direct.Op == load.Op(strings.ToUpper(op)) && r.Direct.Pipeline == pipeline {
					these = append(these, r)
					failed += r.Direct.Failed + r.Gateway.Failed
				}
			}
			of := func(figure func(gatewayRow) float64) float64 { return median(column(these, figure)) }
			fmt.Fprintf(t, "%s\t%d\t%.0f\t%.0f\t%.2f\t%.0f\t%.0f\t%.2f\t%.1f\t%.1f\t%d\t\n", strings.ToUpper(op), pipeline,
				of(func(r gatewayRow) float64 { return r.Direct.Rate }), of(func(r gatewayRow) float64 { return r.Gateway.Rate }),
				of(func(r gatewayRow) float64 { return r.Gateway.Rate / r.Direct.Rate }),
				of(func(r gatewayRow) float64 { return float64(r.Direct.P99) }), of(func(r gatewayRow) float64 { return float64(r.Gateway.P99) }),
				of(func(r gatewayRow) float64 { return float64(r.Gateway.P99 / r.Direct.P99) }),
				of(func(r gatewayRow) float64 { return float64(r.Direct.ServerCPU) }), of(func(r gatewayRow) float64 { return float64(r.Gateway.ServerCPU) }), failed)
		}
	}
	t.Flush()
}
