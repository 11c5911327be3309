package transport

import (
	"errors"
	"fmt"
	"time"

	"github.com/hashicorp/raft"
)

// request is one call of a group to one node with one reply.
type request struct {
	to      raft.ServerID
	kind    connKind
	frame   frameKind
	reply   frameKind
	timeout time.Duration
	// waitBytes > 0: wait until that much fits into the connection's queue, within the timeout, instead of
	// failing. For appends, because raft pauses for longer after each one that fails; there is one per group
	// and node at a time.
	waitBytes int
	fill      func([]byte) []byte
}

// queueRetry is the pause after a full queue.
const queueRetry = 5 * time.Millisecond

// call sends a request and returns the body of the reply. Connecting counts against the timeout.
func (g *Group) call(q request) ([]byte, error) {
	l, err := g.t.link(string(q.to))
	if err != nil {
		return nil, err
	}
	timer := time.NewTimer(q.timeout)
	defer timer.Stop()
	out, err := l.lane(q.kind).get(g.stopped, timer.C)
	if err != nil {
		return nil, err
	}
	return g.callOn(out, q, timer)
}

// callOn is call on a connection that is open.
func (g *Group) callOn(out *outConn, q request, timer *time.Timer) ([]byte, error) {
	c := newUnaryCall()
	began := time.Now()
	id, err := g.begin(out, c, q, timer)
	if err != nil {
		return nil, err
	}
	select {
	case r := <-c.done:
		return r.body(out.node, q.reply)
	case <-timer.C:
		g.t.count.timeouts.Add(1)
		out.suspect(began)
		err = fmt.Errorf("group %d: node %s: %w (%v)", g.id, out.node, ErrTimeout, q.timeout)
	case <-g.stopped:
		err = ErrClosed
	}
	out.forget(id)
	return nil, err
}

func (g *Group) begin(out *outConn, c *unaryCall, q request, timer *time.Timer) (id uint64, err error) {
	for first := true; ; first = false {
		if q.waitBytes == 0 || out.hasRoom(q.waitBytes) {
			id, err = out.begin(c, q.frame, func(b []byte) []byte { return q.fill(appendUint64s(b, uint64(g.id))) })
			if q.waitBytes == 0 || !errors.Is(err, ErrBusy) {
				return id, err
			}
		} else if first {
			g.t.count.queueFull.Add(1)
		}
		retry := time.NewTimer(queueRetry)
		select {
		case <-retry.C:
			continue
		case <-timer.C:
			err = fmt.Errorf("group %d: append to node %s: %w", g.id, out.node, ErrBusy)
		case <-g.stopped:
			err = ErrClosed
		}
		retry.Stop()
		return 0, err
	}
}
