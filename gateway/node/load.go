package node

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/holtcache/holt/raftfsm/meta"
	"github.com/holtcache/holt/shard/host"
)

// load is the loading of a node's data: the log is read, then the newest snapshot of each group. Entries of the log that
// the snapshots do not hold are applied later, when a leader has told what is committed; a replica that leads has applied
// all of them before it serves.
type load struct {
	// active: data commands are answered with LOADING.
	active atomic.Bool
	cancel context.CancelFunc
	ended  chan struct{} // closed when loading is over
	err    error         // why it failed; read after ended
}

// stop ends loading and waits for its end.
func (l *load) stop() {
	l.cancel()
	<-l.ended
}

// Start opens the ports of a server and loads its data. Until the node belongs to a cluster, and its shards have leaders,
// requests are held for a moment and then answered with CLUSTERDOWN; while data is loaded they are answered with LOADING.
func Start(cfg Config) (*Node, error) {
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	cfg.Limits = cfg.Limits.WithDefaults()
	n := &Node{cfg: cfg, log: cfg.Logger, started: time.Now(), book: host.NewBook(), closing: make(chan struct{})}
	n.ctx, n.cancel = context.WithCancel(context.Background())
	var err error
	if n.folder, err = host.BeginFolder(host.FolderConfig{Dir: cfg.Dir, Log: cfg.LogStore, Fatal: cfg.Fatal}); err != nil {
		n.cancel()
		return nil, err
	}
	n.log = n.log.With("node", n.folder.NodeID()[:8])
	if n.seam, err = newSeam(cfg.TLS, n.log); err != nil {
		n.cancel()
		return nil, errors.Join(err, n.folder.Close())
	}
	if _, err := readGossipKeys(cfg.GossipKeys); err != nil { // now, and not when it joins
		n.cancel()
		return nil, errors.Join(err, n.folder.Close())
	}
	if n.listen, err = openListeners(cfg, n.seam); err != nil {
		n.cancel()
		return nil, errors.Join(err, n.folder.Close())
	}
	if err := n.assemble(); err != nil {
		n.cancel()
		return nil, errors.Join(err, n.listen.close(), n.folder.Close())
	}
	ctx, cancel := context.WithCancel(context.Background())
	n.load.cancel, n.load.ended = cancel, make(chan struct{})
	if n.folder.ClusterID() == "" { // nothing to load but what the logs begin with; who creates a cluster needs them
		defer close(n.load.ended)
		if err := n.folder.OpenLogs(ctx); err != nil {
			n.cancel()
			return nil, errors.Join(err, n.listen.close(), n.folder.Close())
		}
		n.serve()
		n.join()
		return n, nil
	}
	n.load.active.Store(true)
	n.serve()
	n.wg.Go(func() {
		defer close(n.load.ended)
		n.load.err = n.loadAll(ctx)
	})
	return n, nil
}

// Open is Start that returns when the data is loaded.
func Open(cfg Config) (*Node, error) {
	n, err := Start(cfg)
	if err != nil {
		return nil, err
	}
	if err := n.Loaded(context.Background()); err != nil {
		closed, cancel := context.WithCancel(context.Background())
		cancel() // nobody was served yet
		return nil, errors.Join(err, n.Close(closed))
	}
	return n, nil
}

// Loaded returns when the data is loaded, or says why it cannot be: then the node has to be closed.
func (n *Node) Loaded(ctx context.Context) error {
	select {
	case <-n.load.ended:
		return n.load.err
	case <-ctx.Done():
		return ctx.Err()
	}
}

// loadAll opens everything that is in the data folder.
func (n *Node) loadAll(ctx context.Context) error {
	told, tell := context.WithCancel(ctx)
	defer tell()
	n.wg.Go(func() { n.tellProgress(told) })
	n.reach(ctx, loadLogs)
	if err := n.folder.OpenLogs(ctx); err != nil {
		return err
	}
	n.begin.Lock()
	err := n.beginHost()
	n.begin.Unlock()
	if err != nil {
		return err
	}
	n.join() // addresses may have changed
	n.reach(ctx, loadReplicas)
	if err := n.host.Load().Load(ctx); err != nil {
		return err
	}
	n.load.active.Store(false)
	s := n.folder.Loading().Stats()
	n.log.Info("data loaded", "bytes", s.LoadedBytes, "entries", s.Entries, "took", time.Since(s.Started).Round(time.Millisecond))
	return nil
}

// loadStage is what is about to be loaded.
type loadStage uint8

const (
	loadLogs loadStage = iota + 1
	loadReplicas
)

func (n *Node) reach(ctx context.Context, s loadStage) {
	if n.cfg.beforeLoad != nil {
		n.cfg.beforeLoad(ctx, s)
	}
}

func (n *Node) join() {
	if len(n.cfg.Join) > 0 {
		n.wg.Go(func() { n.joinCluster(n.ctx) })
	}
}

// progressEvery is how often a long load says how far it is.
const progressEvery = 3 * time.Second

func (n *Node) tellProgress(ctx context.Context) {
	ticker := time.NewTicker(progressEvery)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		s := n.folder.Loading().Stats()
		n.log.Info("loading data", "bytes", s.LoadedBytes, "of", s.TotalBytes, "entries", s.Entries, "percent", fmt.Sprintf("%.1f", s.Percent()),
			"remaining", s.Remaining(time.Now()).Round(time.Second))
	}
}

// Addresses are those that this node advertises.
func (n *Node) Addresses() meta.Addresses { return n.listen.addrs }
