package main

import (
	"fmt"

	"github.com/spf13/pflag"

	"github.com/holtcache/holt/gateway/certs"
	"github.com/holtcache/holt/gateway/node"
)

// tlsFlags are the flags about TLS. Those that redis.conf knows have its names.
type tlsFlags struct {
	tls         node.TLS
	authClients string
	cluster     string
}

func (t *tlsFlags) flags(f *pflag.FlagSet) {
	t.clientFlags(f)
	f.StringVar(&t.cluster, "tls-cluster", "", "whether nodes speak TLS with each other, both showing certificates: yes or no; by default yes where there is --tls-ca-cert-file")
	f.StringVar(&t.tls.Cluster.Cert, "tls-cluster-cert-file", "", "certificate for the cluster port, where it is another; it has to be good for servers and clients")
	f.StringVar(&t.tls.Cluster.Key, "tls-cluster-key-file", "", "its private key")
	f.StringVar(&t.tls.Cluster.CA, "tls-cluster-ca-cert-file", "", "authority of the nodes, where it is another")
	f.StringVar(&t.tls.ClusterName, "tls-cluster-name", "", "DNS name that the certificates of all nodes carry; empty: each carries the host of its cluster address")
}

// clientFlags are those about the ports of clients.
func (t *tlsFlags) clientFlags(f *pflag.FlagSet) {
	f.StringVar(&t.tls.Cert, "tls-cert-file", "", "certificate in PEM; with it RESP, gRPC and HTTP speak TLS. Files that are replaced are read again")
	f.StringVar(&t.tls.Key, "tls-key-file", "", "its private key")
	f.StringVar(&t.tls.CA, "tls-ca-cert-file", "", "authority that certificates of clients and nodes are judged by")
	f.StringVar(&t.authClients, "tls-auth-clients", "no", "whether RESP and gRPC clients show certificates: no, optional or yes")
	f.BoolVar(&t.tls.Optional, "tls-optional", false, "let clients go on without TLS on the same ports, for the time in which they change to it")
}

// settled is what the flags say together.
func (t *tlsFlags) settled() (node.TLS, error) {
	s := t.tls
	switch t.authClients {
	case "no":
	case "optional":
		s.AuthClients = certs.ClientCertsOptional
	case "yes":
		s.AuthClients = certs.ClientCertsRequired
	default:
		return s, fmt.Errorf("--tls-auth-clients=%s: use no, optional or yes", t.authClients)
	}
	if (s.Cert == "") != (s.Key == "") {
		return s, fmt.Errorf("--tls-cert-file and --tls-key-file belong together: give both or neither")
	}
	if s.Cert == "" && (s.Optional || s.AuthClients != certs.ClientCertsNone) {
		return s, fmt.Errorf("--tls-optional and --tls-auth-clients are about TLS: give --tls-cert-file and --tls-key-file too")
	}
	if (s.Cluster.Cert == "") != (s.Cluster.Key == "") {
		return s, fmt.Errorf("--tls-cluster-cert-file and --tls-cluster-key-file belong together: give both or neither")
	}
	return s, t.settleCluster(&s)
}

func (t *tlsFlags) settleCluster(s *node.TLS) error {
	own := s.Cluster != (certs.Files{})
	if s.Cluster.Cert == "" {
		s.Cluster.Cert, s.Cluster.Key = s.Cert, s.Key
	}
	if s.Cluster.CA == "" {
		s.Cluster.CA = s.CA
	}
	whole := s.Cluster.Cert != "" && s.Cluster.CA != ""
	switch {
	case t.cluster != "" && t.cluster != "yes" && t.cluster != "no":
		return fmt.Errorf("--tls-cluster=%s: use yes or no", t.cluster)
	case t.cluster == "no" && (own || s.ClusterName != ""):
		return fmt.Errorf("--tls-cluster=no: leave out the other flags that begin with --tls-cluster, or say yes")
	case !whole && (t.cluster == "yes" || own || s.ClusterName != ""):
		return fmt.Errorf("--tls-cluster: nodes show each other certificates and judge them: give --tls-cert-file, --tls-key-file and --tls-ca-cert-file, or those for the cluster port")
	case !whole, t.cluster == "no":
		s.Cluster = certs.Files{}
	}
	return nil
}
