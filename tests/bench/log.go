package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"syscall"
	"text/tabwriter"
	"time"

	"github.com/holtcache/holt/shard/logstore"
	"github.com/holtcache/holt/tests/bench/load"
	"github.com/holtcache/holt/tests/bench/replicas"
	"github.com/holtcache/holt/tests/bench/system"
)

// Where writes come in.
const (
	atShard = "shard" // at the executors, replicas in this process
	atRESP  = "RESP"  // over sockets, three processes
	atRate  = "rate"  // at the executors, so many a second
)

// logRun is one log store, or one number of groups, under writes.
type logRun struct {
	At         string  `json:"at"`
	Run        int     `json:"run"`
	LogStore   string  `json:"log_store"`
	Nodes      int     `json:"nodes"`
	Groups     int     `json:"groups,omitempty"`
	Pipeline   int     `json:"pipeline"`
	Rate       float64 `json:"writes_per_second"`
	CPU        micros  `json:"cpu_us_per_write"` // of all nodes; at the shard with the clients
	SyncRate   float64 `json:"fsyncs_per_second,omitempty"`
	SyncsWrite float64 `json:"fsyncs_per_write,omitempty"`
}

type logPlan struct {
	only         choice
	span, warmup seconds
	clients      int
	pipelines    numbers
	rate         float64
	rateClients  int
	groups       numbers
}

// logStores asks what the shared write-ahead log gains over one raft-boltdb file for each group, with fsync always, and
// whether many groups on a node cost more fsyncs than one.
//
// The sketch: a bbolt commit is two fdatasyncs (pages, then the meta page) and a rewritten page; the write-ahead log
// needs one. On the way of a write are the leader's and then the followers', so 0.6 ms beside 0.3 ms with an fdatasync of
// 0.15 ms, for all writes that wait together.
func logStores(f *flag.FlagSet) func(context.Context, *bench) error {
	p := &logPlan{pipelines: numbers{1, 16}, groups: numbers{1, 16}}
	f.Var(&p.only, "only", "parts, separated by commas: shard (writes/s at the executors), RESP, rate (fsyncs at a fixed rate); empty takes all")
	p.span.flag(f, "seconds", 3, "how long each measurement takes")
	p.warmup.flag(f, "warmup", 1, "seconds of load before each measurement")
	f.IntVar(&p.clients, "conns", 50, "connections, or goroutines that write")
	f.Var(&p.pipelines, "pipeline", "writes that wait together")
	f.Float64Var(&p.rate, "rate", 5000, "writes a second of the part rate")
	f.IntVar(&p.rateClients, "rate-conns", 1000, "goroutines of the part rate: as many writes may wait before the rate falls")
	f.Var(&p.groups, "groups", "groups on a node to compare in the part rate")
	return func(ctx context.Context, b *bench) error { return p.run(ctx, b) }
}

func (p *logPlan) run(ctx context.Context, b *bench) error {
	for _, part := range p.only {
		if !slices.Contains([]string{atShard, atRESP, atRate}, part) {
			return fmt.Errorf("-only=%s: use shard, RESP, rate", p.only)
		}
	}
	if p.rate <= 0 || p.rateClients < slices.Max(p.groups) {
		return fmt.Errorf("-rate=%v -rate-conns=%d: use a rate above 0 and a goroutine for each of the groups", p.rate, p.rateClients)
	}
	var rows []logRun
	for run := 1; run <= b.runs; run++ {
		for _, part := range []struct {
			name    string
			measure func(context.Context, *bench) ([]logRun, error)
		}{{atShard, p.shard}, {atRESP, p.resp}, {atRate, p.fixedRate}} {
			if len(p.only) > 0 && !slices.Contains(p.only, part.name) {
				continue
			}
			found, err := part.measure(ctx, b)
			if err != nil {
				return fmt.Errorf("%s: %w", part.name, err)
			}
			for _, row := range found {
				row.At, row.Run = part.name, run
				rows = append(rows, row)
				if err := b.keep(row); err != nil {
					return err
				}
			}
		}
	}
	p.tables(b, rows)
	return nil
}

const logKeys = 100_000

var bothLogs = []replicas.LogStore{replicas.Bolt, replicas.WAL}

// shard measures at the executors of one shard with three replicas.
func (p *logPlan) shard(ctx context.Context, b *bench) (rows []logRun, err error) {
	for _, pipeline := range p.pipelines {
		for _, store := range bothLogs {
			l := replicas.Load{Clients: p.clients, Pipeline: pipeline, ValueBytes: 64, Keys: logKeys}
			row, err := p.inProcess(ctx, b, replicas.Config{Nodes: 3, Shards: 1, LogStore: store}, l)
			if err != nil {
				return nil, err
			}
			rows = append(rows, row)
		}
	}
	return rows, nil
}

// fixedRate compares fsyncs for one group on a node with those for many.
func (p *logPlan) fixedRate(ctx context.Context, b *bench) (rows []logRun, err error) {
	for _, nodes := range []int{1, 3} {
		for _, groups := range p.groups {
			l := replicas.Load{Clients: p.rateClients, Pipeline: 1, ValueBytes: 64, Keys: logKeys, Rate: p.rate}
			row, err := p.inProcess(ctx, b, replicas.Config{Nodes: nodes, Shards: groups, LogStore: replicas.WAL}, l)
			if err != nil {
				return nil, err
			}
			rows = append(rows, row)
		}
	}
	return rows, nil
}

func (p *logPlan) inProcess(ctx context.Context, b *bench, c replicas.Config, l replicas.Load) (logRun, error) {
	c.Dir, c.Sync = filepath.Join(b.dir, fmt.Sprint("replicas-", time.Now().UnixNano())), logstore.SyncAlways
	cluster, err := replicas.Open(ctx, c)
	if err != nil {
		return logRun{}, err
	}
	var syncs []uint64
	var cpu []time.Duration
	var at []time.Time
	l.Warmup, l.Window = p.warmup.Duration(), p.span.Duration()
	l.Edge = func() { syncs, cpu, at = append(syncs, cluster.Syncs()), append(cpu, ownCPU()), append(at, time.Now()) }
	done, err := cluster.Write(ctx, l)
	if err = errors.Join(err, cluster.Close(), os.RemoveAll(c.Dir)); err != nil {
		return logRun{}, err
	}
	if done == 0 {
		return logRun{}, fmt.Errorf("nothing was written within %v", l.Window)
	}
	n, span := float64(done), at[1].Sub(at[0]).Seconds()
	return logRun{
		LogStore: string(c.LogStore), Nodes: c.Nodes, Groups: c.Shards, Pipeline: l.Pipeline, Rate: n / span, CPU: toMicros(cpu[1]-cpu[0]) / micros(n),
		SyncRate: float64(syncs[1]-syncs[0]) / span, SyncsWrite: float64(syncs[1]-syncs[0]) / n,
	}, nil
}

// ownCPU is the CPU time of this process so far.
func ownCPU() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		panic(err) // there is no other reason than a wrong argument
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// resp measures three nodes over their sockets.
func (p *logPlan) resp(ctx context.Context, b *bench) (rows []logRun, err error) {
	for _, store := range bothLogs {
		s, err := b.holt(ctx, "holt-"+string(store), system.HoltConfig{Nodes: 3, Fsync: "always", LogStore: string(store)})
		if err != nil {
			return nil, err
		}
		err = b.with(ctx, s, func(running *system.Running) error {
			spec := load.Spec{Op: load.OpSet, Conns: p.clients, ValueBytes: 64, Keys: logKeys, Pipeline: 1, Warmup: p.warmup.Duration(), Window: p.span.Duration()}
			if err := fill(ctx, running, spec); err != nil {
				return err
			}
			for _, spec.Pipeline = range p.pipelines {
				m, err := measure(ctx, running, spec)
				if err != nil {
					return err
				}
				if trouble := m.trouble(); trouble != "" {
					fmt.Fprintf(b.w, "%s P=%d: %s\n", s.Name, m.Pipeline, trouble)
				}
				rows = append(rows, logRun{LogStore: string(store), Nodes: 3, Pipeline: m.Pipeline, Rate: m.Rate, CPU: m.ServerCPU})
			}
			return nil
		})
		if err != nil {
			return nil, err
		}
	}
	return rows, nil
}

func (p *logPlan) tables(b *bench, rows []logRun) {
	fmt.Fprintf(b.w, "appendfsync always, values of 64 bytes, %v s after %v s of warm-up; runs: %d; medians with lowest and highest\n", p.span, p.warmup, b.runs)
	t := tabwriter.NewWriter(b.w, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintf(t, "\nthree nodes, %d connections\t\t\t\t\t\t\nat\tP\tlog\twrites/s\twal/bolt\tCPU us\tfsyncs a write\t\n", p.clients)
	for _, at := range []string{atShard, atRESP} {
		for _, pipeline := range p.pipelines {
			rate := func(r logRun) float64 { return r.Rate }
			bolt := column(logRows(rows, func(r logRun) bool { return r.At == at && r.Pipeline == pipeline && r.LogStore == "bolt" }), rate)
			for _, store := range []string{"bolt", "wal"} {
				of := logRows(rows, func(r logRun) bool { return r.At == at && r.Pipeline == pipeline && r.LogStore == store })
				if len(of) == 0 {
					continue
				}
				syncs := "-" // of other processes
				if at == atShard {
					syncs = fmt.Sprintf("%.3f", median(column(of, func(r logRun) float64 { return r.SyncsWrite })))
				}
				fmt.Fprintf(t, "%s\t%d\t%s\t%s\t%s\t%.1f\t%s\t\n", at, pipeline, store, spread("%.0f", column(of, rate)), spread("%.2f", ratios(column(of, rate), bolt)),
					median(column(of, func(r logRun) float64 { return float64(r.CPU) })), syncs)
			}
		}
	}
	fmt.Fprintf(t, "\n%.0f writes a second\t\t\t\t\t\nnodes\tgroups\twrites/s\tfsyncs/s of all nodes\tx %d\tCPU us\t\n", p.rate, p.groups[0])
	for _, nodes := range []int{1, 3} {
		syncs := func(r logRun) float64 { return r.SyncRate }
		one := column(logRows(rows, func(r logRun) bool { return r.At == atRate && r.Nodes == nodes && r.Groups == p.groups[0] }), syncs)
		for _, groups := range p.groups {
			of := logRows(rows, func(r logRun) bool { return r.At == atRate && r.Nodes == nodes && r.Groups == groups })
			if len(of) == 0 {
				continue
			}
			fmt.Fprintf(t, "%d\t%d\t%s\t%s\t%s\t%.1f\t\n", nodes, groups, spread("%.0f", column(of, func(r logRun) float64 { return r.Rate })),
				spread("%.0f", column(of, syncs)), spread("%.2f", ratios(column(of, syncs), one)), median(column(of, func(r logRun) float64 { return float64(r.CPU) })))
		}
	}
	t.Flush()
	fmt.Fprintf(b.w, "\nCPU: of all nodes for one write; at the shard and at a rate with that of the clients. fsyncs of bolt are counted as two a commit.\nTargets: wal/bolt 2.5 at the shard and 1.6 through RESP (P=1); 16 groups on a node at most 1.3 x the fsyncs of one.\n")
}

func logRows(rows []logRun, keep func(logRun) bool) []logRun {
	return slices.DeleteFunc(slices.Clone(rows), func(r logRun) bool { return !keep(r) })
}
