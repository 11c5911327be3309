package node

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"syscall"
	"time"

	"github.com/holtcache/holt/gateway/certs"
	"github.com/holtcache/holt/gateway/socket"
	"github.com/holtcache/holt/raftfsm/meta"
	"github.com/holtcache/holt/shard/transport"
)

// listeners are the TCP listeners of a node, all opened before anything else, so that a port in use is the first thing
// that is said.
type listeners struct {
	resp, grpc, cluster, http net.Listener
	addrs                     meta.Addresses // advertised
}

func openListeners(cfg Config, s *seam) (*listeners, error) {
	l := &listeners{}
	clients := func(ask certs.ClientCerts, protocols ...string) func(net.Listener) net.Listener {
		return func(l net.Listener) net.Listener { return s.forClients(l, ask, protocols...) }
	}
	for _, one := range []struct {
		what, flag, listen, advertise string
		secure                        func(net.Listener) net.Listener
		listener                      *net.Listener
		addr                          *string
	}{
		{"RESP", "--resp", cfg.Listen.RESP, cfg.Advertise.RESP, clients(cfg.TLS.AuthClients), &l.resp, &l.addrs.RESP},
		{"gRPC", "--grpc", cfg.Listen.GRPC, cfg.Advertise.GRPC, clients(cfg.TLS.AuthClients, "h2"), &l.grpc, &l.addrs.GRPC},
		{"cluster", "--cluster", cfg.Listen.Cluster, cfg.Advertise.Cluster, s.forNodes, &l.cluster, &l.addrs.Cluster},
		{"HTTP", "--http", cfg.Listen.HTTP, cfg.Advertise.HTTP, clients(certs.ClientCertsNone, "http/1.1"), &l.http, &l.addrs.HTTP},
	} {
		listener, err := net.Listen("tcp", one.listen)
		if err != nil {
			return nil, errors.Join(explainListen(one.what, one.flag, one.listen, err), l.close())
		}
		*one.listener = one.secure(socket.Listen(listener))
		if *one.addr, err = advertised(one.what, listener.Addr().String(), one.advertise); err != nil {
			return nil, errors.Join(err, l.close())
		}
	}
	if err := l.probeGossip(cfg); err != nil {
		return nil, errors.Join(err, l.close())
	}
	return l, nil
}

// probeGossip looks whether the gossip port is free, long before gossip begins, and settles its address.
func (l *listeners) probeGossip(cfg Config) error {
	probe, err := net.Listen("tcp", cfg.Listen.Gossip)
	if err != nil {
		return explainListen("gossip", "--gossip", cfg.Listen.Gossip, err)
	}
	listen := probe.Addr().String()
	udp, err := net.ListenPacket("udp", listen)
	if err != nil {
		return errors.Join(explainListen("gossip (UDP)", "--gossip", listen, err), probe.Close())
	}
	if err := errors.Join(udp.Close(), probe.Close()); err != nil {
		return err
	}
	l.addrs.Gossip, err = advertised("gossip", listen, cfg.Advertise.Gossip)
	return err
}

func explainListen(what, flag, addr string, err error) error {
	if errors.Is(err, syscall.EADDRINUSE) {
		return fmt.Errorf("%s address %s is in use by another process: stop that one, or choose another address with %s", what, addr, flag)
	}
	return fmt.Errorf("%s address %s: %w; choose another with %s", what, addr, err, flag)
}

func (l *listeners) close() error {
	var errs []error
	for _, listener := range []net.Listener{l.resp, l.grpc, l.cluster, l.http} {
		if listener == nil {
			continue
		}
		if err := listener.Close(); err != nil && !errors.Is(err, net.ErrClosed) {
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}

const (
	// prefaceTimeout bounds how long a connection of the cluster port may take to say what it is.
	prefaceTimeout = 5 * time.Second
	// prefacesMax bounds the connections that have not said it yet: nodes say it at once, so whoever opens more is none
	// of them, and is not to use up the descriptors of this process.
	prefacesMax = 256
)

// clusterPort shares one listener between Raft frames, which begin with transport.Preface, and gRPC, which begins with
// the preface of HTTP/2.
type clusterPort struct {
	listener net.Listener
	raft     func(net.Conn)
	grpc     chan net.Conn
	closing  chan struct{}
	once     sync.Once
	wg       sync.WaitGroup

	mu    sync.Mutex // protects the field below
	conns map[net.Conn]struct{}
}

func newClusterPort(l net.Listener, raft func(net.Conn)) *clusterPort {
	return &clusterPort{listener: l, raft: raft, grpc: make(chan net.Conn), closing: make(chan struct{}), conns: map[net.Conn]struct{}{}}
}

// serve accepts until the port is closed.
func (p *clusterPort) serve() {
	defer p.wg.Wait()
	for {
		conn, err := p.listener.Accept()
		if err != nil {
			if errors.Is(err, net.ErrClosed) {
				return
			}
			select {
			case <-p.closing:
				return
			case <-time.After(10 * time.Millisecond): // out of descriptors, say: it passes
			}
			continue
		}
		p.wg.Go(func() { p.sort(conn) })
	}
}

// sort reads the preface of a connection and hands it to whoever speaks that protocol.
func (p *clusterPort) sort(conn net.Conn) {
	if !p.hold(conn) {
		conn.Close()
		return
	}
	_ = conn.SetReadDeadline(time.Now().Add(prefaceTimeout))
	preface := make([]byte, len(transport.Preface))
	_, err := io.ReadFull(conn, preface)
	p.letGo(conn)
	if err != nil || conn.SetReadDeadline(time.Time{}) != nil {
		conn.Close()
		return
	}
	if bytes.Equal(preface, transport.Preface) {
		p.raft(conn)
		return
	}
	select {
	case p.grpc <- &prefixedConn{Conn: conn, prefix: preface}:
	case <-p.closing:
		conn.Close()
	}
}

// hold remembers a connection that has not said what it is, so that Close can end it. It refuses those beyond the limit.
func (p *clusterPort) hold(conn net.Conn) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	select {
	case <-p.closing:
		return false
	default:
	}
	if len(p.conns) >= prefacesMax {
		return false
	}
	p.conns[conn] = struct{}{}
	return true
}

func (p *clusterPort) letGo(conn net.Conn) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.conns, conn)
}

// Accept, Close and Addr make the gRPC half of the port a listener.
func (p *clusterPort) Accept() (net.Conn, error) {
	select {
	case conn := <-p.grpc:
		return conn, nil
	case <-p.closing:
		return nil, net.ErrClosed
	}
}

// Close ends the port.
func (p *clusterPort) Close() error {
	var err error
	p.once.Do(func() {
		close(p.closing)
		err = p.listener.Close()
		p.mu.Lock()
		defer p.mu.Unlock()
		for conn := range p.conns {
			conn.Close()
		}
	})
	if errors.Is(err, net.ErrClosed) {
		return nil
	}
	return err
}

// Addr is the address of the port.
func (p *clusterPort) Addr() net.Addr { return p.listener.Addr() }

// prefixedConn gives back what was read of a connection before it is read on.
type prefixedConn struct {
	net.Conn
	prefix []byte
}

func (c *prefixedConn) Read(b []byte) (int, error) {
	if len(c.prefix) > 0 {
		n := copy(b, c.prefix)
		c.prefix = c.prefix[n:]
		return n, nil
	}
	return c.Conn.Read(b)
}
