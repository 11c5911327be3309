package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	clusterv1 "github.com/holtcache/holt/proto/holt/cluster/v1"
	"github.com/holtcache/holt/proto/slot"
	"github.com/holtcache/holt/tests/cluster"
	"github.com/holtcache/holt/tests/pace"
	"github.com/holtcache/holt/tests/report"
	"github.com/holtcache/holt/tests/workload"
)

// growing is one measurement of a cluster that grows and shrinks.
type growing struct {
	t       *step
	ctx     context.Context
	c       *cluster.Cluster
	load    *pace.Load
	only    string // what names of stages contain
	verbose bool
	logs    string // folder for the nodes' logs; empty: nowhere
	result  Elastic
	checks  []*workload.Session
}

func runElastic(ctx context.Context, args []string) error {
	flags := flag.NewFlagSet("elastic", flag.ContinueOnError)
	n := flags.Int("n", 1, "how often everything is measured, on a new cluster each time")
	rate := flags.Int("rate", 2000, "requests a second, half of them by go-redis and half by rueidis")
	keys := flags.Int("keys", 200_000, "keys of 64 bytes that the cluster holds besides")
	steady := flags.Duration("steady", 15*time.Second, "how long nothing changes, at first")
	checked := flags.Bool("check", false, "also let the workloads append, counter, register and ttl run, whose histories are judged; for these the rate is a quarter")
	only := flags.String("only", "", "only the stages whose names contain this, after the steady one")
	verbose := flags.Bool("v", false, "tell for each stage which requests waited longest")
	logs := flags.String("logs", "", "folder to copy the nodes' logs into")
	out := flags.String("results", "", "file to append the results to, for `figures`")
	if err := flags.Parse(args); err != nil {
		return err
	}
	var all []*Elastic
	for i := range *n {
		s := &step{out: os.Stderr}
		g := &growing{t: s, ctx: ctx, only: *only, verbose: *verbose, logs: *logs, result: Elastic{Rate: *rate, Keys: *keys, Checked: *checked}}
		s.do(func() { g.run(*steady) })
		if why := s.skip(); why != "" {
			return invalidError(why)
		}
		if failed := s.failed(); len(failed) > 0 {
			return failedError(strings.Join(failed, "\n"))
		}
		fmt.Printf("run %d\n%s", i+1, elasticTable([]*Elastic{&g.result}))
		if err := appendRecord(*out, Record{Elastic: &g.result}); err != nil {
			return err
		}
		all = append(all, &g.result)
	}
	if len(all) > 1 {
		fmt.Printf("medians of %d runs\n%s", len(all), elasticTable(all))
	}
	return elasticError(all)
}

// stages are what happens to the cluster, one after another, after it has been left alone for a while.
var stages = []struct {
	name string
	run  func(*growing)
}{
	{"a fourth node joins, rebalance", func(g *growing) { g.join() }},
	{"a fifth node joins, rebalance", func(g *growing) { g.join() }},
	{"five nodes, nothing changes", func(g *growing) { g.wait(10 * time.Second) }},
	{"two nodes leave, rebalance", func(g *growing) { g.leave(2) }},
	{"rolling restart", func(g *growing) { g.restart() }},
}

// stageSteady is the name of the time in which nothing changes.
const stageSteady = "steady"

func (g *growing) run(steady time.Duration) {
	g.c = cluster.Start(g.t, cluster.Options{})
	g.t.Cleanup(g.keepLogs)
	if err := pace.Fill(g.ctx, g.c.RESP(), g.result.Keys, 64); err != nil {
		g.t.Fatalf("fill the cluster: %v", err)
	}
	rate := g.result.Rate
	if g.result.Checked {
		rate /= 4
		g.startChecks()
	}
	var err error
	if g.load, err = pace.Start(pace.Options{Addrs: g.c.RESP(), Rate: rate}); err != nil {
		g.t.Fatalf("start the clients: %v", err)
	}
	g.t.Cleanup(func() {
		if err := g.load.Close(); err != nil {
			g.t.Logf("end the clients: %v", err)
		}
	})
	g.wait(warmUp)
	g.stage(stageSteady, func() { g.wait(steady) })
	for _, s := range stages {
		if !strings.Contains(s.name, g.only) {
			continue
		}
		g.stage(s.name, func() { s.run(g) })
	}
	g.load.Stop()
	checked, err := g.load.Check(g.ctx)
	if err != nil {
		g.t.Errorf("what was acknowledged is not what is there: %v", err)
	}
	g.result.Acknowledged = checked
	g.endChecks()
	cluster.Eventually(g.t, "all replicas hold the same", g.c.SameEverywhere)
}

// keepLogs copies the nodes' logs where that is wanted.
func (g *growing) keepLogs() {
	if g.logs == "" {
		return
	}
	files, err := filepath.Glob(filepath.Join(g.c.Dir, "*.log"))
	for _, file := range files {
		err = errors.Join(err, report.Copy(g.logs, filepath.Base(file), file))
	}
	if err != nil {
		g.t.Logf("the logs were not kept: %v", err)
	}
}

// warmUp is for how long the clients work before anything counts: they connect, and look at the slot map.
const warmUp = 3 * time.Second

// stage does something to the cluster, and sums up what clients noticed.
func (g *growing) stage(name string, do func()) {
	if g.ctx.Err() != nil {
		g.t.Skipf("interrupted")
	}
	from, owners := g.load.Now(), g.owners()
	var ends []func()
	for _, s := range g.checks {
		if name != stageSteady {
			ends = append(ends, s.Fault(name))
		}
	}
	do()
	for _, end := range ends {
		end()
	}
	to, moved := g.load.Now(), 0
	g.await(to)
	for id, owner := range g.owners() {
		if owners[id] != owner {
			moved++
		}
	}
	f := g.load.Between(from, to)
	g.result.Stages = append(g.result.Stages, stageOf(name, to-from, moved, f))
	g.t.Logf("%s: %v, %d requests, %d failed, p50 %v, p99 %v, maximum %v, longest pause of a slot %v, %d of %d slots moved", name,
		(to - from).Round(time.Millisecond), f.Requests, f.Failed, f.P50, f.P99, f.Max, f.Pauses[0].Length, moved, len(owners))
	if g.verbose {
		g.tell(f)
	}
}

// tell says which requests waited longest, by the clock of the nodes' logs.
func (g *growing) tell(f pace.Figures) {
	for _, p := range f.Pauses[:min(5, len(f.Pauses))] {
		g.t.Logf("  slot %d, %v from %s", p.Slot, p.Length.Round(time.Millisecond/10), g.load.Clock(p.From))
		for _, late := range p.Late {
			g.t.Logf("    %s", late)
		}
	}
	for _, late := range f.Slowest {
		g.t.Logf("  slow: %s", late)
	}
}

// await returns when everything that was due before a moment is answered, or should long have been.
func (g *growing) await(moment time.Duration) {
	cluster.Eventually(g.t, "the requests so far are answered", func() error { return g.load.Answered(moment) })
}

// owners says which shards own the slots that are asked.
func (g *growing) owners() map[slot.ID]uint64 {
	owners := map[slot.ID]uint64{}
	cluster.Eventually(g.t, "the slots are listed", func() error {
		shards, err := g.c.Running()[0].Shards()
		if err != nil {
			return err
		}
		for _, id := range g.load.Slots() {
			i := slices.IndexFunc(shards, func(s *clusterv1.ShardStatus) bool {
				return slices.ContainsFunc(s.Shard.Slots, func(r *clusterv1.SlotRange) bool { return uint32(id) >= r.First && uint32(id) <= r.Last })
			})
			if i < 0 {
				return fmt.Errorf("slot %d belongs to no shard", id)
			}
			owners[id] = shards[i].Shard.Id
		}
		return nil
	})
	return owners
}

// wait lets time pass, in which the clients work.
func (g *growing) wait(d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-g.ctx.Done():
		g.t.Skipf("interrupted")
	}
}

// join starts one more node and spreads everything over all.
func (g *growing) join() {
	g.c.Join()
	g.rebalance()
}

// leave takes the last nodes out and spreads what they had.
func (g *growing) leave(count int) {
	for range count {
		last := g.c.Nodes[len(g.c.Nodes)-1]
		g.holt("cluster", "remove-node", last.ID())
		last.Stop()
		g.c.Nodes = g.c.Nodes[:len(g.c.Nodes)-1]
	}
	g.rebalance()
}

func (g *growing) rebalance() {
	g.holt("cluster", "rebalance")
	g.c.WaitSettled()
}

// holt runs a command of an operator against the first node.
func (g *growing) holt(args ...string) {
	p := cluster.Run(g.t, append(args, "--addr", g.c.Nodes[0].Addr.GRPC)...)
	if code, output := p.Exit(); code != 0 {
		g.t.Fatalf("holt %s: exit code %d: %s", strings.Join(args, " "), code, output)
	}
}

// restart stops each node and starts it again.
func (g *growing) restart() {
	for _, n := range g.c.Nodes {
		n.Stop()
		n.Start()
		g.c.WaitReady()
	}
	g.c.WaitSettled()
}

// elasticError says what may not be: a request that failed.
func elasticError(all []*Elastic) error {
	var failures []error
	for _, e := range all {
		for _, s := range e.Stages {
			if s.Failed > 0 {
				failures = append(failures, fmt.Errorf("%s: %d of %d requests failed: %s", s.Name, s.Failed, s.Requests, strings.Join(s.Failures, "\n")))
			}
		}
	}
	if err := errors.Join(failures...); err != nil {
		return failedError(err.Error())
	}
	return nil
}
