package node

import (
	"context"
	"crypto/tls"
	"fmt"
	"log/slog"
	"net"
	"time"

	"github.com/holtcache/holt/gateway/certs"
	"github.com/holtcache/holt/gateway/socket"
)

// NodesTLS says how a gateway reaches the ports of nodes that are for clients.
type NodesTLS struct {
	// Use: by TLS.
	Use bool
	// Files are the authority that judges the nodes' certificates, empty for the system's, and what is shown where nodes ask for a
	// certificate.
	Files certs.Files
	// Name is the DNS name that the certificates of all nodes carry; empty means that each carries the host of its address.
	Name string
}

// upstream reaches the ports of nodes that are for clients, as one of them. Its zero value does so without TLS.
type upstream struct {
	store *certs.Store
	name  string
}

func newUpstream(cfg NodesTLS, log *slog.Logger) (upstream, error) {
	if !cfg.Use {
		return upstream{}, nil
	}
	store, err := certs.Open(cfg.Files, log)
	if err != nil {
		return upstream{}, fmt.Errorf("TLS with nodes: %w", err)
	}
	return upstream{store, cfg.Name}, nil
}

// upstream is how this node reaches other nodes as a client: as it lets clients in itself.
func (s *seam) upstream() upstream {
	switch {
	case s.clients == nil, s.cfg.Optional: // other nodes may not have changed to TLS yet
		return upstream{}
	case s.cfg.Cluster.Cert == s.cfg.Cert:
		return upstream{s.clients, s.cfg.ClusterName}
	}
	return upstream{s.clients, ""}
}

// dialRESP reaches the RESP address of a node.
func (u upstream) dialRESP(ctx context.Context, addr string) (net.Conn, error) {
	return u.dial(ctx, addr)
}

// dialGRPC reaches the gRPC address of a node.
func (u upstream) dialGRPC(ctx context.Context, addr string) (net.Conn, error) {
	return u.dial(ctx, addr, "h2")
}

func (u upstream) dial(ctx context.Context, addr string, protocols ...string) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, dialMax)
	defer cancel()
	raw, err := (&net.Dialer{KeepAlive: 5 * time.Second}).DialContext(ctx, "tcp", addr)
	if err != nil {
		return nil, err
	}
	if u.store == nil {
		return socket.Wrap(raw), nil
	}
	cfg := u.store.Client(addr, u.name)
	cfg.NextProtos = protocols
	conn := tls.Client(socket.Wrap(raw), cfg)
	if err := conn.HandshakeContext(ctx); err != nil {
		_ = raw.Close()
		return nil, fmt.Errorf("TLS with the node at %s: %w", addr, err)
	}
	return conn, nil
}
