// Package replicas runs the replicas of some shards in one process: raft, executor, log files on disk, loopback TCP between
// nodes. Neither RESP nor placement takes part.
package replicas

import (
	"context"
	"errors"
	"fmt"
	"net"
	"path/filepath"
	"sync"
	"time"

	"github.com/holtcache/holt/proto/slot"
	"github.com/holtcache/holt/shard"
	"github.com/holtcache/holt/shard/logstore"
)

// LogStore is what keeps the logs of a node.
type LogStore string

const (
	WAL  LogStore = "wal"
	Bolt LogStore = "bolt"
)

// Config says what to run.
type Config struct {
	Dir           string
	Nodes, Shards int // each shard has a replica on each node
	LogStore      LogStore
	Sync          logstore.SyncPolicy
}

// Cluster is what runs. Close it.
type Cluster struct {
	cfg   Config
	names []string

	mu    sync.Mutex // protects the fields below
	addrs map[string]string

	nodes []*node // not changed after Open
}

// Open starts everything and returns when each shard is served.
func Open(ctx context.Context, cfg Config) (*Cluster, error) {
	c := &Cluster{cfg: cfg, addrs: map[string]string{}}
	for i := range cfg.Nodes {
		c.names = append(c.names, fmt.Sprint("n", i))
	}
	for _, name := range c.names {
		n, err := c.openNode(name, filepath.Join(cfg.Dir, name))
		if n != nil {
			c.nodes = append(c.nodes, n)
		}
		if err != nil {
			return nil, errors.Join(err, c.Close())
		}
	}
	for s := range cfg.Shards {
		if _, err := c.Leader(ctx, s); err != nil {
			return nil, errors.Join(err, c.Close())
		}
	}
	return c, nil
}

// Slots lists those of a shard, which are counted from 0.
func (c *Cluster) Slots(s int) []slot.Range { return []slot.Range{slot.Split(c.cfg.Shards)[s]} }

// leaderMax bounds the wait for a leader.
const leaderMax = time.Minute

// Leader waits for the replica that serves a shard.
func (c *Cluster) Leader(ctx context.Context, s int) (*shard.Replica, error) {
	ctx, cancel := context.WithTimeout(ctx, leaderMax)
	defer cancel()
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for {
		for _, n := range c.nodes {
			r := n.groups[s].replica.Load()
			if _, ok := r.Executor().Serving(); ok && len(r.Store().Owned()) > 0 {
				return r, nil
			}
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return nil, fmt.Errorf("shard %d: no replica serves it: %w", s, ctx.Err())
		}
	}
}

// Syncs is how many fsyncs the logs of all nodes took so far.
func (c *Cluster) Syncs() (sum uint64) {
	for _, n := range c.nodes {
		sum += n.syncs()
	}
	return sum
}

// Close stops everything.
func (c *Cluster) Close() error {
	var errs []error
	for _, n := range c.nodes {
		errs = append(errs, n.closeReplicas())
	}
	for _, n := range c.nodes {
		errs = append(errs, n.close())
	}
	return errors.Join(errs...)
}

// ClusterAddr is where a node listens for the others (transport.Resolver).
func (c *Cluster) ClusterAddr(name string) (string, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	addr, ok := c.addrs[name]
	return addr, ok
}

func (c *Cluster) listen(name string) (net.Listener, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.addrs[name] = l.Addr().String()
	return l, nil
}
