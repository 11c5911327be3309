package transport

import (
	"fmt"
	"maps"
	"net"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
)

// Transport is one node's end of the connections to all other nodes.
type Transport struct {
	cfg     Config
	count   counters
	closing chan struct{} // closed by Close
	confirm atomic.Pointer[func(GroupTerm) bool]
	retired atomic.Bool
	// heldBack names the groups whose replicas here do not stand for election for now; nil for none.
	heldBack atomic.Pointer[func(GroupID) bool]

	mu       sync.Mutex // protects the fields below; never held across I/O or a channel send
	closed   bool
	groups   map[GroupID]*Group
	links    map[string]*link // by node id
	incoming map[incomingKey]*inConn
	greeting map[net.Conn]struct{} // accepted, handshake not finished
	running  sync.WaitGroup        // Add only with mu held and closed false
}

// link is what this node sends to one other node.
type link struct {
	control, data lane
	heartbeats    heartbeatQueue
}

// New checks the config, makes the spool folder and empties it: what is there was left by a crash.
func New(cfg Config) (*Transport, error) {
	cfg, err := cfg.withDefaults()
	if err != nil {
		return nil, err
	}
	if err := os.MkdirAll(cfg.SpoolDir, 0o700); err != nil {
		return nil, fmt.Errorf("create spool folder: %w", err)
	}
	leftovers, err := filepath.Glob(filepath.Join(cfg.SpoolDir, spoolPattern))
	if err != nil {
		return nil, fmt.Errorf("list spool folder: %w", err)
	}
	for _, name := range leftovers {
		if err := os.Remove(name); err != nil {
			return nil, fmt.Errorf("empty spool folder: %w", err)
		}
	}
	return &Transport{
		cfg:      cfg,
		closing:  make(chan struct{}),
		groups:   make(map[GroupID]*Group),
		links:    make(map[string]*link),
		incoming: make(map[incomingKey]*inConn),
		greeting: make(map[net.Conn]struct{}),
	}, nil
}

// Group registers a group that this node has a replica of. It can be registered again after Group.Close.
func (t *Transport) Group(id GroupID) (*Group, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.closed {
		return nil, ErrClosed
	}
	if t.groups[id] != nil {
		return nil, fmt.Errorf("group %d is registered already", id)
	}
	g := newGroup(t, id)
	t.groups[id] = g
	return g, nil
}

// group returns nil if the group does not run here.
func (t *Transport) group(id GroupID) *Group {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.groups[id]
}

func (t *Transport) unregister(g *Group) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.groups[g.id] == g {
		delete(t.groups, g.id)
	}
}

// ServeConfirm sets what answers an incoming Confirm: true iff the group runs here and its current term is at most
// Term. f must not block: it runs on the reader of the control connection. Until it is set every answer is false.
func (t *Transport) ServeConfirm(f func(GroupTerm) bool) { t.confirm.Store(&f) }

// Retire keeps every replica of this node from standing for election from here on: TimeoutNow is refused and no vote is
// asked for. It goes on voting. A node that is about to stop hands its leaderships over after this, so that none is
// handed back.
func (t *Transport) Retire() { t.retired.Store(true) }

// HoldBack keeps the replicas of the groups that f names from standing for election, as Retire does, until f names them no
// more; nil names none. A node that is loading its data would lead and not serve.
func (t *Transport) HoldBack(f func(GroupID) bool) {
	if f == nil {
		t.heldBack.Store(nil)
		return
	}
	t.heldBack.Store(&f)
}

// Forget closes the connections to a node that has left the cluster for good.
func (t *Transport) Forget(node string) {
	t.mu.Lock()
	l := t.links[node]
	delete(t.links, node)
	t.mu.Unlock()
	if l != nil {
		l.close()
	}
}

// link returns the link to a node, made on first use.
func (t *Transport) link(node string) (*link, error) {
	if node == t.cfg.NodeID {
		return nil, fmt.Errorf("node %s has no connection to itself", node)
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.closed {
		return nil, ErrClosed
	}
	l := t.links[node]
	if l == nil {
		l = &link{
			control: lane{t: t, node: node, kind: control},
			data:    lane{t: t, node: node, kind: data},
		}
		l.heartbeats.t, l.heartbeats.lane = t, &l.control
		t.links[node] = l
	}
	return l, nil
}

// dropData closes the data connection to a node that went silent on the other one.
func (t *Transport) dropData(node string, reason error) {
	t.mu.Lock()
	l := t.links[node]
	t.mu.Unlock()
	if l != nil {
		l.data.drop(reason)
	}
}

func (l *link) lane(kind connKind) *lane {
	if kind == control {
		return &l.control
	}
	return &l.data
}

func (l *link) close() {
	l.control.close()
	l.data.close()
}

// spawn runs f on a goroutine that Close waits for; false if the transport is closed.
func (t *Transport) spawn(f func()) bool {
	if !t.enter() {
		return false
	}
	go func() {
		defer t.running.Done()
		f()
	}()
	return true
}

// enter makes Close wait until running.Done is called; false if the transport is closed.
func (t *Transport) enter() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.closed {
		return false
	}
	t.running.Add(1)
	return true
}

func (t *Transport) isClosing() bool {
	select {
	case <-t.closing:
		return true
	default:
		return false
	}
}

// Close fails every call, closes every group and connection, and returns when nothing runs any more.
func (t *Transport) Close() error {
	t.mu.Lock()
	first := !t.closed
	t.closed = true
	if first {
		close(t.closing)
	}
	groups := slices.Collect(maps.Values(t.groups))
	links := slices.Collect(maps.Values(t.links))
	incoming := slices.Collect(maps.Values(t.incoming))
	greeting := slices.Collect(maps.Keys(t.greeting))
	t.groups, t.links = nil, nil
	t.mu.Unlock()
	for _, g := range groups {
		g.stop()
	}
	for _, l := range links {
		l.close()
	}
	for _, in := range incoming {
		in.close(ErrClosed)
	}
	for _, conn := range greeting {
		_ = conn.Close() // Serve reports what it was doing
	}
	t.running.Wait()
	return nil
}
