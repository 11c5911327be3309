package certs

import (
	"crypto/tls"
	"net"
)

// Client is the configuration of a connection to a server at host:port, whose certificate carries name or, where that is
// empty, the host. Without roots of our own the system's judge it.
func (s *Store) Client(addr, name string) *tls.Config {
	m, _ := s.current()
	if name == "" {
		name = addr
		if host, _, err := net.SplitHostPort(addr); err == nil {
			name = host
		}
	}
	c := &tls.Config{MinVersion: tls.VersionTLS12, ServerName: name, RootCAs: m.roots}
	if m.cert != nil {
		c.Certificates = []tls.Certificate{*m.cert}
	}
	return c
}
