package transport

import (
	"bytes"
	"fmt"
	"sync"
	"sync/atomic"

	"github.com/hashicorp/raft"
)

// consumerMax bounds the requests of one group that wait for raft. Raft sends one append, one heartbeat and
// at most one vote per node at a time, so more than this means that the group does not keep up.
const consumerMax = 64

// Group carries the messages of one Raft group. It is the raft.Transport of the group's replica on this node.
type Group struct {
	t         *Transport
	id        GroupID
	consumer  chan raft.RPC
	stamps    chan Stamps
	stopped   chan struct{} // closed by stop
	stopOnce  sync.Once
	guard     atomic.Pointer[func(Ballot) bool]
	suspended atomic.Pointer[func() bool]
	lastIndex atomic.Pointer[func() uint64]
	heard     atomic.Pointer[func(Heard)]
	logEnd    atomic.Pointer[func() (LogEnd, error)]
	applied   atomic.Pointer[func() uint64]

	mu       sync.Mutex // protects the fields below
	term     uint64     // highest term this replica is known to have been in
	match    map[string]uint64
	applies  map[string]uint64 // as AppliedIndex tells
	lives    map[string]uint64 // how often the match of a node was forgotten
	campaign campaign
}

var (
	_ raft.Transport   = (*Group)(nil)
	_ raft.WithPreVote = (*Group)(nil)
	_ raft.WithClose   = (*Group)(nil)
)

func newGroup(t *Transport, id GroupID) *Group {
	return &Group{
		t: t, id: id,
		consumer: make(chan raft.RPC, consumerMax),
		stamps:   make(chan Stamps, stampsQueued),
		stopped:  make(chan struct{}),
		match:    make(map[string]uint64),
		applies:  make(map[string]uint64),
		lives:    make(map[string]uint64),
	}
}

// Consumer implements raft.Transport.
func (g *Group) Consumer() <-chan raft.RPC { return g.consumer }

// LocalAddr implements raft.Transport: the address of a node is its id.
func (g *Group) LocalAddr() raft.ServerAddress { return raft.ServerAddress(g.t.cfg.NodeID) }

// EncodePeer implements raft.Transport.
func (g *Group) EncodePeer(_ raft.ServerID, addr raft.ServerAddress) []byte { return []byte(addr) }

// DecodePeer implements raft.Transport.
func (g *Group) DecodePeer(p []byte) raft.ServerAddress { return raft.ServerAddress(p) }

// SetHeartbeatHandler implements raft.Transport and ignores the handler: heartbeats go through Consumer, because the
// fast path changes term and state beside raft's main goroutine (hashicorp/raft#695).
func (g *Group) SetHeartbeatHandler(func(raft.RPC)) {}

// AppendEntriesPipeline implements raft.Transport; there is none (hashicorp/raft#612).
func (g *Group) AppendEntriesPipeline(raft.ServerID, raft.ServerAddress) (raft.AppendPipeline, error) {
	return nil, raft.ErrPipelineReplicationNotSupported
}

// SetSuspended sets the disk-stall watchdog: while f returns true no heartbeat, append, snapshot or positive
// Confirm answer leaves for this group.
func (g *Group) SetSuspended(f func() bool) { g.suspended.Store(&f) }

func holds(f *atomic.Pointer[func() bool]) bool {
	p := f.Load()
	return p != nil && *p != nil && (*p)()
}

func (g *Group) checkSuspended() error {
	if !holds(&g.suspended) {
		return nil
	}
	return fmt.Errorf("group %d on node %s: %w", g.id, g.t.cfg.NodeID, ErrSuspended)
}

// MatchIndex returns the highest index that the node acknowledged to this replica as leader of the current
// term, 0 if it has not yet.
func (g *Group) MatchIndex(node string) uint64 {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.match[node]
}

// ForgetMatch makes MatchIndex of a node 0 until it acknowledges what is sent to it from here on: it comes back without what it
// had.
func (g *Group) ForgetMatch(node string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	delete(g.match, node)
	delete(g.applies, node)
	g.lives[node]++
}

// life tells, of a message that is about to be sent, which life of the node it goes to.
func (g *Group) life(node string) uint64 {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.lives[node]
}

// sawTerm notes a term that this replica is or was in. What was acknowledged in an earlier one may have been
// overwritten since.
func (g *Group) sawTerm(term uint64) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.sawTermLocked(term)
}

func (g *Group) sawTermLocked(term uint64) {
	if term > g.term {
		g.term = term
		clear(g.match)
		clear(g.applies)
	}
}

// passed says whether this replica has seen a term after this one.
func (g *Group) passed(term uint64) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.term > term
}

// matched notes that the node holds this leader's log up to index, in the life that the message went to.
func (g *Group) matched(node string, life, term, index uint64) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.sawTermLocked(term)
	if term == g.term && life == g.lives[node] {
		g.match[node] = max(g.match[node], index)
	}
}

// deliver passes an incoming request to raft without blocking. The response comes on the returned channel.
func (g *Group) deliver(rpc raft.RPC) (<-chan raft.RPCResponse, error) {
	response := make(chan raft.RPCResponse, 1) // raft must never block on it
	rpc.RespChan = response
	select {
	case <-g.stopped:
		return nil, g.unknown()
	default:
	}
	select {
	case g.consumer <- rpc:
		return response, nil
	default:
		g.t.count.consumerFull.Add(1)
		return nil, fmt.Errorf("%w: %d requests wait for group %d on node %s", ErrBusy, consumerMax, g.id, g.t.cfg.NodeID)
	}
}

func (g *Group) unknown() error {
	return fmt.Errorf("group %d on node %s: %w", g.id, g.t.cfg.NodeID, ErrUnknownGroup)
}

// checkSender refuses a message that names another node than its connection belongs to: raft counts votes by
// the address in the message.
func checkSender(h raft.RPCHeader, node string) error {
	if bytes.Equal(h.ID, []byte(node)) && bytes.Equal(h.Addr, []byte(node)) {
		return nil
	}
	return fmt.Errorf("%w: message of node %s names %q at %q as its sender", ErrMalformed, node, h.ID, h.Addr)
}

// Close implements raft.WithClose: every call of the group fails, and requests for it are refused.
func (g *Group) Close() error {
	g.t.unregister(g)
	g.stop()
	return nil
}

func (g *Group) stop() { g.stopOnce.Do(func() { close(g.stopped) }) }
