package gossip

import (
	"context"
	"fmt"
	"log"
	"math"
	"net"
	"net/netip"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/hashicorp/memberlist"
)

// retransmitMult is how often a hint is sent on, times log10 of the nodes; memberlist uses the same for its own.
const retransmitMult = 4

// Gossip is this node's part in the gossip of a cluster.
type Gossip struct {
	cfg  Config
	id   string
	tag  clusterTag
	addr string // ip:port that memberlist advertises for us

	list     *memberlist.Memberlist
	queue    *memberlist.TransmitLimitedQueue // broadcasts of our hints; has its own lock
	watchers watchers
	log      *logger
	ring     *memberlist.Keyring // nil where gossip is plain; has its own lock

	present  atomic.Int64 // nodes that are not gone, with this one; read by queue
	rejoin   chan struct{}
	announce chan struct{}

	ctx      context.Context // ends with Close; loops of this node run in it
	cancel   context.CancelFunc
	loops    sync.WaitGroup
	stopLog  context.CancelFunc
	logEnded sync.WaitGroup

	// lifecycle makes Leave and Close exclude each other. It is held across I/O, by nobody else.
	lifecycle sync.Mutex
	left      bool
	closed    bool

	mu      sync.Mutex // protects the fields below; never held across I/O or a call of memberlist
	table   *table
	leaders leaders
	stats   Stats
}

// Stats counts what was refused since Open.
type Stats struct {
	NodesRefused      uint64 // alive messages of another cluster, malformed, outdated, or above the node limit
	MergesRefused     uint64 // joins of another cluster or with malformed metadata
	MessagesForeign   uint64 // hints of another cluster
	MessagesMalformed uint64
	HintsRefused      uint64 // leader hints above the limit
	LogLinesDropped   uint64
}

// Open starts gossiping. It does not wait until a seed has answered.
func Open(cfg Config) (*Gossip, error) {
	cfg.setDefaults()
	if err := cfg.validate(); err != nil {
		return nil, fmt.Errorf("open gossip: %w", err)
	}
	g := &Gossip{
		cfg:      cfg,
		id:       cfg.NodeID,
		tag:      tagOf(cfg.ClusterID),
		log:      newLogger(cfg.Logger.With("component", "gossip")),
		rejoin:   make(chan struct{}, 1),
		announce: make(chan struct{}, 1),
		table:    newTable(cfg.RetainTime),
		leaders:  make(leaders),
	}
	g.present.Store(1)
	g.queue = &memberlist.TransmitLimitedQueue{
		NumNodes:       func() int { return int(g.present.Load()) },
		RetransmitMult: retransmitMult,
	}
	g.ctx, g.cancel = context.WithCancel(context.Background())
	logCtx, stopLog := context.WithCancel(context.Background())
	g.stopLog = stopLog
	g.logEnded.Go(func() { g.log.run(logCtx) })
	if err := g.start(); err != nil {
		g.cancel()
		g.stopLog()
		g.logEnded.Wait()
		return nil, fmt.Errorf("open gossip: %w", err)
	}
	g.loops.Go(g.rejoinLoop)
	g.loops.Go(g.announceLoop)
	return g, nil
}

// start listens, settles our own row and creates the memberlist.
func (g *Gossip) start() error {
	bind, err := resolveOne(g.ctx, g.cfg.BindAddr)
	if err != nil {
		return fmt.Errorf("gossip address: %w", err)
	}
	if bind.Addr().IsUnspecified() && g.cfg.AdvertiseAddr == "" {
		return fmt.Errorf("gossip address %s is all addresses of this machine: name an advertise address that other nodes can reach", g.cfg.BindAddr)
	}
	conf, err := g.cfg.memberlistConfig()
	if err != nil {
		return err
	}
	g.ring = conf.Keyring
	conf.Logger = log.New(g.log, "", 0)
	open := g.cfg.Sockets
	if open == nil {
		open = listen
	}
	sockets, err := open(bind, conf.Logger)
	if err != nil {
		return err
	}
	t := newTransport(sockets, g.cfg.StreamTimeout, g.probed)
	if err := g.create(conf, t, bind); err != nil {
		_ = t.Shutdown()
		return err
	}
	return nil
}

func (g *Gossip) create(conf *memberlist.Config, t *transport, bind netip.AddrPort) error {
	bound := netip.AddrPortFrom(bind.Addr(), uint16(t.Port()))
	name, advertise := bound.String(), bound
	if g.cfg.AdvertiseAddr != "" {
		a, err := resolveOne(g.ctx, g.cfg.AdvertiseAddr)
		if err != nil {
			return fmt.Errorf("gossip advertise address: %w", err)
		}
		name, advertise = g.cfg.AdvertiseAddr, a
		if a.Port() == 0 { // the port that was found
			advertise = netip.AddrPortFrom(a.Addr(), uint16(t.Port()))
			host, _, _ := net.SplitHostPort(name)
			name = net.JoinHostPort(host, strconv.Itoa(t.Port()))
		}
	}
	g.addr = advertise.String()

	self := g.cfg.Self
	self.ID, self.State, self.Since = g.id, StateAlive, time.Now()
	if self.Gossip == "" {
		self.Gossip = name
	}
	if err := g.checkMeta(self); err != nil {
		return err
	}
	g.table.members[g.id] = &member{Node: self, addr: g.addr}

	d := delegate{g}
	conf.Delegate, conf.Events, conf.Alive, conf.Merge, conf.Ping = d, d, d, d, d
	conf.Transport = t
	conf.BindAddr, conf.BindPort = bind.Addr().String(), t.Port()
	conf.AdvertiseAddr, conf.AdvertisePort = advertise.Addr().String(), int(advertise.Port())
	list, err := memberlist.Create(conf)
	if err != nil {
		return fmt.Errorf("create memberlist: %w", err)
	}
	g.list = list
	return nil
}

// checkMeta refuses a node whose metadata could ever grow beyond what memberlist carries: it panics then.
func (g *Gossip) checkMeta(self Node) error {
	if !validText(self.Gossip) {
		return fmt.Errorf("gossip address %q: only visible ASCII without comma, at most %d bytes, can be announced", self.Gossip, textBytesMax)
	}
	self.Epoch = math.MaxUint64
	if size := len(encodeMeta(g.tag, self)); size > memberlist.MetaMaxSize {
		return fmt.Errorf("%w: addresses and zone take %d bytes, the limit is %d; use shorter host names or IP addresses",
			ErrMetaTooLong, size, memberlist.MetaMaxSize)
	}
	return nil
}

// Nodes returns all nodes that are known, this one too, sorted by id.
func (g *Gossip) Nodes() []Node {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.table.nodes()
}

// Node returns what is known of one node.
func (g *Gossip) Node(id string) (Node, bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	m, known := g.table.members[id]
	if !known {
		return Node{}, false
	}
	return m.Node, true
}

// Self returns this node's own row; with port 0 its gossip address names the port that was found.
func (g *Gossip) Self() Node {
	n, _ := g.Node(g.id)
	return n
}

// Forget drops a node that is dead or has left. It reports whether there was one.
func (g *Gossip) Forget(id string) bool {
	g.mu.Lock()
	forgotten := id != g.id && g.table.forget(id)
	g.mu.Unlock()
	if forgotten {
		g.watchers.signal()
	}
	return forgotten
}

// Watch returns a channel that holds a signal whenever something changed since it was last received from, and a
// function that ends the watch. The channel is never closed.
func (g *Gossip) Watch() (<-chan struct{}, func()) { return g.watchers.add() }

// Stats returns the counters.
func (g *Gossip) Stats() Stats {
	g.mu.Lock()
	s := g.stats
	g.mu.Unlock()
	s.LogLinesDropped = g.log.dropped.Load()
	return s
}

func (g *Gossip) count(f func(*Stats)) {
	g.mu.Lock()
	defer g.mu.Unlock()
	f(&g.stats)
}

func (g *Gossip) stateLocked(id string) State {
	if m, known := g.table.members[id]; known {
		return m.State
	}
	return 0
}

// Close stops gossiping without a word: to others this node looks dead, unless Leave came first. It may be called
// twice.
func (g *Gossip) Close() error {
	g.cancel()
	g.lifecycle.Lock()
	defer g.lifecycle.Unlock()
	if g.closed {
		return nil
	}
	g.closed = true
	err := g.list.Shutdown()
	g.loops.Wait()
	g.stopLog()
	g.logEnded.Wait()
	if err != nil {
		return fmt.Errorf("close gossip: %w", err)
	}
	return nil
}
