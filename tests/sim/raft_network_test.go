package sim

import (
	"context"
	"encoding/binary"
	"errors"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"sync"
	"time"

	"github.com/holtcache/holt/shard/transport"
)

// raftNetwork carries the connections of shard/transport in memory and harms their frames. A directed pair of nodes is
// a path; each frame on it, request or reply, has a fate of its own. Only the frames of a handshake and of a snapshot
// stay in order, which the code above takes from TCP.
type raftNetwork struct {
	serving sync.WaitGroup // accepted connections

	mu    sync.Mutex // protects the fields below
	rnd   *rand.Rand
	hosts map[string]*raftHost
	paths map[[2]string]*raftPath
	stats networkStats
}

// networkStats counts what happened to frames.
type networkStats struct{ sent, lost, doubled, held, late int }

// raftHost is one run of a node as the network sees it.
type raftHost struct {
	id    string
	serve func(net.Conn)
	dead  bool // guarded by raftNetwork.mu
}

// raftPath is what happens to frames from one node to another.
type raftPath struct {
	cut          bool
	loss, double float64
	least, most  time.Duration // of delay
	hold         func(frameInfo) bool
	drop         func(frameInfo) bool
	slow         func(frameInfo) time.Duration
	held         []func()
	lastInOrder  time.Time
}

// frameInfo tells a script what a frame is.
type frameInfo struct {
	kind  byte
	reply bool
}

// Kinds of frames, as shard/transport/wire.go numbers them on the wire for good.
const (
	kindWelcome               = 2
	kindRefused               = 3
	kindPong                  = 5
	kindTimeoutNow            = 11
	kindHeartbeatReplies      = 14
	kindConfirm               = 15
	kindConfirmReply          = 16
	kindAppend                = 17
	kindAppendReply           = 18
	kindSnapshotBegin         = 19
	kindSnapshotReply         = 24
	kindHello                 = 1
	frameLengthBytes          = 4
	defaultDelay              = 200 * time.Microsecond
	everyFrame           byte = 0
)

func newRaftNetwork(rnd *rand.Rand) *raftNetwork {
	return &raftNetwork{rnd: rnd, hosts: map[string]*raftHost{}, paths: map[[2]string]*raftPath{}}
}

// join makes a run of a node reachable, in place of the run before.
func (n *raftNetwork) join(id string, serve func(net.Conn)) *raftHost {
	n.mu.Lock()
	defer n.mu.Unlock()
	h := &raftHost{id: id, serve: serve}
	n.hosts[id] = h
	return h
}

// leave takes a run of a node off the network for good. Nobody is told.
func (n *raftNetwork) leave(h *raftHost) {
	n.mu.Lock()
	defer n.mu.Unlock()
	h.dead = true
	if n.hosts[h.id] == h {
		delete(n.hosts, h.id)
	}
}

func (n *raftNetwork) pathLocked(from, to string) *raftPath {
	p := n.paths[[2]string{from, to}]
	if p == nil {
		p = &raftPath{least: defaultDelay, most: defaultDelay}
		n.paths[[2]string{from, to}] = p
	}
	return p
}

// change changes one path.
func (n *raftNetwork) change(from, to string, f func(*raftPath)) {
	n.mu.Lock()
	defer n.mu.Unlock()
	f(n.pathLocked(from, to))
}

// cut cuts both directions between each of some nodes and each of the others.
func (n *raftNetwork) cut(some, others []string) {
	for _, a := range some {
		for _, b := range others {
			if a != b {
				n.change(a, b, func(p *raftPath) { p.cut = true })
				n.change(b, a, func(p *raftPath) { p.cut = true })
			}
		}
	}
}

// holdBack keeps frames of a kind (everyFrame for all) that are to go from one node to another until release.
func (n *raftNetwork) holdBack(from, to string, kind byte) {
	n.change(from, to, func(p *raftPath) {
		p.hold = func(f frameInfo) bool { return kind == everyFrame || f.kind == kind }
	})
}

// release delivers what was held back on a path, in order, unless the path is cut.
func (n *raftNetwork) release(from, to string) {
	n.mu.Lock()
	p := n.pathLocked(from, to)
	held := p.held
	p.hold, p.held = nil, nil
	n.stats.late += len(held)
	n.mu.Unlock()
	for _, deliver := range held {
		deliver()
	}
}

// heal ends every fault and delivers what was held back.
func (n *raftNetwork) heal() {
	n.mu.Lock()
	var held []func()
	for _, p := range n.paths {
		held = append(held, p.held...)
		n.stats.late += len(p.held)
		*p = raftPath{least: defaultDelay, most: defaultDelay, lastInOrder: p.lastInOrder}
	}
	n.mu.Unlock()
	for _, deliver := range held {
		deliver()
	}
}

func (n *raftNetwork) counts() networkStats {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.stats
}

var errConnRefused = errors.New("connection refused")

// dialer returns how a run of a node dials. The address of a node is its id.
func (n *raftNetwork) dialer(from func() *raftHost) func(context.Context, string) (net.Conn, error) {
	return func(ctx context.Context, addr string) (net.Conn, error) {
		h := from()
		n.mu.Lock()
		to := n.hosts[addr]
		cut := h.dead || n.pathLocked(h.id, addr).cut || n.pathLocked(addr, h.id).cut
		n.mu.Unlock()
		if cut {
			<-ctx.Done() // nobody answers
			return nil, ctx.Err()
		}
		if to == nil {
			return nil, errConnRefused
		}
		requests := &stream{net: n, from: h, to: to, preface: len(transport.Preface), wake: make(chan struct{}, 1)}
		replies := &stream{net: n, from: to, to: h, reply: true, wake: make(chan struct{}, 1)}
		n.serving.Go(func() { to.serve(&streamConn{in: requests, out: replies}) })
		return &streamConn{in: replies, out: requests}, nil
	}
}

// stream is one direction of a connection.
type stream struct {
	net      *raftNetwork
	from, to *raftHost
	reply    bool // carries replies

	mu      sync.Mutex // protects the fields below; raftNetwork.mu is never taken with it held
	preface int        // bytes still to come that are no frame
	parse   []byte     // written, not yet a whole frame
	inbox   []byte     // arrived, not yet read
	closed  bool
	wake    chan struct{}
}

func (s *stream) write(p []byte) error {
	s.mu.Lock()
	if s.closed {
		s.mu.Unlock()
		return io.ErrClosedPipe
	}
	s.parse = append(s.parse, p...)
	var frames [][]byte
	for {
		size, ok := s.wholeLocked()
		if !ok {
			break
		}
		frames = append(frames, append([]byte(nil), s.parse[:size]...))
		s.parse = s.parse[size:]
	}
	s.mu.Unlock()
	for _, f := range frames {
		s.net.send(s, f)
	}
	return nil
}

// wholeLocked is the size of the first frame if all of it was written. The preface goes with the first frame.
func (s *stream) wholeLocked() (size int, ok bool) {
	head := s.preface + frameLengthBytes
	if len(s.parse) < head {
		return 0, false
	}
	size = head + int(binary.LittleEndian.Uint32(s.parse[s.preface:]))
	if len(s.parse) < size {
		return 0, false
	}
	s.preface = 0
	return size, true
}

// send decides the fate of one frame.
func (n *raftNetwork) send(s *stream, frame []byte) {
	at := frameLengthBytes
	if len(frame) > len(transport.Preface) && string(frame[:len(transport.Preface)]) == string(transport.Preface) {
		at += len(transport.Preface)
	}
	info := frameInfo{kind: frame[at], reply: s.reply}
	inOrder := info.kind <= kindRefused || info.kind >= kindSnapshotBegin && info.kind <= kindSnapshotReply
	deliver := func() {
		n.mu.Lock()
		gone := s.from.dead || s.to.dead || n.pathLocked(s.from.id, s.to.id).cut
		if gone {
			n.stats.lost++
		}
		n.mu.Unlock()
		if !gone {
			s.arrive(frame)
		}
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	p := n.pathLocked(s.from.id, s.to.id)
	n.stats.sent++
	switch {
	case s.from.dead || s.to.dead || p.cut || p.drop != nil && p.drop(info):
		n.stats.lost++
		return
	case p.hold != nil && p.hold(info):
		n.stats.held++
		p.held = append(p.held, deliver)
		return
	case inOrder:
		due := time.Now().Add(n.delayLocked(p, info))
		if due.Before(p.lastInOrder) {
			due = p.lastInOrder
		}
		due = due.Add(time.Nanosecond) // timers of one instant fire in any order
		p.lastInOrder = due
		time.AfterFunc(time.Until(due), deliver)
		return
	case n.rnd.Float64() < p.loss:
		n.stats.lost++
		return
	case n.rnd.Float64() < p.double:
		n.stats.doubled++
		time.AfterFunc(n.delayLocked(p, info), deliver)
	}
	time.AfterFunc(n.delayLocked(p, info), deliver)
}

func (n *raftNetwork) delayLocked(p *raftPath, info frameInfo) time.Duration {
	if p.slow != nil {
		return p.slow(info)
	}
	return p.least + time.Duration(n.rnd.Int64N(int64(p.most-p.least)+1))
}

func (s *stream) arrive(frame []byte) {
	s.mu.Lock()
	if !s.closed {
		s.inbox = append(s.inbox, frame...)
	}
	s.mu.Unlock()
	s.signal()
}

func (s *stream) signal() {
	select {
	case s.wake <- struct{}{}:
	default:
	}
}

func (s *stream) close() {
	s.mu.Lock()
	s.closed = true
	s.mu.Unlock()
	s.signal()
}

// take reads what has arrived; io.EOF when the stream is closed and nothing is left.
func (s *stream) take(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.inbox) > 0 {
		n := copy(p, s.inbox)
		s.inbox = s.inbox[n:]
		return n, nil
	}
	if s.closed {
		return 0, io.EOF
	}
	return 0, nil
}

// streamConn is one end of a connection. Writes never block.
type streamConn struct {
	in, out *stream

	mu       sync.Mutex // protects the fields below
	deadline time.Time
	closed   bool
}

var _ net.Conn = (*streamConn)(nil)

// Read waits for bytes. One goroutine reads.
func (c *streamConn) Read(p []byte) (int, error) {
	for {
		if n, err := c.in.take(p); n > 0 || err != nil {
			return n, err
		}
		c.mu.Lock()
		deadline, closed := c.deadline, c.closed
		c.mu.Unlock()
		if closed {
			return 0, net.ErrClosed
		}
		if deadline.IsZero() {
			<-c.in.wake
			continue
		}
		left := time.Until(deadline)
		if left <= 0 {
			return 0, os.ErrDeadlineExceeded
		}
		timer := time.NewTimer(left)
		select {
		case <-c.in.wake:
		case <-timer.C:
		}
		timer.Stop()
	}
}

func (c *streamConn) Write(p []byte) (int, error) {
	if err := c.out.write(p); err != nil {
		return 0, err
	}
	return len(p), nil
}

// Close closes both directions; the other end hears of it only where the path is whole.
func (c *streamConn) Close() error {
	c.mu.Lock()
	first := !c.closed
	c.closed = true
	c.mu.Unlock()
	if !first {
		return nil
	}
	c.in.close()
	n := c.out.net
	n.mu.Lock()
	tell := !c.out.from.dead && !c.out.to.dead && !n.pathLocked(c.out.from.id, c.out.to.id).cut
	n.mu.Unlock()
	if tell {
		c.out.close()
	}
	return nil
}

func (c *streamConn) SetReadDeadline(t time.Time) error {
	c.mu.Lock()
	c.deadline = t
	c.mu.Unlock()
	c.in.signal()
	return nil
}

func (c *streamConn) SetDeadline(t time.Time) error    { return c.SetReadDeadline(t) }
func (c *streamConn) SetWriteDeadline(time.Time) error { return nil }
func (c *streamConn) LocalAddr() net.Addr              { return pipeAddr(c.out.from.id) }
func (c *streamConn) RemoteAddr() net.Addr             { return pipeAddr(c.out.to.id) }

type pipeAddr string

func (pipeAddr) Network() string  { return "memory" }
func (a pipeAddr) String() string { return string(a) }
