package respserver

import (
	"errors"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"github.com/holtcache/holt/gateway/acl"
	"github.com/holtcache/holt/gateway/command"
	"github.com/holtcache/holt/gateway/pubsub"
	"github.com/holtcache/holt/gateway/resp"
	"github.com/holtcache/holt/proto/slot"
)

// Server serves RESP connections from any number of listeners.
type Server struct {
	cfg      Config
	limits   Limits
	rows     map[*command.Spec]*row
	tracking *tracking
	// hub is who listens here, hubAway who does elsewhere; nobody publishes to the second one.
	hub      *pubsub.Hub
	hubAway  *pubsub.Hub
	shards   shardWatch
	topology topology
	stats    counters
	observer observer
	hot      hotKeys
	pauses   pauses
	started  time.Time
	lastID   atomic.Int64
	// held is what all connections hold (held.go).
	held  atomic.Int64
	large turns

	mu        sync.Mutex // protects the fields below
	conns     map[int64]*conn
	listeners map[net.Listener]struct{}
	closed    bool
	// stop is closed by Close.
	stop chan struct{}
	// running counts connections' goroutines and calls of Serve.
	running sync.WaitGroup
}

// New returns a server without listeners.
func New(cfg Config) *Server {
	if cfg.Protocol == (resp.Limits{}) {
		cfg.Protocol = resp.DefaultLimits()
	}
	if cfg.Access == nil {
		cfg.Access = acl.NewRegistry(cfg.Table, "", cfg.Logger)
	}
	s := &Server{
		cfg:       cfg,
		limits:    cfg.Limits.withDefaults(),
		rows:      newRows(cfg.Table),
		started:   time.Now(),
		large:     make(turns, largeAtOnce),
		conns:     map[int64]*conn{},
		listeners: map[net.Listener]struct{}{},
		stop:      make(chan struct{}),
	}
	s.observer.init()
	s.stats.base.Store(&statsBase{})
	s.hub, s.hubAway = pubsub.New(command.MatchGlob), pubsub.New(command.MatchGlob)
	s.tracking = newTracking(s.limits.TrackingBytesMax)
	cfg.Access.Watch(s.usersChanged)
	return s
}

// ErrClosed is what Serve returns after Close.
var ErrClosed = errors.New("RESP server closed")

// acceptPause is how long Serve waits after an error of Accept that may pass, such as too many open files.
const acceptPause = 20 * time.Millisecond

// Serve accepts connections until the server or the listener is closed. It closes the listener.
func (s *Server) Serve(l net.Listener) error {
	defer l.Close()
	if !s.enter(l) {
		return ErrClosed
	}
	defer s.running.Done()
	for {
		nc, err := l.Accept()
		if err == nil {
			s.serveConn(nc)
			continue
		}
		if s.isClosed() {
			return ErrClosed
		}
		if errors.Is(err, net.ErrClosed) {
			return err
		}
		s.cfg.Logger.Warn("accept on the RESP port; trying again", "error", err)
		select {
		case <-time.After(acceptPause):
		case <-s.stop:
			return ErrClosed
		}
	}
}

func (s *Server) enter(l net.Listener) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return false
	}
	s.listeners[l] = struct{}{}
	s.running.Add(1)
	return true
}

func (s *Server) isClosed() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.closed
}

// refuseMax bounds the write of the one line that a connection over the limit gets.
const refuseMax = 100 * time.Millisecond

// refuse writes one line and closes. A client that speaks TLS hears nothing, as in Redis: the line would have to wait for its
// handshake.
func refuse(nc net.Conn, line string) {
	if _, secure := nc.(handshaker); !secure {
		_ = nc.SetWriteDeadline(time.Now().Add(refuseMax))
		_, _ = nc.Write([]byte(line))
	}
	_ = nc.Close()
}

// serveConn starts the goroutine of a connection, or refuses it.
func (s *Server) serveConn(nc net.Conn) {
	s.mu.Lock()
	if s.closed || len(s.conns) >= s.limits.ClientsMax {
		s.mu.Unlock()
		s.stats.refused.Add(1)
		refuse(nc, "-ERR max number of clients reached\r\n")
		return
	}
	c := newConn(s, nc, s.lastID.Add(1))
	s.conns[c.id] = c
	s.running.Add(1)
	s.mu.Unlock()
	s.stats.accepted.Add(1)
	go func() {
		defer s.running.Done()
		c.run()
	}()
}

func (s *Server) forget(c *conn) {
	s.mu.Lock()
	delete(s.conns, c.id)
	s.mu.Unlock()
}

// clients lists the connections by id.
func (s *Server) clients() []*conn {
	s.mu.Lock()
	defer s.mu.Unlock()
	list := make([]*conn, 0, len(s.conns))
	for _, c := range s.conns {
		list = append(list, c)
	}
	return list
}

// Close stops accepting, lets commands in flight be answered, and returns when no goroutine of the server is left.
// Connections that are not done after Limits.CloseMax are cut.
func (s *Server) Close() error {
	s.mu.Lock()
	first := !s.closed
	s.closed = true
	if first {
		close(s.stop)
	}
	for l := range s.listeners {
		_ = l.Close()
	}
	s.mu.Unlock()
	for _, c := range s.clients() {
		c.wake()
	}
	cut := time.AfterFunc(s.limits.CloseMax, func() {
		for _, c := range s.clients() {
			_ = c.nc.Close()
		}
	})
	defer cut.Stop()
	s.running.Wait()
	return nil
}

// KeyChanged says that a replica of this node applied a change of a key. It does not block, and costs one atomic load
// while no connection tracks keys.
func (s *Server) KeyChanged(key []byte) { s.tracking.keyChanged(key) }

// SlotsChanged says that anything may have changed in these slots of a replica of this node. It does not block.
func (s *Server) SlotsChanged(slots []slot.Range) { s.tracking.slotsChanged(slots) }
