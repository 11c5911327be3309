package certs

import (
	"context"
	"crypto/tls"
	"net"
	"sync"
)

// recordHandshake is the first byte of every connection of TLS (RFC 8446, section 5.1). No text that a client begins with has
// it.
const recordHandshake = 0x16

// ListenEither returns a listener whose connections speak TLS where the client does, and are plain otherwise: for the time in
// which clients change from one to the other.
func ListenEither(l net.Listener, config *tls.Config) net.Listener {
	return eitherListener{l, config}
}

type eitherListener struct {
	net.Listener
	config *tls.Config
}

func (l eitherListener) Accept() (net.Conn, error) {
	conn, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return &either{Conn: conn, config: l.config}, nil
}

// either is a connection that becomes what its first byte says. Deadlines and the end are those of the connection below.
type either struct {
	net.Conn
	config *tls.Config

	once sync.Once
	as   net.Conn // the connection as the client has it; read after once
	err  error
}

// settle waits for the first byte.
func (c *either) settle() (net.Conn, error) {
	c.once.Do(func() {
		first := make([]byte, 1)
		if _, c.err = c.Conn.Read(first); c.err != nil {
			return
		}
		c.as = &begun{Conn: c.Conn, first: first}
		if first[0] == recordHandshake {
			c.as = tls.Server(c.as, c.config)
		}
	})
	return c.as, c.err
}

func (c *either) Read(b []byte) (int, error) {
	as, err := c.settle()
	if err != nil {
		return 0, err
	}
	return as.Read(b)
}

func (c *either) Write(b []byte) (int, error) {
	as, err := c.settle()
	if err != nil {
		return 0, err
	}
	return as.Write(b)
}

// HandshakeContext ends the handshake of a client that speaks TLS.
func (c *either) HandshakeContext(ctx context.Context) error {
	stop := context.AfterFunc(ctx, func() { _ = c.Close() })
	defer stop()
	as, err := c.settle()
	if err != nil {
		return err
	}
	if secure, ok := as.(*tls.Conn); ok {
		return secure.HandshakeContext(ctx)
	}
	return nil
}

// CloseWrite tells the client that nothing more comes.
func (c *either) CloseWrite() error {
	as, err := c.settle()
	if err != nil {
		return err
	}
	if half, ok := as.(interface{ CloseWrite() error }); ok {
		return half.CloseWrite()
	}
	return c.Conn.Close()
}

// begun gives back the first byte before the connection is read on.
type begun struct {
	net.Conn
	first []byte
}

func (c *begun) Read(b []byte) (int, error) {
	if len(c.first) > 0 && len(b) > 0 {
		n := copy(b, c.first)
		c.first = c.first[n:]
		return n, nil
	}
	return c.Conn.Read(b)
}

// CloseWrite is that of the connection below.
func (c *begun) CloseWrite() error {
	if half, ok := c.Conn.(interface{ CloseWrite() error }); ok {
		return half.CloseWrite()
	}
	return c.Conn.Close()
}
