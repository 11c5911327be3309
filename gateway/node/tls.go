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

// TLS says which ports of a node speak TLS, and with which files. Its zero value is a node whose ports are all plain.
type TLS struct {
	// Files are for the ports of clients: RESP, gRPC and HTTP. Without a certificate these are plain.
	certs.Files
	// AuthClients says whether clients of RESP and gRPC show certificates, which Files.CA judges.
	AuthClients certs.ClientCerts
	// Optional: clients may go on without TLS.
	Optional bool
	// Cluster are the files for the cluster port, where each node shows the other its certificate. Without a certificate the
	// port is plain.
	Cluster certs.Files
	// ClusterName is the DNS name that the certificates of all nodes carry; empty means that each carries that of its cluster
	// address.
	ClusterName string
}

// asksForCerts tells whether clients of RESP and gRPC have to show certificates.
func (t *TLS) asksForCerts() bool { return t.AuthClients == certs.ClientCertsRequired && !t.Optional }

// seam is where listeners and dialed connections of a node become those of TLS. Each Store is nil where they stay plain.
type seam struct {
	cfg            TLS
	clients, nodes *certs.Store
}

func newSeam(cfg TLS, log *slog.Logger) (*seam, error) {
	s := &seam{cfg: cfg}
	var err error
	if cfg.Cert != "" || cfg.Key != "" {
		if cfg.AuthClients != certs.ClientCertsNone && cfg.CA == "" {
			return nil, fmt.Errorf("certificates of clients can't be judged: name the file of their authority with --tls-ca-cert-file")
		}
		if s.clients, err = certs.Open(cfg.Files, log); err != nil {
			return nil, fmt.Errorf("TLS: %w", err)
		}
	}
	if cfg.Cluster.Cert != "" || cfg.Cluster.Key != "" {
		if cfg.Cluster.CA == "" {
			return nil, fmt.Errorf("certificates of other nodes can't be judged: name the file of their authority with --tls-ca-cert-file or --tls-cluster-ca-cert-file, or say --tls-cluster=no")
		}
		if s.nodes, err = certs.Open(cfg.Cluster, log); err != nil {
			return nil, fmt.Errorf("TLS of the cluster port: %w", err)
		}
	}
	return s, nil
}

// forClients makes a listener one for clients, which speak one of the protocols.
func (s *seam) forClients(l net.Listener, ask certs.ClientCerts, protocols ...string) net.Listener {
	switch {
	case s.clients == nil:
		return l
	case s.cfg.Optional:
		return certs.ListenEither(l, s.clients.Server(ask, protocols...))
	}
	return tls.NewListener(l, s.clients.Server(ask, protocols...))
}

// forNodes makes a listener one for other nodes.
func (s *seam) forNodes(l net.Listener) net.Listener {
	if s.nodes == nil {
		return l
	}
	return tls.NewListener(l, s.nodes.NodeServer(s.cfg.ClusterName))
}

// dialMax bounds how long a connection to another node takes, TLS included.
const dialMax = time.Second

// dial reaches the cluster port of another node.
func (s *seam) dial(ctx context.Context, addr string) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, dialMax)
	defer cancel()
	raw, err := (&net.Dialer{KeepAlive: 5 * time.Second}).DialContext(ctx, "tcp", addr)
	if err != nil {
		return nil, err
	}
	if s.nodes == nil {
		return socket.Wrap(raw), nil
	}
	conn := tls.Client(socket.Wrap(raw), s.nodes.Client(addr, s.cfg.ClusterName))
	if err := conn.HandshakeContext(ctx); err != nil {
		_ = raw.Close()
		return nil, fmt.Errorf("TLS with the node at %s: %w", addr, err)
	}
	return conn, nil
}
