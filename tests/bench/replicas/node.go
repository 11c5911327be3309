package replicas

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"math/rand/v2"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"sync/atomic"

	"github.com/hashicorp/raft"

	"github.com/holtcache/holt/proto/slot"
	"github.com/holtcache/holt/shard"
	"github.com/holtcache/holt/shard/logstore"
	"github.com/holtcache/holt/shard/transport"
)

// node is what one process of Holt would have.
type node struct {
	name      string
	listener  net.Listener
	transport *transport.Transport
	confirmer *shard.Confirmer
	stable    *logstore.Stable
	wal       *logstore.WAL // nil with a bolt file for each group
	groups    []*group      // by shard; not changed once the listener is open
	wg        sync.WaitGroup
}

type group struct {
	replica atomic.Pointer[shard.Replica]
	log     *logstore.Log
}

// groupID is that of a shard; data groups begin at 1.
func groupID(s int) slot.ShardID { return slot.ShardID(s + 1) }

// openNode may return a node together with an error: close it then.
func (c *Cluster) openNode(name, dir string) (*node, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	n := &node{name: name}
	for range c.cfg.Shards {
		n.groups = append(n.groups, &group{})
	}
	timings := shard.DefaultTimings()
	var err error
	if n.listener, err = c.listen(name); err != nil {
		return n, err
	}
	n.transport, err = transport.New(transport.Config{
		NodeID: name, ClusterID: func() string { return "bench" }, LeaseMax: timings.LeaseMax, Resolver: c, SpoolDir: filepath.Join(dir, "spool"),
		Dial: func(ctx context.Context, addr string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, "tcp", addr)
		},
	})
	if err != nil {
		return n, err
	}
	n.transport.ServeConfirm(func(q transport.GroupTerm) bool {
		r := n.groups[int(q.Group)-1].replica.Load()
		return r != nil && r.Term() <= q.Term
	})
	n.wg.Go(n.accept)
	n.confirmer = shard.NewConfirmer(n.transport, timings.Lease)
	if n.stable, err = logstore.OpenStable(filepath.Join(dir, "stable.db"), stop); err != nil {
		return n, err
	}
	if c.cfg.LogStore == WAL {
		if n.wal, err = logstore.OpenWAL(logstore.WALConfig{Dir: filepath.Join(dir, "wal"), Sync: c.cfg.Sync, Fatal: stop}); err != nil {
			return n, err
		}
	}
	for s, g := range n.groups {
		if err := c.openGroup(n, s, g, filepath.Join(dir, strconv.Itoa(s))); err != nil {
			return n, err
		}
	}
	return n, nil
}

// stop is for a disk that fails: nothing that is measured then means anything.
func stop(err error) { panic(err) }

func (c *Cluster) openGroup(n *node, s int, g *group, dir string) error {
	wire, err := n.transport.Group(transport.GroupID(groupID(s)))
	if err != nil {
		return err
	}
	r, err := shard.Open(shard.Config{
		Group: groupID(s), Node: n.name, Timings: shard.DefaultTimings(), Wire: wire, Confirmer: n.confirmer, Bootstrap: c.names,
		OpenStorage: func(h shard.Hooks) (shard.Storage, error) { return c.openStorage(n, s, g, dir, h) },
		Slots:       func() []slot.Range { return c.Slots(s) },
		Nonce:       rand.Uint64,
		Logger:      slog.New(slog.DiscardHandler),
	})
	if err != nil {
		return err
	}
	g.replica.Store(r)
	return nil
}

func (c *Cluster) openStorage(n *node, s int, g *group, dir string, h shard.Hooks) (shard.Storage, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return shard.Storage{}, err
	}
	cfg := logstore.LogConfig{
		Path: filepath.Join(dir, "log.db"), Group: uint64(groupID(s)), Sync: c.cfg.Sync,
		Appended: func(entries []*raft.Log) { h.Appended(entries) }, Floor: h.Floor, Fatal: stop,
	}
	if n.wal != nil {
		backend, err := n.wal.Group(cfg.Group)
		if err != nil {
			return shard.Storage{}, err
		}
		if err := backend.Begin(); err != nil {
			return shard.Storage{}, err
		}
		cfg.Backend = backend
	}
	log, err := logstore.OpenLog(cfg)
	if err != nil {
		return shard.Storage{}, err
	}
	g.log = log
	snapshots, err := logstore.OpenSnapshots(dir, log, nil)
	if err != nil {
		return shard.Storage{}, errors.Join(err, log.Close())
	}
	return shard.Storage{Log: log, Stable: n.stable.Group(cfg.Group), Snapshots: snapshots, Close: log}, nil
}

// syncs counts those of the logs. bbolt has no counter: a commit syncs its pages, then its meta page.
func (n *node) syncs() (sum uint64) {
	if n.wal != nil {
		return n.wal.Stats().Syncs
	}
	for _, g := range n.groups {
		sum += 2 * g.log.Stats().Appends
	}
	return sum
}

func (n *node) accept() {
	for {
		conn, err := n.listener.Accept()
		if err != nil {
			return
		}
		n.wg.Go(func() {
			if _, err := io.ReadFull(conn, make([]byte, len(transport.Preface))); err != nil {
				conn.Close()
				return
			}
			n.transport.Serve(conn)
		})
	}
}

func (n *node) closeReplicas() error {
	var errs []error
	for _, g := range n.groups {
		if r := g.replica.Load(); r != nil {
			errs = append(errs, r.Close())
		}
	}
	return errors.Join(errs...)
}

// close closes what openNode opened, as far as it got.
func (n *node) close() error {
	var errs []error
	if n.confirmer != nil {
		n.confirmer.Close()
	}
	if n.transport != nil {
		errs = append(errs, n.transport.Close())
	}
	if n.listener != nil {
		errs = append(errs, n.listener.Close())
	}
	if n.wal != nil {
		errs = append(errs, n.wal.Close())
	}
	if n.stable != nil {
		errs = append(errs, n.stable.Close())
	}
	n.wg.Wait()
	return errors.Join(errs...)
}
