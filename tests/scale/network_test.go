package scale

import (
	"context"
	"errors"
	"fmt"
	"log"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"github.com/hashicorp/memberlist"

	"github.com/holtcache/holt/shard/gossip"
)

// oneWay is how long a packet or a piece of a stream is on its way: that of a data centre.
const oneWay = 250 * time.Microsecond

// headerBytes is what IP and UDP add to a packet, and IP and TCP, about, to a piece of a stream.
const headerBytes = 28

// network carries packets and streams between nodes of one process.
type network struct {
	mu    sync.Mutex // protects nodes
	nodes map[string]*sockets
	// packets, bytes count what was sent, headers included.
	packets, bytes atomic.Int64
}

func newNetwork() *network { return &network{nodes: map[string]*sockets{}} }

// listen is a node's way into the network.
func (n *network) listen(bind netip.AddrPort, _ *log.Logger) (gossip.Sockets, error) {
	s := &sockets{network: n, at: bind, packets: make(chan *memberlist.Packet, 4096), streams: make(chan net.Conn), gone: make(chan struct{})}
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.nodes[bind.String()] != nil {
		return nil, fmt.Errorf("%s is taken", bind)
	}
	n.nodes[bind.String()] = s
	return s, nil
}

// cut takes a node off the network without a word.
func (n *network) cut(addr string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	delete(n.nodes, addr)
}

// find returns the node at addr, if from is on the network too.
func (n *network) find(from *sockets, addr string) *sockets {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.nodes[from.at.String()] != from {
		return nil
	}
	return n.nodes[addr]
}

func (n *network) count(bytes int) {
	n.packets.Add(1)
	n.bytes.Add(int64(bytes + headerBytes))
}

// sockets are one node's.
type sockets struct {
	network *network
	at      netip.AddrPort
	packets chan *memberlist.Packet
	streams chan net.Conn
	gone    chan struct{}
	once    sync.Once
}

var _ gossip.Sockets = (*sockets)(nil)

func (s *sockets) Port() int { return int(s.at.Port()) }

func (s *sockets) FinalAdvertiseAddr(string, int) (net.IP, int, error) {
	return s.at.Addr().AsSlice(), s.Port(), nil
}

func (s *sockets) PacketCh() <-chan *memberlist.Packet { return s.packets }

func (s *sockets) StreamCh() <-chan net.Conn { return s.streams }

func (s *sockets) WriteTo(b []byte, addr string) (time.Time, error) {
	s.network.count(len(b))
	now := time.Now()
	to := s.network.find(s, addr)
	if to == nil {
		return now, nil // a packet to nowhere is lost
	}
	p := &memberlist.Packet{Buf: append([]byte(nil), b...), From: net.UDPAddrFromAddrPort(s.at)}
	time.AfterFunc(oneWay, func() {
		p.Timestamp = time.Now()
		select {
		case to.packets <- p:
		default: // the receiver is behind
		}
	})
	return now, nil
}

func (s *sockets) WriteToAddress(b []byte, a memberlist.Address) (time.Time, error) {
	return s.WriteTo(b, a.Addr)
}

func (s *sockets) Dial(ctx context.Context, addr string, timeout time.Duration) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	to := s.network.find(s, addr)
	if to == nil {
		<-ctx.Done() // nobody answers
		return nil, fmt.Errorf("dial %s: %w", addr, ctx.Err())
	}
	near, far := net.Pipe()
	s.network.count(0) // about the three of a handshake
	select {
	case to.streams <- &piped{Conn: far, from: s, network: s.network}:
		return &piped{Conn: near, from: to, network: s.network}, nil
	case <-to.gone:
	case <-ctx.Done():
	}
	return nil, errors.Join(near.Close(), far.Close(), fmt.Errorf("dial %s: nobody accepts", addr))
}

func (s *sockets) DialTimeout(addr string, timeout time.Duration) (net.Conn, error) {
	return s.Dial(context.Background(), addr, timeout)
}

func (s *sockets) DialAddressTimeout(a memberlist.Address, timeout time.Duration) (net.Conn, error) {
	return s.DialTimeout(a.Addr, timeout)
}

func (s *sockets) Shutdown() error {
	s.once.Do(func() { close(s.gone) })
	return nil
}

// piped is one end of a stream.
type piped struct {
	net.Conn
	from    *sockets
	network *network
}

func (p *piped) Write(b []byte) (int, error) {
	p.network.count(len(b))
	return p.Conn.Write(b)
}

func (p *piped) RemoteAddr() net.Addr { return net.TCPAddrFromAddrPort(p.from.at) }
