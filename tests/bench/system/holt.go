package system

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/holtcache/holt/gateway/resp"
)

// HoltConfig is what `holt dev` is told.
type HoltConfig struct {
	Program                 string
	Nodes, Replicas, Shards int
	Fsync                   string   // always, everysec or no
	LogStore                string   // wal or bolt; empty means wal
	Env                     []string // for the nodes: NAME=value
}

// Holt is a cluster of nodes on this machine, made by `holt dev`.
func Holt(name string, c HoltConfig) System {
	return System{
		Name:    name,
		Promise: fmt.Sprintf("%d nodes; each write is committed by a majority of its shard's replicas, %s", c.Nodes, fsynced[c.Fsync]),
		Start:   func(ctx context.Context, dir string) (*Running, error) { return c.start(ctx, dir) },
	}
}

// fsynced says what a policy promises, the same of Redis and of Holt.
var fsynced = map[string]string{
	"always":   "fsynced there before the reply",
	"everysec": "fsynced there up to a second or two after the reply",
	"no":       "fsynced when the kernel likes",
}

func (c HoltConfig) start(ctx context.Context, dir string) (*Running, error) {
	var offsets []int
	for i := range c.Nodes {
		offsets = append(offsets, i, 100+i, 200+i, 300+i, 400+i) // see `holt dev --help`
	}
	port, err := freePort(offsets...)
	if err != nil {
		return nil, err
	}
	log := filepath.Join(dir, "dev.log")
	data := filepath.Join(dir, "data")
	p, err := start(log, c.Env, c.Program, "dev", "--dir", data, "--port", fmt.Sprint(port), "--nodes", fmt.Sprint(c.Nodes),
		"--replicas", fmt.Sprint(c.Replicas), "--shards", fmt.Sprint(c.Shards), "--appendfsync", c.Fsync, "--log-store", cmp.Or(c.LogStore, "wal"))
	if err != nil {
		return nil, err
	}
	r := &Running{Addr: fmt.Sprintf("127.0.0.1:%d", port), Cluster: true, AdminAddr: fmt.Sprintf("127.0.0.1:%d", port+100), processes: []*process{p}}
	for i := range c.Nodes {
		r.Addrs = append(r.Addrs, fmt.Sprintf("127.0.0.1:%d", port+i))
		r.Logs = append(r.Logs, filepath.Join(data, fmt.Sprintf("node-%d.log", i+1)))
	}
	if err := r.holtReady(ctx, log, c.Nodes); err != nil {
		return nil, errors.Join(err, r.Stop())
	}
	return r, nil
}

// holtReady waits until the cluster is up and its leaders are spread as evenly as they will be.
func (r *Running) holtReady(ctx context.Context, log string, nodes int) error {
	err := r.await(ctx, "start of holt dev", func() error {
		said, err := os.ReadFile(log)
		if err == nil && !strings.Contains(string(said), "nodes are up") {
			err = errors.New("it does not say that its nodes are up")
		}
		return err
	})
	if err != nil {
		return err
	}
	if r.PIDs, err = childrenOf(r.processes[0].pid()); err != nil {
		return err
	}
	if len(r.PIDs) != nodes {
		return fmt.Errorf("holt dev has %d children, want %d nodes", len(r.PIDs), nodes)
	}
	return r.await(ctx, "leaders of holt", func() error {
		reply, err := ask(ctx, r.Addr, "CLUSTER", "SLOTS")
		if err != nil {
			return err
		}
		return spread(reply, nodes)
	})
}

// spread wants the ranges of slots divided over the nodes with a difference of at most one.
func spread(slots resp.Value, nodes int) error {
	led := map[int64]int{}
	for _, row := range slots.Elems {
		if len(row.Elems) < 3 || len(row.Elems[2].Elems) < 2 {
			return errors.New("a range of slots has no leader")
		}
		led[row.Elems[2].Elems[1].Int]++
	}
	counts := make([]int, 0, nodes)
	for _, n := range led {
		counts = append(counts, n)
	}
	for len(counts) < nodes {
		counts = append(counts, 0)
	}
	if len(led) == 0 || slices.Max(counts)-slices.Min(counts) > 1 {
		return fmt.Errorf("leaders are not spread yet: %v", led)
	}
	return nil
}
