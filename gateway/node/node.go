package node

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/keepalive"

	"github.com/holtcache/holt/gateway/acl"
	"github.com/holtcache/holt/gateway/command"
	"github.com/holtcache/holt/gateway/grpcserver"
	"github.com/holtcache/holt/gateway/proxy"
	"github.com/holtcache/holt/gateway/pubsub"
	"github.com/holtcache/holt/gateway/resp"
	"github.com/holtcache/holt/gateway/respserver"
	"github.com/holtcache/holt/gateway/router"
	"github.com/holtcache/holt/proto/apierr"
	nodev1 "github.com/holtcache/holt/proto/holt/node/v1"
	"github.com/holtcache/holt/raftfsm/meta"
	"github.com/holtcache/holt/shard/gossip"
	"github.com/holtcache/holt/shard/host"
	"github.com/holtcache/holt/shard/placement"
)

// Node is one running server.
type Node struct {
	cfg     Config
	log     *slog.Logger
	started time.Time
	folder  *host.Folder
	book    *host.Book
	seam    *seam
	listen  *listeners
	nodes   *nodes
	cluster *cluster
	routes  *router.Router
	access  *acl.Registry
	users   knownUsers
	// unprotected: protected mode is off.
	unprotected atomic.Bool
	resp        *respserver.Server
	proxy       *proxy.Pool // nil where clients are redirected
	relay       *pubsub.Relay
	grpc        *grpcserver.Server
	peers       *grpc.Server // NodeService, on the cluster port
	port        *clusterPort
	http        *http.Server

	// host is nil until this node belongs to a cluster.
	host atomic.Pointer[host.Host]
	// controller is nil as long as host is.
	controller atomic.Pointer[placement.Controller]
	// peak is the most that the keys of this node have taken.
	peak atomic.Int64
	load load

	ctx     context.Context
	cancel  context.CancelFunc
	wg      sync.WaitGroup
	closing chan struct{}
	once    sync.Once
	err     error

	// begin is held by whoever opens host and gossip, or ends that for good. Unlike other locks it is held across I/O:
	// nobody who serves requests waits for it.
	begin   sync.Mutex
	gossip  *gossip.Gossip
	stopped bool // nothing is opened any more
}

// assemble makes the servers, which know the cluster only by an empty view yet.
func (n *Node) assemble() error {
	n.nodes = newNodes(n.seam.dial)
	n.nodes.resolve = n.resolve
	n.cluster = newCluster(n.folder.NodeID())
	n.routes = router.New(n.cluster)
	table := command.NewTable(n.cfg.Limits)
	n.access = acl.NewRegistry(table, n.cfg.Password, n.log)
	n.beginUsers()
	n.unprotected.Store(n.cfg.Unprotected)
	n.warnOpenPorts()
	if n.cfg.RESPMode == RESPProxy {
		n.proxy = proxy.NewPool(proxy.Config{Dial: n.seam.upstream().dialRESP})
	}
	n.relay = pubsub.NewRelay(pubsub.RelayConfig{Open: n.nodes.openMessages, Logger: n.log})
	n.resp = respserver.New(respserver.Config{
		Router: n.routes, Proxy: n.proxy, Relay: n.relay, Table: table, Protocol: resp.LimitsForValues(n.cfg.Limits.ValueBytesMax),
		Limits: respserver.Limits{ClientsMax: n.cfg.ClientsMax, ClientsBytesMax: n.cfg.ClientsBytesMax}, Access: n.access, Users: userKeeper{n}, Protected: n.isProtected, Info: n.info, Slabs: n.slabs, Purge: purge, Settings: settings{n}, Saver: saver{n}, Operator: operator{admin{n}}, Logger: n.log,
		Defaults:    func() (router.Ack, router.ReadMode) { d := n.defaults(); return d.Ack, d.ReadMode },
		Loading:     n.load.active.Load,
		EnableDebug: n.cfg.EnableDebug, SetActiveExpiry: n.setActiveExpiry, Shutdown: n.cfg.Shutdown,
	})
	var err error
	n.grpc, err = grpcserver.New(grpcserver.Config{
		Router: n.routes, Forward: n.nodes, Admin: admin{n}, Access: n.access, Protected: n.isProtected, Defaults: n.defaults, Loading: n.load.active.Load,
		Limits: grpcserver.Limits{Data: n.cfg.Limits}, Wall: n.cfg.Wall, Logger: n.log,
	})
	if err != nil {
		return err
	}
	n.peers = newPeers()
	nodev1.RegisterNodeServiceServer(n.peers, &nodeService{n: n})
	n.port = newClusterPort(n.listen.cluster, n.serveRaft)
	n.http = n.httpServer()
	return nil
}

// newPeers is the server that other nodes call. One that vanishes without a word must not keep its streams here, so silence is
// met as the other end of a connection meets it (newNodes).
func newPeers() *grpc.Server {
	return grpc.NewServer(
		grpc.MaxRecvMsgSize(messageBytesMax), grpc.MaxSendMsgSize(messageBytesMax), grpc.MaxConcurrentStreams(1024),
		grpc.KeepaliveEnforcementPolicy(keepalive.EnforcementPolicy{MinTime: 5 * time.Second}), grpc.ConnectionTimeout(5*time.Second),
		grpc.KeepaliveParams(keepalive.ServerParameters{Time: 10 * time.Second, Timeout: 3 * time.Second}),
	)
}

// serveRaft takes over a connection of Raft frames.
func (n *Node) serveRaft(conn net.Conn) {
	h := n.host.Load()
	if h == nil {
		conn.Close() // the other node tries again
		return
	}
	h.Transport().Serve(conn)
}

func (n *Node) serve() {
	n.wg.Go(n.watchPeak)
	for _, s := range []struct {
		what string
		run  func() error
	}{
		{"RESP", func() error { return n.resp.Serve(n.listen.resp) }},
		{"gRPC", func() error { return n.grpc.Public().Serve(n.listen.grpc) }},
		{"cluster", func() error { n.port.serve(); return nil }},
		{"node service", func() error { return n.peers.Serve(n.port) }},
		{"HTTP", func() error { return serveHTTP(n.http, n.listen.http) }},
	} {
		n.wg.Go(func() {
			if err := s.run(); err != nil && n.ctx.Err() == nil && !errors.Is(err, net.ErrClosed) && !errors.Is(err, grpc.ErrServerStopped) {
				n.log.Error("a listener stopped; restart this node", "listener", s.what, "err", err)
			}
		})
	}
}

func (n *Node) resolve(id string) (string, bool) {
	if h := n.host.Load(); h != nil {
		return h.ClusterAddr(id)
	}
	return n.book.ClusterAddr(id)
}

// self is this node as it registers.
func (n *Node) self() meta.Node {
	return meta.Node{ID: n.folder.NodeID(), StartCount: n.folder.StartCount(), Addresses: n.listen.addrs, Zone: n.cfg.Zone, Version: n.cfg.Version}
}

// openHost opens gossip and the Raft groups of a node that has become one of a cluster. n.begin is held.
func (n *Node) openHost(ctx context.Context) error {
	if err := n.beginHost(); err != nil {
		return err
	}
	return n.host.Load().Load(ctx)
}

// beginHost opens gossip and the meta group of a node that belongs to a cluster. n.begin is held.
func (n *Node) beginHost() error {
	if n.stopped {
		return apierr.New(apierr.KindShutdown, "this node is shutting down; start it again")
	}
	stored, err := n.folder.Settings()
	if err != nil {
		return err
	}
	self := n.self()
	n.book.Note(self)
	known, err := n.folder.Nodes()
	if err != nil {
		n.log.Warn("other nodes are found by --join and gossip alone", "err", err)
	}
	for _, other := range known {
		n.book.Note(other) // self has a higher start count
	}
	keys, err := readGossipKeys(n.cfg.GossipKeys)
	if err != nil {
		return err
	}
	g, err := gossip.Open(gossip.Config{
		SecretKeys: keys,
		ClusterID:  n.folder.ClusterID(), NodeID: self.ID,
		Self: gossip.Node{
			Start: self.StartCount, RESP: self.Addresses.RESP, GRPC: self.Addresses.GRPC, Cluster: self.Addresses.Cluster,
			HTTP: self.Addresses.HTTP, Gossip: self.Addresses.Gossip, Zone: self.Zone,
		},
		BindAddr: n.gossipBind(), AdvertiseAddr: self.Addresses.Gossip,
		Seeds:  func() []string { return n.book.GossipSeeds(self.ID) },
		Logger: n.log,
	})
	if err != nil {
		return err
	}
	refresh := make(chan struct{}, 1)
	h, err := host.New(host.Config{
		Folder: n.folder, Self: self, Settings: meta.SettingsFromProto(stored), MaxMemoryBytes: n.cfg.MaxMemoryBytes, Gossip: g, Nodes: n.nodes, Book: n.book,
		Dial: n.seam.dial, Observer: n.resp, Wall: n.cfg.Wall, MigrationHook: n.migrationHook(), Logger: n.log,
		Changed: func() {
			select {
			case refresh <- struct{}{}:
			default:
			}
		},
	})
	if err != nil {
		return errors.Join(err, g.Close())
	}
	n.gossip = g
	n.host.Store(h)
	n.useUsers(h)
	n.cluster.refresh(h, g)
	n.relayTo(n.cluster.View())
	controller := h.Controller()
	n.controller.Store(controller)
	n.wg.Go(func() { _ = controller.Run(n.ctx) }) // its only error is the context's
	n.wg.Go(func() {
		for {
			select {
			case <-n.ctx.Done():
				return
			case <-refresh:
				n.useUsers(h)
				n.cluster.refresh(h, g)
				n.relayTo(n.cluster.View())
				controller.Wake()
			}
		}
	})
	return nil
}

// gossipBind is where gossip listens: with port 0 the port that was found free.
func (n *Node) gossipBind() string {
	host, port, err := net.SplitHostPort(n.cfg.Listen.Gossip)
	if err != nil || port != "0" {
		return n.cfg.Listen.Gossip
	}
	if _, found, err := net.SplitHostPort(n.listen.addrs.Gossip); err == nil {
		return net.JoinHostPort(host, found)
	}
	return n.cfg.Listen.Gossip
}

func (n *Node) defaults() grpcserver.Defaults {
	h := n.host.Load()
	if h == nil {
		return grpcserver.Defaults{}
	}
	var d grpcserver.Defaults
	if s := h.State().Settings(); s.DefaultAck == meta.AckAsync {
		d.Ack = router.AckAsync
	}
	if s := h.State().Settings(); s.DefaultRead == meta.ReadIndex {
		d.ReadMode = router.ReadIndex
	}
	return d
}

// ID is the node's id.
func (n *Node) ID() string { return n.folder.NodeID() }

// Close hands over leaderships, finishes what is in flight and stops; ctx bounds the friendly part. It may be called
// twice.
func (n *Node) Close(ctx context.Context) error {
	n.once.Do(func() { n.err = n.close(ctx) })
	return n.err
}

func (n *Node) close(ctx context.Context) error {
	n.load.stop()
	n.begin.Lock()
	n.stopped = true
	n.begin.Unlock()
	h := n.host.Load()
	if h != nil {
		h.Leave(ctx) // while clients can still be sent to the new leaders
		var saved sync.WaitGroup
		saved.Go(func() { h.SaveLast(ctx) })
		n.drain(ctx)
		saved.Wait()
	}
	close(n.closing)
	n.cancel()
	errs := []error{n.resp.Close()}
	n.relay.Close()
	if n.proxy != nil {
		n.proxy.Close()
	}
	n.grpc.Stop(ctx)
	n.peers.Stop()
	errs = append(errs, n.http.Close(), n.port.Close())
	if h != nil {
		if err := n.gossip.Leave(ctx); err != nil {
			n.log.Info("could not say goodbye to the other nodes", "err", err)
		}
		errs = append(errs, h.Close(), n.gossip.Close())
	}
	errs = append(errs, n.nodes.close(), n.listen.close())
	n.wg.Wait()
	if err := errors.Join(append(errs, n.folder.Close())...); err != nil {
		return fmt.Errorf("close node: %w", err)
	}
	return nil
}
