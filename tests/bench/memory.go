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

// footprint is what a process holds at one moment.
type footprint struct {
	Resident int64 `json:"resident_bytes"`
	Used     int64 `json:"used_memory"`
	Heap     int64 `json:"go_heap_bytes,omitempty"` // live after the last garbage collection; of Holt only
}

// memoryRun is one server filled once.
type memoryRun struct {
	System string `json:"system"`
	Run    int    `json:"run"`
	Keys   int    `json:"keys"`
	TTL    bool   `json:"ttl"`
	// Empty is before any write, Warm after writes to a thousand keys, so that buffers have their size; Full with all
	// keys, right after they were written; Settled some time later. Overwritten follows ten passes with new sizes, perhaps in
	// the middle of a snapshot, which keeps what is overwritten; AtRest comes some time after that.
	Empty       footprint  `json:"empty"`
	Warm        footprint  `json:"warm"`
	Full        footprint  `json:"full"`
	Settled     footprint  `json:"settled"`
	Overwritten *footprint `json:"overwritten,omitempty"`
	AtRest      *footprint `json:"at_rest,omitempty"`
}

type memoryPlan struct {
	keys, valueBytes, passes int
	settle                   seconds
	only                     choice
}

// memory asks how many bytes of the machine's memory a key costs in a server process.
//
// The sketch: the design's targets are 110 bytes a key with 16 bytes of key and 64 of value, and 118 with a TTL, where
// Redis 7.0 has a robj, an sds for each of both, a table entry and their rounding up: 168 and 208.
func memory(f *flag.FlagSet) func(context.Context, *bench) error {
	p := &memoryPlan{settle: 10}
	f.IntVar(&p.keys, "keys", 2_000_000, "how many keys there are")
	f.IntVar(&p.valueBytes, "value-bytes", 64, "size of a value; overwriting takes 32 to 256 bytes")
	f.IntVar(&p.passes, "passes", 10, "how often each key is overwritten; 0 leaves that out")
	f.Var(&p.only, "only", "systems to measure, separated by commas: holt, redis; empty takes all")
	p.settle.flag(f, "settle", 10, "seconds that a filled server is left alone before it is measured again")
	return func(ctx context.Context, b *bench) error { return p.run(ctx, b) }
}

func (p *memoryPlan) run(ctx context.Context, b *bench) error {
	// Memory does not depend on when a log is synced, filling does.
	c := system.HoltConfig{Nodes: 1, Shards: 1, Fsync: "no", Env: []string{gctrace}}
	systems, err := pair(ctx, b, p.only, c, "", 0)
	if err != nil {
		return err
	}
	var rows []memoryRun
	for run := 1; run <= b.runs; run++ {
		for _, ttl := range []bool{false, true} {
			for _, s := range systems {
				row := memoryRun{System: s.Name, Run: run, Keys: p.keys, TTL: ttl}
				err := b.with(ctx, s, func(running *system.Running) error { return p.measure(ctx, running, &row) })
				if err == nil {
					err = b.keep(row)
				}
				if err != nil {
					return err
				}
				rows = append(rows, row)
			}
		}
	}
	p.table(b, systems, rows)
	return nil
}

func (p *memoryPlan) measure(ctx context.Context, running *system.Running, row *memoryRun) (err error) {
	s := load.Spec{Keys: p.keys, ValueBytes: p.valueBytes, Conns: 1, Pipeline: 1}
	if row.TTL {
		s.Options = []string{"EX", "1000000"}
	}
	if row.Empty, err = takeFootprint(ctx, running); err != nil {
		return err
	}
	if row.Warm, err = p.warm(ctx, running, s); err != nil {
		return err
	}
	if err := fill(ctx, running, s); err != nil {
		return err
	}
	if row.Full, err = p.warm(ctx, running, s); err != nil {
		return err
	}
	if err := wait(ctx, p.settle.Duration()); err != nil {
		return err
	}
	if row.Settled, err = takeFootprint(ctx, running); err != nil || p.passes == 0 {
		return err
	}
	s.Passes, s.ValueBytes, s.ValueBytesMax = p.passes, 32, 256
	if err := fill(ctx, running, s); err != nil {
		return err
	}
	after, err := p.warm(ctx, running, s)
	row.Overwritten = &after
	if err == nil {
		err = wait(ctx, p.settle.Duration())
	}
	if err != nil {
		return err
	}
	rest, err := takeFootprint(ctx, running)
	row.AtRest = &rest
	return err
}

// warmWrites of 256 bytes are enough for the buffers of a server to have their size, the 64 MiB of recent log entries that
// Holt keeps among them, and for some garbage collections.
const warmWrites = 400_000

// warm overwrites the first thousand keys, and looks then: what a load takes beside its keys is the same each time.
func (p *memoryPlan) warm(ctx context.Context, running *system.Running, s load.Spec) (footprint, error) {
	s.Keys, s.ValueBytes, s.ValueBytesMax = 1000, 256, 0
	s.Passes = warmWrites / s.Keys
	if err := fill(ctx, running, s); err != nil {
		return footprint{}, err
	}
	return takeFootprint(ctx, running)
}

func takeFootprint(ctx context.Context, running *system.Running) (f footprint, err error) {
	if f.Resident, err = running.ResidentBytes(); err != nil {
		return f, err
	}
	if f.Used, err = running.Info(ctx, "memory", "used_memory"); err != nil {
		return f, err
	}
	for _, log := range running.Logs {
		cycles, _, err := readCycles(log, 0)
		if err != nil {
			return f, err
		}
		if n := len(cycles); n > 0 {
			f.Heap += cycles[n-1].live
		}
	}
	return f, nil
}

func wait(ctx context.Context, d time.Duration) error {
	select {
	case <-time.After(d):
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

func (p *memoryPlan) table(b *bench, systems []system.System, rows []memoryRun) {
	fmt.Fprintf(b.w, "one server; %d keys of 16 bytes, values of %d; bytes a key by growth since the server had buffers (from empty: since its start)\n", p.keys, p.valueBytes)
	fmt.Fprintf(b.w, "Targets: 110 resident bytes a key, 118 with TTL; Go heap under 5. After %d passes of overwriting with 32 to 256 bytes, resident is at most 1.25 x used_memory.\n\n", p.passes)
	t := tabwriter.NewWriter(b.w, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintf(t, "system\tTTL\tresident\tfrom empty\tsettled\tused_memory\tGo heap\tMB at start\tMB warm\tMB full\tMB overwritten\tresident/used\tgrowth/used\tat rest\t\n")
	for _, s := range systems {
		for _, ttl := range []bool{false, true} {
			var of []memoryRun
			for _, r := range rows {
				if r.System == s.Name && r.TTL == ttl {
					of = append(of, r)
				}
			}
			p.row(t, of)
		}
	}
	t.Flush()
}

func (p *memoryPlan) row(t *tabwriter.Writer, rows []memoryRun) {
	keys := float64(p.keys)
	of := func(figure func(memoryRun) float64) float64 { return median(column(rows, figure)) }
	const mb = 1 << 20
	heap := "-"
	if rows[0].Full.Heap > 0 {
		heap = fmt.Sprintf("%.1f", of(func(r memoryRun) float64 { return float64(r.Full.Heap-r.Warm.Heap) / keys }))
	}
	over := "-\t-\t-\t-"
	if rows[0].Overwritten != nil {
		over = fmt.Sprintf("%.0f\t%.2f\t%.2f\t%.2f", of(func(r memoryRun) float64 { return float64(r.Overwritten.Resident) / mb }),
			of(func(r memoryRun) float64 { return float64(r.Overwritten.Resident) / float64(r.Overwritten.Used) }),
			of(func(r memoryRun) float64 {
				return float64(r.Overwritten.Resident-r.Warm.Resident) / float64(r.Overwritten.Used-r.Warm.Used)
			}), of(func(r memoryRun) float64 { return float64(r.AtRest.Resident) / float64(r.AtRest.Used) }))
	}
	fmt.Fprintf(t, "%s\t%v\t%.1f\t%.1f\t%.1f\t%.1f\t%s\t%.0f\t%.0f\t%.0f\t%s\t\n", rows[0].System, rows[0].TTL,
		of(func(r memoryRun) float64 { return float64(r.Full.Resident-r.Warm.Resident) / keys }),
		of(func(r memoryRun) float64 { return float64(r.Full.Resident-r.Empty.Resident) / keys }),
		of(func(r memoryRun) float64 { return float64(r.Settled.Resident-r.Warm.Resident) / keys }),
		of(func(r memoryRun) float64 { return float64(r.Full.Used-r.Warm.Used) / keys }), heap,
		of(func(r memoryRun) float64 { return float64(r.Empty.Resident) / mb }), of(func(r memoryRun) float64 { return float64(r.Warm.Resident) / mb }),
		of(func(r memoryRun) float64 { return float64(r.Full.Resident) / mb }), over)
}
