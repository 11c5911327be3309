package gossip

import (
	"context"
	"fmt"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"github.com/hashicorp/memberlist"
)

// streamsMax bounds the accepted TCP connections open at a time. memberlist starts a goroutine for each and may buffer
// megabytes on it before it knows who is there. Each lives for the stream timeout at most.
const streamsMax = 128

// transport is sockets with three additions: it closes all connections when it is shut down, it bounds the accepted ones,
// and it reports the outcome of probes.
type transport struct {
	Sockets
	streamTimeout time.Duration
	probed        func(node string, answered bool)

	ctx      context.Context // ends when the transport is shut down: cancels dials
	cancel   context.CancelFunc
	incoming chan net.Conn
	stop     chan struct{}
	done     sync.WaitGroup
	once     sync.Once

	mu       sync.Mutex // protects the fields below; never held across I/O
	open     map[*stream]struct{}
	accepted int // of those in open; at most streamsMax
}

var _ memberlist.NodeAwareTransport = (*transport)(nil)

func newTransport(sockets Sockets, streamTimeout time.Duration, probed func(string, bool)) *transport {
	ctx, cancel := context.WithCancel(context.Background())
	t := &transport{
		Sockets:       sockets,
		streamTimeout: streamTimeout,
		probed:        probed,
		ctx:           ctx,
		cancel:        cancel,
		incoming:      make(chan net.Conn),
		stop:          make(chan struct{}),
		open:          make(map[*stream]struct{}),
	}
	t.done.Go(t.accept)
	return t
}

// StreamCh hides that of the sockets: connections pass through accept first.
func (t *transport) StreamCh() <-chan net.Conn { return t.incoming }

// accept hands connections on until the sockets, which wait for their last one to be taken, are shut down.
func (t *transport) accept() {
	for {
		select {
		case conn := <-t.Sockets.StreamCh():
			s := &stream{Conn: conn, transport: t, accepted: true}
			if !t.track(s) {
				_ = conn.Close()
				continue
			}
			select {
			case t.incoming <- s:
			case <-t.ctx.Done():
				_ = s.Close()
			}
		case <-t.stop:
			return
		}
	}
}

// track reports false if the transport is shut down or too many connections have been accepted.
func (t *transport) track(s *stream) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.ctx.Err() != nil || s.accepted && t.accepted >= streamsMax {
		return false
	}
	t.open[s] = struct{}{}
	if s.accepted {
		t.accepted++
	}
	return true
}

func (t *transport) untrack(s *stream) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if _, tracked := t.open[s]; !tracked {
		return
	}
	delete(t.open, s)
	if s.accepted {
		t.accepted--
	}
}

// DialTimeout is part of memberlist.Transport.
func (t *transport) DialTimeout(addr string, timeout time.Duration) (net.Conn, error) {
	return t.DialAddressTimeout(memberlist.Address{Addr: addr}, timeout)
}

// DialAddressTimeout connects to a node. memberlist dials for two reasons: to exchange states, always with the
// configured timeout, and to ping a named node whose probe over UDP was not answered, with what is left of the probe
// interval (state.go, sendPingAndWaitForAck). The second is how we learn of unanswered probes.
func (t *transport) DialAddressTimeout(a memberlist.Address, timeout time.Duration) (net.Conn, error) {
	probe := a.Name != "" && timeout != t.streamTimeout
	conn, err := t.Dial(t.ctx, a.Addr, timeout)
	if err != nil {
		if probe && t.ctx.Err() == nil {
			t.probed(a.Name, false)
		}
		return nil, err
	}
	s := &stream{Conn: conn, transport: t}
	if probe {
		s.probe = a.Name
	}
	if !t.track(s) {
		_ = conn.Close()
		return nil, fmt.Errorf("dial %s: %w", a.Addr, ErrClosed)
	}
	return s, nil
}

// Shutdown closes the listeners and every connection, so that no goroutine of memberlist stays behind on one.
func (t *transport) Shutdown() error {
	var err error
	t.once.Do(func() {
		t.cancel()
		t.mu.Lock()
		open := make([]*stream, 0, len(t.open))
		for s := range t.open {
			open = append(open, s)
		}
		t.mu.Unlock()
		for _, s := range open {
			_ = s.Close()
		}
		err = t.Sockets.Shutdown()
		close(t.stop)
		t.done.Wait()
	})
	return err
}

// stream is one connection of the transport.
type stream struct {
	net.Conn
	transport *transport
	accepted  bool
	probe     string // the node that is pinged, if the connection is for that
	answered  atomic.Bool
	once      sync.Once
}

func (s *stream) Read(b []byte) (int, error) {
	n, err := s.Conn.Read(b)
	if n > 0 {
		s.answered.Store(true)
	}
	return n, err
}

// Close also reports the probe, unless it was cut short by our own shutdown.
func (s *stream) Close() error {
	err := s.Conn.Close()
	s.once.Do(func() {
		t := s.transport
		t.untrack(s)
		if s.probe != "" && t.ctx.Err() == nil {
			t.probed(s.probe, s.answered.Load())
		}
	})
	return err
}
