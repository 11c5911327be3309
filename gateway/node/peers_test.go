package node

import (
	"errors"
	"io"
	"net"
	"testing"
	"testing/synctest"
	"time"
)

// oneConn is a listener with one connection.
type oneConn struct {
	conns chan net.Conn
	done  chan struct{}
}

func (l *oneConn) Accept() (net.Conn, error) {
	select {
	case c := <-l.conns:
		return c, nil
	case <-l.done:
		return nil, net.ErrClosed
	}
}

func (l *oneConn) Close() error   { close(l.done); return nil }
func (l *oneConn) Addr() net.Addr { return &net.TCPAddr{} }

// A node that has lost its power says nothing any more, not even that its connections are over.
func TestConnectionOfANodeThatVanishedIsClosed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		here, there := net.Pipe()
		l := &oneConn{conns: make(chan net.Conn, 1), done: make(chan struct{})}
		l.conns <- here
		peers := newPeers()
		served := make(chan error, 1)
		go func() { served <- peers.Serve(l) }()
		ended := make(chan error, 1)
		go func() {
			_, err := io.Copy(io.Discard, there)
			ended <- err
		}()
		// HTTP/2's preface with empty settings (RFC 9113 section 3.4).
		if _, err := there.Write([]byte("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\x00\x00\x00\x04\x00\x00\x00\x00\x00")); err != nil {
			t.Fatal(err)
		}
		select {
		case err := <-ended:
			if err != nil && !errors.Is(err, io.ErrClosedPipe) {
				t.Error(err)
			}
		case <-time.After(time.Minute):
			t.Error("the connection is still open after a minute of silence")
		}
		peers.Stop()
		<-served
		there.Close()
	})
}
