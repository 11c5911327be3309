package transport

import (
	"errors"
	"fmt"
	"sync"
	"time"
)

// receiver is a call that waits for replies.
type receiver interface {
	// receive takes one reply and says whether it was the last one. It runs on the reader: no blocking.
	receive(f frame) (last bool)
	// fail ends the call: its connection is gone.
	fail(err error)
}

// outConn is a connection that this node dialed: requests go out, replies come in.
type outConn struct {
	*framedConn
	opened time.Time

	calls struct {
		mu       sync.Mutex // protects the fields below
		waiting  map[uint64]receiver
		lastID   uint64
		failed   error     // set once the reader has ended
		received time.Time // when the last frame arrived
		pinged   time.Time // when the last ping left; zero if a frame has come since
	}
}

func newOutConn(c *framedConn) *outConn {
	o := &outConn{framedConn: c, opened: time.Now()}
	o.calls.waiting = make(map[uint64]receiver)
	o.calls.received = o.opened
	return o
}

// begin registers a call and sends its first frame.
func (o *outConn) begin(r receiver, kind frameKind, fill func([]byte) []byte) (id uint64, err error) {
	o.calls.mu.Lock()
	if o.calls.failed != nil {
		defer o.calls.mu.Unlock()
		return 0, o.calls.failed
	}
	o.calls.lastID++
	id = o.calls.lastID
	o.calls.waiting[id] = r
	o.calls.mu.Unlock()

	if err := o.send(kind, id, fill); err != nil {
		o.forget(id)
		return 0, err
	}
	return id, nil
}

// send is framedConn.send whose error is ErrUnreachable if the connection is closed.
func (o *outConn) send(kind frameKind, id uint64, fill func([]byte) []byte) error {
	err := o.framedConn.send(kind, id, fill)
	if err == nil || errors.Is(err, ErrBusy) || errors.Is(err, ErrFrameTooLarge) {
		return err
	}
	return unreachable(o.node, err)
}

// forget ends a call without a reply; late replies are dropped.
func (o *outConn) forget(id uint64) {
	o.calls.mu.Lock()
	defer o.calls.mu.Unlock()
	delete(o.calls.waiting, id)
}

// handle takes one frame from the reader.
func (o *outConn) handle(f frame) error {
	o.calls.mu.Lock()
	o.calls.received, o.calls.pinged = time.Now(), time.Time{}
	r := o.calls.waiting[f.id]
	o.calls.mu.Unlock()
	if f.kind != framePong && r != nil && r.receive(f) {
		o.forget(f.id)
	}
	return nil
}

// failAll ends every call. Nothing can begin afterwards.
func (o *outConn) failAll(err error) {
	o.calls.mu.Lock()
	waiting := o.calls.waiting
	o.calls.waiting, o.calls.failed = nil, err
	o.calls.mu.Unlock()
	for _, r := range waiting {
		r.fail(err)
	}
}

// suspect is told that a call which began at that instant got no reply in time. A connection on which nothing has
// come since is pinged, and closed if nothing comes either way: after a power cut TCP alone would notice
// only when its retransmissions have backed off for minutes. A group that is merely slow does not cost
// the connection, because pings are answered by the other end's reader.
func (o *outConn) suspect(began time.Time) {
	now := time.Now()
	o.calls.mu.Lock()
	silent := !o.calls.received.After(began)
	pinged := o.calls.pinged
	if silent && pinged.IsZero() {
		o.calls.pinged = now
	}
	o.calls.mu.Unlock()
	switch {
	case !silent:
	case pinged.IsZero():
		if err := o.send(framePing, 0, nil); err != nil && !errors.Is(err, ErrBusy) {
			o.close(err)
		}
	case now.Sub(pinged) >= o.t.cfg.RPCTimeout.Control:
		reason := fmt.Errorf("%w: node %s has been silent for %v", ErrTimeout, o.node, now.Sub(pinged))
		o.close(reason)
		if o.kind == control { // the data connection would notice later, and raft waits on it
			o.t.dropData(o.node, reason)
		}
	}
}

// unaryCall is a call with one reply.
type unaryCall struct {
	done chan unaryResult // capacity 1
}

type unaryResult struct {
	frame frame
	err   error
}

func newUnaryCall() *unaryCall { return &unaryCall{done: make(chan unaryResult, 1)} }

func (c *unaryCall) receive(f frame) bool {
	c.finish(unaryResult{frame: f})
	return true
}

func (c *unaryCall) fail(err error) { c.finish(unaryResult{err: err}) }

func (c *unaryCall) finish(r unaryResult) {
	select {
	case c.done <- r:
	default: // a reply and the end of the connection may race; the first counts
	}
}

// body returns the reply's body if it is of the wanted kind.
func (r unaryResult) body(node string, want frameKind) ([]byte, error) {
	switch {
	case r.err != nil:
		return nil, r.err
	case r.frame.kind == want:
		return r.frame.body, nil
	case r.frame.kind == frameError:
		d := decoder{rest: r.frame.body}
		err := d.remoteError(node)
		if bad := d.end(); bad != nil {
			return nil, bad
		}
		return nil, err
	}
	return nil, fmt.Errorf("%w: node %s answered with frame kind %d, want %d", ErrMalformed, node, r.frame.kind, want)
}
