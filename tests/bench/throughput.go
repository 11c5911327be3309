package main

import (
	"context"
	"flag"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/holtcache/holt/tests/bench/load"
	"github.com/holtcache/holt/tests/bench/system"
)

// throughputPlan is what the flags ask for.
type throughputPlan struct {
	Only      choice
	Policies  choice
	Ops       choice
	Acks      choice
	Pipelines numbers // Redis' word for requests that a connection sends before it waits
	InFlight  numbers // of etcd: the same, each a call of its own

	Seconds, Warmup         seconds
	Conns, ValueBytes, Keys int
	Rate                    float64
	ReadMode                string
	Nodes, Replicas, Shards int
}

// throughput asks how many writes and reads a second three nodes serve, at which latency and cost, beside Redis with as
// many replicas and the same policy of fsync, and beside etcd, which fsyncs always.
//
// The sketch, on two processors that servers and load generator share: unpipelined, a request and its reply on loopback
// are 8 us for each side; a batch of writes is 60 to 80 us of Raft for three replicas and three fdatasyncs of 0.15 ms,
// of which two are on its way. 50 connections that wait fill a batch with 20 to 50 writes: 25,000 to 40,000 writes/s.
// With 16 in a pipeline batches grow, and the store, the log and the encoding on three nodes count: 8 us a write.
// etcd spends about 100 us a put on gRPC, its own Raft and bbolt on three members.
func throughput(f *flag.FlagSet) func(context.Context, *bench) error {
	p := &throughputPlan{Policies: choice{"always", "everysec", "no"}, Ops: choice{"set", "get"}, Acks: choice{"majority", "async"}, Pipelines: numbers{1, 16}, InFlight: numbers{1, 2, 4, 8, 16}}
	f.Var(&p.Only, "only", "systems to measure, separated by commas: holt, redis, etcd; empty takes all")
	f.Var(&p.Policies, "appendfsync", "policies of Holt and Redis: always, everysec, no")
	f.Var(&p.Ops, "ops", "what to send: set, get")
	f.Var(&p.Acks, "ack", "when Holt acknowledges a write: majority, async")
	f.Var(&p.Pipelines, "pipeline", "requests that a connection to Holt or Redis sends before it waits")
	f.Var(&p.InFlight, "in-flight", "requests of a connection to etcd that are on their way at once")
	p.Seconds.flag(f, "seconds", 3, "how long each measurement takes")
	p.Warmup.flag(f, "warmup", 1, "seconds of load before each measurement")
	f.IntVar(&p.Conns, "conns", 50, "connections")
	f.IntVar(&p.ValueBytes, "value-bytes", 64, "size of a value")
	f.IntVar(&p.Keys, "keys", 100_000, "how many keys there are")
	f.Float64Var(&p.Rate, "rate", 0, "requests a second that arrive whether or not earlier ones are answered; 0 sends when answered")
	f.StringVar(&p.ReadMode, "read-mode", "lease", "how Holt reads: lease, index")
	f.IntVar(&p.Nodes, "nodes", 3, "nodes of Holt")
	f.IntVar(&p.Replicas, "replicas", 0, "replicas of each shard of Holt, see holt dev")
	f.IntVar(&p.Shards, "shards", 0, "shards of Holt, see holt dev")
	return func(ctx context.Context, b *bench) error {
		if err := p.check(); err != nil {
			return err
		}
		return p.run(ctx, b)
	}
}

func (p *throughputPlan) check() error {
	switch {
	case p.Seconds.Duration() < 100*time.Millisecond || p.Seconds > 3600:
		return fmt.Errorf("-seconds=%v: use 0.1 to 3600", p.Seconds)
	case p.Warmup < 0 || p.Warmup > 3600:
		return fmt.Errorf("-warmup=%v: use 0 to 3600", p.Warmup)
	case p.Conns < 1 || p.Conns > 10_000:
		return fmt.Errorf("-conns=%d: use 1 to 10000", p.Conns)
	case p.Keys < 1000:
		return fmt.Errorf("-keys=%d: use at least 1000, so that every leader has some", p.Keys)
	case p.ValueBytes < 1 || p.ValueBytes > 1<<20:
		return fmt.Errorf("-value-bytes=%d: use 1 to %d", p.ValueBytes, 1<<20)
	case p.Rate < 0:
		return fmt.Errorf("-rate=%v: use 0 or more", p.Rate)
	case p.ReadMode != "lease" && p.ReadMode != "index":
		return fmt.Errorf("-read-mode=%s: use lease or index", p.ReadMode)
	}
	for _, n := range slices.Concat(p.Pipelines, p.InFlight) {
		if n > 1000 {
			return fmt.Errorf("-pipeline=%v -in-flight=%v: use 1 to 1000", p.Pipelines, p.InFlight)
		}
	}
	for flag, c := range map[string]struct{ got, of choice }{
		"only": {p.Only, choice{"holt", "redis", "etcd"}}, "appendfsync": {p.Policies, choice{"always", "everysec", "no"}},
		"ops": {p.Ops, choice{"set", "get"}}, "ack": {p.Acks, choice{"majority", "async"}},
	} {
		for _, word := range c.got {
			if !slices.Contains(c.of, word) {
				return fmt.Errorf("-%s=%s: use %s", flag, c.got, c.of)
			}
		}
	}
	return nil
}

func (p *throughputPlan) wanted(kind string) bool {
	return len(p.Only) == 0 || slices.Contains(p.Only, kind)
}

func (p *throughputPlan) ops() (ops []load.Op) {
	for _, op := range p.Ops {
		ops = append(ops, load.Op(strings.ToUpper(op)))
	}
	return ops
}

func (p *throughputPlan) spec() load.Spec {
	return load.Spec{
		Op: load.OpSet, Conns: p.Conns, Pipeline: 1, ValueBytes: p.ValueBytes, Keys: p.Keys,
		Warmup: p.Warmup.Duration(), Window: p.Seconds.Duration(), Rate: p.Rate,
	}
}

// run lets the contenders take turns, the other way round every second time.
func (p *throughputPlan) run(ctx context.Context, b *bench) error {
	all, err := p.contenders(ctx, b)
	if err != nil {
		return err
	}
	r := &throughputReport{plan: p, contenders: all}
	r.head(b)
	for run := 1; run <= b.runs; run++ {
		order := slices.Clone(all)
		if run%2 == 0 {
			slices.Reverse(order)
		}
		for _, c := range order {
			err := b.with(ctx, c.system, func(running *system.Running) error {
				found, err := c.measure(ctx, running, p.spec())
				for _, m := range found {
					m.Run = run
					r.add(m)
					if err := b.keep(m); err != nil {
						return err
					}
				}
				return err
			})
			if err != nil {
				return err
			}
		}
	}
	r.table(b.w)
	return nil
}
