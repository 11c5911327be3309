package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/holtcache/holt/tests/bench/load"
	"github.com/holtcache/holt/tests/bench/system"
)

const (
	writerConns = 50
	peakPart    = 0.5
	// fillMax bounds the writing of all keys.
	fillMax   = 5 * time.Minute
	fillTries = 5
)

// writers measures SET at half of the peak rate, by turns without and with snapshots under way.
func (p *plan) writers(ctx context.Context, w io.Writer, dir string) (err error) {
	if p.program == "" {
		p.program = filepath.Join(dir, "holt")
		if out, err := exec.CommandContext(ctx, "go", "build", "-trimpath", "-o", p.program, "github.com/holtcache/holt/cmd/holt").CombinedOutput(); err != nil {
			return fmt.Errorf("build holt: %w: %s", err, out)
		}
	}
	home := filepath.Join(dir, "cluster")
	if err := os.MkdirAll(home, 0o700); err != nil {
		return err
	}
	running, err := system.Holt("holt", system.HoltConfig{Program: p.program, Nodes: p.nodes, Shards: p.nodes, Fsync: "always"}).Start(ctx, home)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, running.Stop()) }()
	nodes, err := nodesOf(ctx, running.Addr)
	if err != nil {
		return err
	}
	defer func() {
		for _, n := range nodes {
			err = errors.Join(err, n.Close())
		}
	}()
	spec := load.Spec{
		Addr: running.Addr, Cluster: true, Op: load.OpSet, Conns: writerConns, Pipeline: 1, ValueBytes: valueBytes, Keys: p.keys,
		Warmup: time.Second, Window: p.window,
	}
	fillCtx, cancel := context.WithTimeout(ctx, fillMax)
	defer cancel()
	for try := 0; ; try++ { // a machine that is busy with other things may be too late with a commit
		err := load.Fill(fillCtx, spec)
		if err == nil {
			break
		}
		if try == fillTries {
			return err
		}
	}
	spec.Pipeline = 16
	peak, err := load.Run(ctx, spec)
	if err != nil {
		return err
	}
	spec.Rate = peakPart * peak.Rate()
	fmt.Fprintf(w, "writers: peak %.0f SET/s (pipelines of 16, %d connections); from here on %.0f arrive a second\n", peak.Rate(), writerConns, spec.Rate)
	var without, with []time.Duration
	for range p.rounds {
		one, err := p.round(ctx, w, "without", spec, nil)
		if err != nil {
			return err
		}
		without = append(without, one)
		if one, err = p.round(ctx, w, "with", spec, nodes); err != nil {
			return err
		}
		with = append(with, one)
	}
	fmt.Fprintf(w, "writers' p99.9, median of %d: %v without a snapshot, %v with one: %.2f times\n", p.rounds,
		median(without), median(with), float64(median(with))/float64(median(without)))
	return heldBySnapshots(ctx, w, nodes)
}

// round is one measurement; the nodes given write snapshots meanwhile, one node at a time.
func (p *plan) round(ctx context.Context, w io.Writer, what string, spec load.Spec, nodes []*redis.Client) (time.Duration, error) {
	saving, stop := context.WithCancel(ctx)
	defer stop()
	saves := saver{nodes: nodes}
	done := make(chan error, 1)
	if len(nodes) > 0 {
		go func() { done <- saves.run(saving) }()
	} else {
		done <- nil
	}
	result, err := load.Run(ctx, spec)
	stop()
	if err = errors.Join(err, <-done); err != nil {
		return 0, err
	}
	if result.Failed > 0 {
		return 0, fmt.Errorf("%d writes failed: %s", result.Failed, result.FirstError)
	}
	h := result.Latency
	fmt.Fprintf(w, "  %-7s %6.0f/s  p50 %v  p99 %v  p99.9 %v  max %v  (%d snapshots under way)\n", what, result.Rate(), h.Quantile(0.5), h.Quantile(0.99), h.Quantile(0.999), h.Max(), saves.begun.Load())
	return h.Quantile(0.999), nil
}

// saver keeps a snapshot of one node under way.
type saver struct {
	nodes []*redis.Client
	begun atomic.Int64
}

func (s *saver) run(ctx context.Context) error {
	for i := 0; ctx.Err() == nil; i++ {
		if err := s.save(ctx, s.nodes[i%len(s.nodes)]); err != nil && ctx.Err() == nil {
			return err
		}
	}
	return nil
}

// save begins a snapshot of every shard of a node and waits for the last of them.
func (s *saver) save(ctx context.Context, node *redis.Client) error {
	if err := node.BgSave(ctx).Err(); err != nil && !strings.Contains(err.Error(), "already in progress") {
		return err
	}
	s.begun.Add(1)
	for ; ctx.Err() == nil; time.Sleep(20 * time.Millisecond) {
		info, err := node.Info(ctx, "persistence").Result()
		if err != nil || strings.Contains(info, "rdb_bgsave_in_progress:0") {
			return err
		}
	}
	return nil
}

// nodesOf connects to each node that leads slots.
func nodesOf(ctx context.Context, addr string) ([]*redis.Client, error) {
	first := redis.NewClient(&redis.Options{Addr: addr})
	defer first.Close()
	shards, err := first.ClusterShards(ctx).Result()
	if err != nil {
		return nil, err
	}
	seen := map[string]bool{}
	var nodes []*redis.Client
	for _, s := range shards {
		for _, n := range s.Nodes {
			if at := net.JoinHostPort(n.IP, fmt.Sprint(n.Port)); n.Role == "master" && !seen[at] {
				seen[at] = true
				nodes = append(nodes, redis.NewClient(&redis.Options{Addr: at, ReadTimeout: time.Minute}))
			}
		}
	}
	return nodes, nil
}

// heldBySnapshots says how long snapshots have kept state machines from their work.
func heldBySnapshots(ctx context.Context, w io.Writer, nodes []*redis.Client) error {
	for _, n := range nodes {
		info, err := n.Info(ctx, "persistence").Result()
		if err != nil {
			return err
		}
		for line := range strings.Lines(info) {
			if strings.HasPrefix(line, "snapshot_held") || strings.HasPrefix(line, "rdb_last_bgsave_time") {
				fmt.Fprintf(w, "  %s %s\n", n.Options().Addr, strings.TrimSpace(line))
			}
		}
	}
	return nil
}
