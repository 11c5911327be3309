package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"sync"
	"text/tabwriter"
	"time"

	"github.com/holtcache/holt/tests/bench/load"
	"github.com/holtcache/holt/tests/bench/system"
)

// expiryRun is one system whose keys expired.
type expiryRun struct {
	System string `json:"system"`
	Run    int    `json:"run"`
	// Before and During are the same load before the expiry, and from that instant on.
	Before measurement `json:"before"`
	During measurement `json:"during"`
	// Gone is how long after the expiry the last key was deleted.
	Gone float64 `json:"gone_seconds"`
	// Small is before the keys that expire were written, Full with them, After when they are gone and some time passed.
	Small footprint `json:"small"`
	Full  footprint `json:"full"`
	After footprint `json:"after"`
}

type expiryPlan struct {
	keys, writersKeys, nodes int
	span, warmup, lead       seconds
	settle                   seconds
	rate                     float64
	fsync                    string
	only                     choice
}

// expiry asks whether writers notice that a million keys expire in the same second, and whether their memory comes back.
func expiry(f *flag.FlagSet) func(context.Context, *bench) error {
	p := &expiryPlan{}
	f.IntVar(&p.keys, "keys", 1_000_000, "keys that expire")
	f.IntVar(&p.writersKeys, "writers-keys", 100_000, "keys that are written meanwhile")
	f.IntVar(&p.nodes, "nodes", 3, "nodes of Holt; Redis has as many instances")
	f.Float64Var(&p.rate, "rate", 5000, "writes a second that arrive, answered or not")
	f.StringVar(&p.fsync, "appendfsync", "always", "policy of both systems")
	f.Var(&p.only, "only", "systems to measure, separated by commas: holt, redis; empty takes all")
	p.span.flag(f, "seconds", 10, "how long each measurement takes")
	p.warmup.flag(f, "warmup", 2, "seconds of load before each measurement")
	p.lead.flag(f, "lead", 60, "seconds from the first key written to the expiry of all")
	p.settle.flag(f, "settle", 10, "seconds that the servers are left alone after the last key is gone")
	return func(ctx context.Context, b *bench) error { return p.run(ctx, b) }
}

func (p *expiryPlan) run(ctx context.Context, b *bench) error {
	if p.rate <= 0 {
		return fmt.Errorf("-rate=%v: use more than 0", p.rate)
	}
	systems, err := pair(ctx, b, p.only, system.HoltConfig{Nodes: p.nodes, Fsync: p.fsync, Env: []string{gctrace}}, p.fsync, p.nodes-1)
	if err != nil {
		return err
	}
	var rows []expiryRun
	for run := 1; run <= b.runs; run++ {
		for _, s := range systems {
			row := expiryRun{System: s.Name, Run: run}
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
	p.table(b, rows)
	return nil
}

func (p *expiryPlan) measure(ctx context.Context, running *system.Running, row *expiryRun) (err error) {
	writers := load.Spec{
		Op: load.OpSet, Conns: 50, Pipeline: 16, ValueBytes: 64, Keys: p.writersKeys, Rate: p.rate,
		Warmup: p.warmup.Duration(), Window: p.span.Duration(),
	}
	if err := fill(ctx, running, writers); err != nil {
		return err
	}
	if row.Small, err = takeFootprint(ctx, running); err != nil {
		return err
	}
	at := time.Now().Add(p.lead.Duration()).Truncate(time.Second)
	expiring := load.Spec{Conns: 1, Pipeline: 1, ValueBytes: 64, Keys: p.keys, Prefix: "exp:", Options: []string{"PXAT", fmt.Sprint(at.UnixMilli())}}
	if err := fill(ctx, running, expiring); err != nil {
		return err
	}
	if row.Full, err = takeFootprint(ctx, running); err != nil {
		return err
	}
	if left, need := time.Until(at), 2*writers.Warmup+writers.Window; left < need {
		return fmt.Errorf("-lead=%v: writing the keys left %v before they expire, and %v are needed: use more", p.lead, left, need)
	}
	if row.Before, err = measure(ctx, running, writers); err != nil {
		return err
	}
	if err := wait(ctx, time.Until(at)-writers.Warmup); err != nil {
		return err
	}
	if err := p.during(ctx, running, writers, at, row); err != nil {
		return err
	}
	if err := wait(ctx, p.settle.Duration()); err != nil {
		return err
	}
	row.After, err = takeFootprint(ctx, running)
	return err
}

// during keeps the writers going while the keys go.
func (p *expiryPlan) during(ctx context.Context, running *system.Running, writers load.Spec, at time.Time, row *expiryRun) error {
	var wg sync.WaitGroup
	var gone error
	wg.Go(func() {
		if gone = wait(ctx, time.Until(at)); gone == nil {
			gone = p.awaitGone(ctx, running)
			row.Gone = time.Since(at).Seconds()
		}
	})
	var err error
	row.During, err = measure(ctx, running, writers)
	wg.Wait()
	return errors.Join(err, gone)
}

// awaitGone returns when only the keys of the writers are left. Active expiry deletes what nobody asks for.
func (p *expiryPlan) awaitGone(ctx context.Context, running *system.Running) error {
	ctx, cancel := context.WithTimeout(ctx, measureMax)
	defer cancel()
	for {
		keys, err := running.Keys(ctx)
		if err != nil {
			return err
		}
		if keys <= int64(p.writersKeys) {
			return nil
		}
		if err := wait(ctx, 100*time.Millisecond); err != nil {
			return fmt.Errorf("%d keys are left: %w", keys, err)
		}
	}
}

func (p *expiryPlan) table(b *bench, rows []expiryRun) {
	fmt.Fprintf(b.w, "%d keys that expire at the same instant; appendfsync %s; %.0f writes a second of 64 bytes to %d other keys, %v s before and %v s from that instant on\n", p.keys, p.fsync, p.rate, p.writersKeys, p.span, p.span)
	fmt.Fprintf(b.w, "Writers' latencies in ms, memory of all processes in MB: before the keys were written > with them > when they are gone. Each row is one run.\n\n")
	t := tabwriter.NewWriter(b.w, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintf(t, "system\twhen\twrites/s\tp50\tp99\tp99.9\tmax\tunanswered\tgone after s\tused_memory\tresident\t\n")
	const mb = 1 << 20
	for _, r := range rows {
		for _, one := range []struct {
			when string
			m    measurement
			rest string
		}{{"before", r.Before, "\t\t"}, {"during", r.During, fmt.Sprintf("%.1f\t%d > %d > %d\t%d > %d > %d", r.Gone,
			r.Small.Used/mb, r.Full.Used/mb, r.After.Used/mb, r.Small.Resident/mb, r.Full.Resident/mb, r.After.Resident/mb)}} {
			m := one.m
			fmt.Fprintf(t, "%s\t%s\t%.0f\t%.2f\t%.2f\t%.2f\t%.2f\t%d\t%s\t\n", r.System, one.when, m.Rate, m.P50/1000, m.P99/1000, m.P999/1000, m.Max/1000, m.Pending, one.rest)
		}
	}
	t.Flush()
	for _, r := range rows {
		for _, m := range []measurement{r.Before, r.During} {
			if trouble := m.trouble(); trouble != "" {
				fmt.Fprintf(b.w, "%s, run %d: %s\n", r.System, r.Run, trouble)
			}
		}
	}
}
