package transport

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync"
	"time"
)

// After a failed attempt the next one waits this long, doubling. Short, because a restarted node must be
// reached again within 100 ms; calls in between fail at once.
const (
	redialMin = 5 * time.Millisecond
	redialMax = 50 * time.Millisecond
)

var errUnknownAddr = errors.New("its address is not known")

// lane is the connection of one kind to one node: absent, being dialed, or open.
type lane struct {
	t    *Transport
	node string
	kind connKind

	mu        sync.Mutex // protects the fields below; never held across I/O
	open      *outConn   // nil unless open
	attempt   *attempt   // nil unless being dialed
	failures  int        // since the last success
	retryAt   time.Time
	lastErr   error
	connected bool // there was an open connection before
	closed    bool
}

// attempt is one try to connect, which any number of calls may wait for.
type attempt struct {
	done   chan struct{} // closed when the fields below are set
	out    *outConn
	err    error
	cancel context.CancelFunc
}

// get returns the open connection, waits for an attempt to connect, or fails at once within the pause after
// a failed one. It gives up when stop is closed or timeout fires.
func (l *lane) get(stop <-chan struct{}, timeout <-chan time.Time) (*outConn, error) {
	a, err := l.current()
	if err != nil {
		return nil, err
	}
	select {
	case <-a.done:
		return a.out, a.err
	case <-stop:
		return nil, ErrClosed
	case <-l.t.closing:
		return nil, ErrClosed
	case <-timeout:
		return nil, unreachable(l.node, ErrTimeout)
	}
}

// current returns the attempt that is under way or has succeeded, and starts one if there is none.
func (l *lane) current() (*attempt, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	switch {
	case l.closed:
		return nil, ErrClosed
	case l.attempt != nil && !l.brokenLocked():
		return l.attempt, nil
	case time.Now().Before(l.retryAt):
		return nil, unreachable(l.node, l.lastErr)
	}
	ctx, cancel := context.WithTimeout(context.Background(), l.t.cfg.RPCTimeout.Dial)
	a := &attempt{done: make(chan struct{}), cancel: cancel}
	if !l.t.spawn(func() { l.connect(ctx, a) }) {
		cancel()
		return nil, ErrClosed
	}
	l.open, l.attempt = nil, a
	return a, nil
}

// brokenLocked notices a closed connection whose reader has not ended yet.
func (l *lane) brokenLocked() bool {
	if l.open == nil {
		return false
	}
	select {
	case <-l.open.done:
		return true
	default:
		return false
	}
}

// pause says how long calls will still fail at once.
func (l *lane) pause() time.Duration {
	l.mu.Lock()
	defer l.mu.Unlock()
	return time.Until(l.retryAt)
}

// connect runs on a goroutine of its own, which then reads the connection until it ends.
func (l *lane) connect(ctx context.Context, a *attempt) {
	conn, err := l.dial(ctx)
	a.cancel()
	if err != nil {
		l.failed(a, err)
		return
	}
	out := newOutConn(newFramedConn(l.t, conn, l.node, l.kind))
	if !l.opened(a, out) {
		return
	}
	l.t.count.connsOutOpen.Add(1)
	var writer sync.WaitGroup
	writer.Go(out.write)
	err = out.read(out.handle)
	out.close(fmt.Errorf("read from node %s: %w", l.node, err))
	writer.Wait()
	l.t.count.connsOutOpen.Add(-1)
	l.lost(out)
	out.failAll(unreachable(l.node, out.reason()))
}

// dial connects and shakes hands.
func (l *lane) dial(ctx context.Context) (net.Conn, error) {
	if l.t.gaveUp(l.node) {
		return nil, fmt.Errorf("%w: node %s was given up", ErrRefused, l.node)
	}
	addr, ok := l.t.cfg.Resolver.ClusterAddr(l.node)
	if !ok {
		return nil, errUnknownAddr
	}
	if l.t.cfg.ClusterID() == "" {
		return nil, fmt.Errorf("%w: this node belongs to no cluster yet", ErrRefused)
	}
	conn, err := l.t.cfg.Dial(ctx, addr)
	if err != nil {
		return nil, err
	}
	interrupt := context.AfterFunc(ctx, func() { _ = conn.SetDeadline(time.Unix(1, 0)) })
	err = l.t.greet(conn, l.node, l.kind)
	interrupted := !interrupt()
	if err == nil && interrupted {
		err = ctx.Err()
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("handshake with %s: %w", addr, err), conn.Close())
	}
	return conn, nil
}

func (l *lane) failed(a *attempt, err error) {
	l.t.count.dialFailures.Add(1)
	l.mu.Lock()
	first := l.failures == 0
	l.retryAt = time.Now().Add(min(redialMin<<min(l.failures, 8), redialMax))
	l.failures++
	l.lastErr = err
	l.attempt = nil
	l.mu.Unlock()
	a.err = unreachable(l.node, err)
	close(a.done)
	if first && !errors.Is(err, errUnknownAddr) && !l.t.isClosing() {
		l.t.cfg.Logger.Warn("node can't be reached, trying again", "node", l.node, "kind", l.kind, "error", err)
	}
}

// opened publishes the connection; false if the lane was closed meanwhile.
func (l *lane) opened(a *attempt, out *outConn) bool {
	l.mu.Lock()
	ok := !l.closed
	again, failures := l.connected, l.failures
	if ok {
		l.open, l.connected, l.failures = out, true, 0
	}
	l.mu.Unlock()
	if !ok {
		out.close(ErrClosed)
		a.err = ErrClosed
		close(a.done)
		return false
	}
	l.t.count.connects.Add(1)
	if again {
		l.t.count.reconnects.Add(1)
	}
	a.out = out
	close(a.done)
	l.t.cfg.Logger.Debug("connected to node", "node", l.node, "kind", l.kind, "attempts", failures+1)
	return true
}

// lost makes room for the next attempt.
func (l *lane) lost(out *outConn) {
	reason := out.reason()
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.open != out {
		return // replaced already
	}
	l.open, l.attempt = nil, nil
	l.lastErr = reason
	if time.Since(out.opened) < redialMax { // the other end accepts and hangs up: don't spin
		l.retryAt = time.Now().Add(redialMax)
	}
}

// drop closes the connection if there is one; the next call dials again.
func (l *lane) drop(reason error) {
	l.mu.Lock()
	open := l.open
	l.mu.Unlock()
	if open != nil {
		open.close(reason)
	}
}

// close ends the connection and the attempt to make one.
func (l *lane) close() {
	l.mu.Lock()
	l.closed = true
	open, a := l.open, l.attempt
	l.mu.Unlock()
	if a != nil {
		a.cancel()
	}
	if open != nil {
		open.close(ErrClosed)
	}
}
