package proxy

import (
	"context"
	"net"
	"sync"
	"time"

	"github.com/holtcache/holt/gateway/router"
	"github.com/holtcache/holt/proto/apierr"
	"github.com/holtcache/holt/proto/slot"
)

// Session is what clients must have in common to share a connection.
type Session struct {
	Proto    int
	Ack      router.Ack
	ReadMode router.ReadMode
	// Lane is which of the connections of this kind to one leader it is.
	Lane int
	// Login is how the clients have said who they are.
	Login Login
}

// Login is a user with a password that is his; its zero value is a client that was not asked who he is.
type Login struct{ User, Password string }

// lanesPerLeader is how many connections to a leader clients of a kind share: a large reply delays those behind it on its own one.
const lanesPerLeader = 4

// Config is what a pool is made of.
type Config struct {
	// Dial connects to the RESP address of a node.
	Dial func(ctx context.Context, addr string) (net.Conn, error)
	// Doubted hears that a node was not where it was looked for, or not the leader; nil: nobody does.
	Doubted func()
}

// Pool is the connections to all nodes.
type Pool struct {
	cfg Config

	mu     sync.Mutex // protects the fields below
	lanes  map[laneKey]*lane
	ears   map[*Ear]struct{}
	closed bool
	wg     sync.WaitGroup
}

type laneKey struct {
	addr string
	Session
}

// NewPool returns a pool without connections.
func NewPool(cfg Config) *Pool {
	if cfg.Doubted == nil {
		cfg.Doubted = func() {}
	}
	return &Pool{cfg: cfg, lanes: map[laneKey]*lane{}, ears: map[*Ear]struct{}{}}
}

var errClosed = apierr.New(apierr.KindShutdown, "this server is shutting down; not applied")

// lane is the shared connection of a kind to an address, connected or not.
func (p *Pool) lane(addr string, s Session) (*lane, error) {
	s.Lane %= lanesPerLeader
	key := laneKey{addr, s}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		return nil, errClosed
	}
	l := p.lanes[key]
	if l == nil || l.over() {
		l = newLane(p, addr, s)
		p.lanes[key] = l
	}
	return l, nil
}

// alone is a connection that one client has to itself.
func (p *Pool) alone(addr string, s Session) *lane { return newLane(p, addr, s) }

// enter counts a goroutine of a lane in, unless the pool is closed.
func (p *Pool) enter() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		return false
	}
	p.wg.Add(1)
	return true
}

// keep has the connection end with the pool.
func (p *Pool) keep(e *Ear) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.ears[e] = struct{}{}
	if p.closed {
		e.hangUp()
	}
}

func (p *Pool) forget(e *Ear) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.ears, e)
}

// Replica is the replica of a shard at the node that leads it, for a session.
func (p *Pool) Replica(shard slot.ShardID, leader router.Node, s Session) router.Remote {
	return &replica{pool: p, shard: shard, addr: leader.RESP, session: s}
}

// Ask sends one command to a node and returns its reply.
func (p *Pool) Ask(addr string, s Session, command [][]byte, readOnly bool, deadline time.Time) ([]byte, error) {
	f := &flight{r: &replica{pool: p, addr: addr, session: s}}
	op := &router.Op{Command: command, ReadOnly: readOnly, AllSlots: true}
	if err := f.Submit(op); err != nil {
		return nil, err
	}
	f.Wait(deadline)
	if op.Err != nil {
		return nil, op.Err
	}
	return op.Reply, nil
}

// Close ends all connections and returns when nothing runs any more.
func (p *Pool) Close() {
	p.mu.Lock()
	p.closed = true
	lanes := p.lanes
	p.lanes = map[laneKey]*lane{}
	p.mu.Unlock()
	for _, l := range lanes {
		l.fail(errClosed)
	}
	p.mu.Lock()
	for e := range p.ears {
		e.hangUp()
	}
	p.mu.Unlock()
	p.wg.Wait()
}
