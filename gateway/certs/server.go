package certs

import (
	"crypto/tls"
	"crypto/x509"
	"sync"
)

// ClientCerts says what a server asks of its clients. The zero value is ClientCertsNone.
type ClientCerts uint8

const (
	// ClientCertsNone asks for no certificate.
	ClientCertsNone ClientCerts = iota
	// ClientCertsOptional judges the certificate of those who show one.
	ClientCertsOptional
	// ClientCertsRequired refuses those who show none.
	ClientCertsRequired
)

func (c ClientCerts) authType() tls.ClientAuthType {
	switch c {
	case ClientCertsOptional:
		return tls.VerifyClientCertIfGiven
	case ClientCertsRequired:
		return tls.RequireAndVerifyClientCert
	}
	return tls.NoClientCert
}

// Server is the configuration of a server, whose files name a certificate, for clients that speak one of the protocols (ALPN) or name none.
func (s *Store) Server(ask ClientCerts, protocols ...string) *tls.Config {
	return s.server(func(m material) *tls.Config {
		return &tls.Config{
			MinVersion: tls.VersionTLS12, NextProtos: protocols,
			Certificates: []tls.Certificate{*m.cert}, ClientAuth: ask.authType(), ClientCAs: m.roots,
		}
	})
}

// NodeServer is that of a server which only nodes may call: see verifyNode. Its files name a certificate and roots. The certificates of nodes carry the DNS name, unless
// it is empty.
func (s *Store) NodeServer(name string) *tls.Config {
	return s.server(func(m material) *tls.Config {
		return &tls.Config{
			MinVersion: tls.VersionTLS12, Certificates: []tls.Certificate{*m.cert},
			ClientAuth: tls.RequireAndVerifyClientCert, ClientCAs: m.roots,
			VerifyConnection: func(state tls.ConnectionState) error { return verifyNode(state, m.roots, name) },
		}
	})
}

// server makes a configuration that makes the real one when a client calls. That is made once for each material: it holds the
// keys of session tickets, so a session that began under other roots is not resumed.
func (s *Store) server(build func(material) *tls.Config) *tls.Config {
	var mu sync.Mutex // protects the variables below
	var made *tls.Config
	var number uint64
	return &tls.Config{
		MinVersion: tls.VersionTLS12,
		GetConfigForClient: func(*tls.ClientHelloInfo) (*tls.Config, error) {
			m, n := s.current()
			mu.Lock()
			defer mu.Unlock()
			if made == nil || n != number {
				made, number = build(m), n
			}
			return made, nil
		},
	}
}

// verifyNode refuses a client that is no node, though its certificate is one of the roots': those of nodes are for servers
// as well, which those given to clients are not, and they carry the name.
func verifyNode(state tls.ConnectionState, roots *x509.CertPool, name string) error {
	between := x509.NewCertPool()
	for _, cert := range state.PeerCertificates[1:] {
		between.AddCert(cert)
	}
	_, err := state.PeerCertificates[0].Verify(x509.VerifyOptions{
		Roots: roots, Intermediates: between, DNSName: name, KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	})
	return err
}
