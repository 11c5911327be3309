package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/holtcache/holt/tests/cluster"
	"github.com/holtcache/holt/tests/nemesis"
)

// measuring is a measurement of failovers under way.
type measuring struct {
	t      *step
	c      *cluster.Cluster
	loss   loss
	probes *probes
	result Failovers

	// network is what the nodes are the hosts of, and cut its present fault, where the loss is a partition.
	network *nemesis.Network
	cut     *nemesis.Cut
}

func (m *measuring) must(err error) {
	if err != nil {
		m.t.Fatalf("%v", err)
	}
}

// The time that a probe gives a node to answer. Where a leader vanishes it is short, so that nobody waits for one that is
// gone while another serves; nothing is lost by asking again. A planned loss may fail no request at all.
const (
	probeUnplannedMax = 100 * time.Millisecond
	probePlannedMax   = 2500 * time.Millisecond
)

func runFailover(ctx context.Context, args []string) error {
	flags := flag.NewFlagSet("failover", flag.ContinueOnError)
	n := flags.Int("n", 20, "how many leaders go")
	name := flags.String("fault", "kill", "how they go: "+strings.Join(slices.Sorted(maps.Keys(losses)), ", "))
	nodes := flags.Int("nodes", 3, "how many nodes the cluster has")
	out := flags.String("results", "", "file to append the result to, for `figures`")
	if err := flags.Parse(args); err != nil {
		return err
	}
	l, ok := losses[*name]
	if !ok {
		return fmt.Errorf("-fault %s: use one of %s", *name, strings.Join(slices.Sorted(maps.Keys(losses)), ", "))
	}
	s := &step{out: os.Stderr}
	m := &measuring{t: s, loss: l, result: Failovers{Fault: *name, Planned: l.planned, Nodes: *nodes}}
	s.do(func() { m.run(ctx, *n, *nodes) })
	if why := s.skip(); why != "" {
		return invalidError(why)
	}
	if failed := s.failed(); len(failed) > 0 {
		return failedError(strings.Join(failed, "\n"))
	}
	fmt.Println(m.result)
	if err := appendRecord(*out, Record{Failovers: &m.result}); err != nil {
		return err
	}
	if m.result.Failed > 0 {
		return failedError(fmt.Sprintf("%d requests failed although nothing broke:\n%s", m.result.Failed, strings.Join(m.result.Failures, "\n")))
	}
	return ctx.Err()
}

func (m *measuring) run(ctx context.Context, n, nodes int) {
	options := cluster.Options{Nodes: nodes}
	if m.result.Fault == "partition" {
		m.network = nemesis.NewNetwork(m.t, nodes)
		options.Homes = cluster.On(m.network)
	}
	m.c = cluster.Start(m.t, options)
	shards := m.c.ShardIDs()
	keys := map[uint64]string{}
	for _, shard := range shards {
		keys[shard] = m.c.Key(shard, "probe", 0)
	}
	timeout := probeUnplannedMax
	if m.loss.planned {
		timeout = probePlannedMax
	}
	m.probes = startProbes(m.c.RESP(), keys, timeout)
	defer m.probes.close()
	for i := range n {
		if ctx.Err() != nil {
			return
		}
		m.c.WaitSettled()
		m.once(shards[i%len(shards)])
		if took := m.result.Times; len(took) > 0 {
			m.t.Logf("%d of %d: %v", i+1, n, time.Duration(took[len(took)-1]).Round(time.Millisecond))
		}
	}
}

// afterwards is for how long after a planned move its consequences are looked for.
const afterwards = 500 * time.Millisecond

// once takes one leader away and brings it back.
func (m *measuring) once(shard uint64) {
	old := m.c.Leader(shard)
	m.waitWritten(shard, time.Now())
	m.probes.take()
	began := time.Now()
	m.loss.begin(m, old)
	first := m.waitWritten(shard, time.Now())
	gone := time.Now()
	if m.loss.end != nil {
		m.loss.end(m, old)
	}
	m.c.WaitReady()
	m.waitWritten(shard, time.Now())
	whole := time.Now()
	if !m.loss.planned {
		m.result.Times = append(m.result.Times, Duration(first.Sub(began)))
		return
	}
	m.c.WaitSettled() // the way back is a planned move, too
	m.waitWritten(shard, time.Now().Add(afterwards))
	attempts := m.probes.take()
	acks := acknowledgements(attempts, shard)
	m.result.Times = append(m.result.Times, longestPause(acks, began, time.Now()))
	m.result.addPhase(phaseGoes, longestPause(acks, began, gone))
	if m.loss.end != nil {
		m.result.addPhase(phaseStarts, longestPause(acks, gone, whole))
	}
	m.result.addPhase(phaseBack, longestPause(acks, whole, time.Now()))
	m.count(attempts)
}

func (m *measuring) count(attempts []attempt) {
	m.result.Requests += len(attempts)
	for _, a := range attempts {
		if a.err == nil {
			continue
		}
		m.result.Failed++
		if len(m.result.Failures) < failuresMax {
			m.result.Failures = append(m.result.Failures, fmt.Sprintf("%s: shard %d: %v", a.call.UTC().Format(time.RFC3339Nano), a.shard, a.err))
		}
	}
}

// failuresMax bounds how many errors a result carries; all are counted.
const failuresMax = 10

// waitWritten returns when the first write was acknowledged that began after a moment.
func (m *measuring) waitWritten(shard uint64, after time.Time) time.Time {
	var first time.Time
	cluster.Eventually(m.t, fmt.Sprintf("shard %d is written to", shard), func() error {
		if first = m.probes.firstAfter(shard, after); first.IsZero() {
			return errors.New("no write is acknowledged")
		}
		return nil
	})
	return first
}
