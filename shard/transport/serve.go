package transport

import (
	"errors"
	"fmt"
	"net"
	"sync"
	"time"
)

// greetingMax bounds the connections whose handshake is not finished. Afterwards there is at most one of each kind
// per node of the cluster.
const greetingMax = 256

// incomingKey names a connection that another node dialed. A new one replaces the old one: the other node
// has given that up, even if this end has not heard of it yet.
type incomingKey struct {
	node string
	kind connKind
}

// inConn is a connection that another node dialed: requests come in, replies go out.
type inConn struct {
	*framedConn
	snapshots spools
}

// Serve takes over an accepted connection whose Preface has been read, and returns when it is closed.
func (t *Transport) Serve(conn net.Conn) {
	if !t.admit(conn) {
		_ = conn.Close() // nothing was said on it
		return
	}
	defer t.running.Done()
	in, err := t.accept(conn)
	if err != nil {
		_ = conn.Close() // err is the reason
		t.noteRefused(conn, err)
		return
	}
	t.count.connsInOpen.Add(1)
	var writer sync.WaitGroup
	writer.Go(in.write)
	err = in.read(in.handle)
	in.close(fmt.Errorf("read from node %s: %w", in.node, err))
	writer.Wait()
	t.count.connsInOpen.Add(-1)
	t.dismiss(in)
	if errors.Is(err, ErrMalformed) || errors.Is(err, ErrFrameTooLarge) {
		t.count.badConns.Add(1)
		t.cfg.Logger.Warn("closed a connection because of what came in", "node", in.node, "kind", in.kind, "error", err)
	}
}

// admit notes a connection so that Close can end its handshake.
func (t *Transport) admit(conn net.Conn) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.closed || len(t.greeting) >= greetingMax {
		return false
	}
	t.greeting[conn] = struct{}{}
	t.running.Add(1)
	return true
}

// accept shakes hands, within the time that the dialing end has for it too.
func (t *Transport) accept(conn net.Conn) (*inConn, error) {
	defer func() {
		t.mu.Lock()
		defer t.mu.Unlock()
		delete(t.greeting, conn)
	}()
	if err := conn.SetDeadline(time.Now().Add(t.cfg.RPCTimeout.Dial)); err != nil {
		return nil, err
	}
	h, err := t.welcome(conn)
	if err != nil {
		return nil, err
	}
	if err := conn.SetDeadline(time.Time{}); err != nil {
		return nil, err
	}
	in := &inConn{framedConn: newFramedConn(t, conn, h.from, h.kind)}
	return in, t.replace(in)
}

func (t *Transport) replace(in *inConn) error {
	key := incomingKey{in.node, in.kind}
	t.mu.Lock()
	if t.closed {
		t.mu.Unlock()
		return ErrClosed
	}
	old := t.incoming[key]
	t.incoming[key] = in
	t.mu.Unlock()
	if old != nil {
		old.close(fmt.Errorf("%w: node %s connected again", ErrClosed, in.node))
	}
	return nil
}

func (t *Transport) dismiss(in *inConn) {
	key := incomingKey{in.node, in.kind}
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.incoming[key] == in {
		delete(t.incoming, key)
	}
}

func (t *Transport) noteRefused(conn net.Conn, err error) {
	switch {
	case errors.Is(err, ErrRefused):
		t.count.handshakesRefused.Add(1)
	case errors.Is(err, ErrMalformed) || errors.Is(err, ErrFrameTooLarge):
		t.count.badConns.Add(1)
	default:
		return
	}
	t.cfg.Logger.Warn("refused a node's connection", "addr", conn.RemoteAddr(), "error", err)
}
