package respserver

import (
	"time"

	"github.com/holtcache/holt/gateway/ops"
	"github.com/holtcache/holt/gateway/resp"
	"github.com/holtcache/holt/proto/apierr"
)

// CLIENT TRACKING REDIRECT sends invalidations to another connection of this node: as a push where that speaks RESP3, as a message
// of the channel __redis__:invalidate where it speaks RESP2 and listens to some channel, and otherwise not at all (Redis,
// tracking.c, sendTrackingMessage).

var (
	errRedirectTwice = apierr.New(apierr.KindInvalid, "A client can only redirect to a single other client")
	errRedirectNone  = apierr.New(apierr.KindInvalid, "The client ID you want redirect to does not exist")
)

// redirectTarget finds the connection with an id.
func (s *Server) redirectTarget(arg []byte) (*conn, *apierr.Error) {
	id, err := ops.ParseInt(arg)
	if err != nil {
		return nil, apierr.Of(err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if c := s.conns[id]; c != nil {
		return c, nil
	}
	return nil, errRedirectNone
}

// redirectTo sends the invalidations of the connection to another one from now on, nil: to itself.
func (c *conn) redirectTo(target *conn) {
	tr := c.track.tracker
	id := int64(0)
	if target != nil {
		target.acceptPushes()
		id = target.id
	}
	tr.redirect.Store(target)
	c.show(shownBrokenRedirect, false)
	c.shownRedirect.Store(id)
}

// acceptPushes lets others push to a connection whose own goroutine may wait for a command, and is woken then.
func (c *conn) acceptPushes() {
	c.out.mu.Lock()
	c.out.redirected = true
	c.out.mu.Unlock()
	c.readMu.Lock()
	defer c.readMu.Unlock()
	c.pushWanted = true
	_ = c.nc.SetReadDeadline(time.Now())
}

// waitUntil sets the deadline of the next read, and starts to push where somebody else wants to. Outside of a round.
func (c *conn) waitUntil(deadline time.Time) {
	c.readMu.Lock()
	_ = c.nc.SetReadDeadline(deadline)
	wanted := c.pushWanted
	c.pushWanted = false
	c.readMu.Unlock()
	if wanted {
		c.startPushing()
		c.out.endRound()
	}
}

// woken tells whether a read has timed out only because somebody wants to push.
func (c *conn) woken() bool {
	c.readMu.Lock()
	defer c.readMu.Unlock()
	return c.pushWanted
}

var redirectBrokenWord = resp.BulkString("tracking-redir-broken")

// tell sends an invalidation on its way; nil means all keys.
func (tr *tracker) tell(key []byte) {
	switch to := tr.redirect.Load(); {
	case to == nil:
		tr.out.push(key, 3)
	case to.ended.Load():
		tr.from.show(shownBrokenRedirect, true)
		if tr.from.shownProto.Load() == 3 {
			tr.out.deliver(resp.Push(redirectBrokenWord, resp.Int(to.id)), 3)
		}
	case to.shownProto.Load() == 3:
		to.out.pushRedirected(key, 3)
	case to.listens():
		to.out.pushRedirected(key, 2)
	}
}
