package respserver

import (
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"runtime"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"time"

	"github.com/holtcache/holt/gateway/acl"
	"github.com/holtcache/holt/gateway/command"
	"github.com/holtcache/holt/gateway/ops"
	"github.com/holtcache/holt/gateway/proxy"
	"github.com/holtcache/holt/gateway/pubsub"
	"github.com/holtcache/holt/gateway/resp"
	"github.com/holtcache/holt/gateway/router"
)

// conn is one connection. Its goroutine owns every field but those of the last two groups.
type conn struct {
	server *Server
	nc     net.Conn
	id     int64
	remote string
	local  string
	since  time.Time
	reader *resp.Reader
	out    output

	// user is who the connection is, one of users; nil before AUTH.
	user  *acl.User
	users *acl.Users
	// login is how the connection has said who it is; other nodes are told so.
	login     proxy.Login
	proto     int
	replyMode replyMode
	// row is that of the command at hand, nil for one that does not exist.
	row *row
	// silent: the command at hand is not answered.
	silent   bool
	ack      router.Ack
	readMode router.ReadMode
	readOnly bool
	noTouch  bool // CLIENT NO-TOUCH
	// proxied: commands on keys of other nodes are done there, and the client is not redirected.
	proxied bool
	// asking: ASKING came directly before the command at hand, or before the MULTI that is open. asked says so to routing.
	asking bool
	asked  router.Asked
	// args is the command at hand, remotes are the replicas elsewhere that commands were sent to.
	args    [][]byte
	remotes []remote
	closing bool
	multi   *transaction // nil outside of MULTI
	watch   watchList
	track   trackState
	pushing pushing
	// earsAt are the connections by which it listens at other nodes, mainEar that for channels and patterns.
	earsAt  map[string]*proxy.Ear
	mainEar string
	written []written // last write on each shard, for WAIT

	// arrived is when the commands at hand began to be run: their deadlines count from it.
	arrived time.Time
	// parsed is when the command at hand was, or the last one before it that the connection looked at the clock for; it counts
	// from Server.started. What the command takes counts from it.
	parsed time.Duration
	// tally sums up the commands of the round that have ended; slowInRound is how many of them the slow log has kept.
	tally       tally
	slowInRound int
	// unsampled is how many commands on keys are not looked at until one is.
	unsampled int
	// began is when the command that is not whole yet began to arrive; zero where there is none.
	began   time.Time
	entries []*entry // those of the round are entries[:used]
	used    int
	flights []*flight
	budget  atomic.Int64 // bytes of replies that the round may still hold; executors charge it
	// heldRead and heldReplies are what of server.held is the connection's. Executors add to the second.
	heldRead    int64
	heldReplies atomic.Int64
	direct      directRead
	behind      behind
	runs        int         // commands of the round
	lookups     ops.Lookups // of the round
	// inExec: EXEC runs the command at hand, which must not wait then.
	inExec bool

	// blocked receives from CLIENT UNBLOCK while a command waits.
	blocked chan unblocking
	waiting atomic.Bool
	// killed: CLIENT KILL has closed the connection, or is about to.
	killed atomic.Bool
	// gone: the user of the connection is not any more.
	gone atomic.Bool
	// For CLIENT LIST, read by other connections' goroutines.
	lastSpec   atomic.Pointer[command.Spec]
	lastActive atomic.Int64 // Unix nanoseconds
	shownProto atomic.Int32
	shownUser  atomic.Pointer[acl.User]
	shown      atomic.Uint32 // the shownFlags that are set
	queued     atomic.Int32  // commands queued by MULTI, -1 outside
	// shownRedirect is the connection that invalidations go to: its id, 0 or noRedirect.
	shownRedirect atomic.Int64
	// ended: the connection's goroutine has.
	ended atomic.Bool
	// listener is what the connection is to channels; nil before its first subscription. Its goroutine sets it.
	// listenerAway is so for what is listened to elsewhere.
	listener, listenerAway atomic.Pointer[pubsub.Subscriber]

	mu   sync.Mutex // protects the field below
	name profile

	readMu sync.Mutex // protects the field below; held while the deadline of reads is set with it
	// pushWanted: another connection redirects its invalidations here.
	pushWanted bool
}

// profile is what a client says about itself.
type profile struct{ name, library, version string }

func newConn(s *Server, nc net.Conn, id int64) *conn {
	c := &conn{
		server: s, nc: nc, id: id, since: time.Now(),
		remote: nc.RemoteAddr().String(), local: nc.LocalAddr().String(),
		blocked: make(chan unblocking, 1),
	}
	c.shownRedirect.Store(noRedirect)
	c.reader = resp.NewReader(nc, c.protocolLimits())
	c.becomeDefault()
	c.out = output{nc: nc, limits: &s.limits, sent: &s.stats.sent}
	c.direct.init(c)
	c.behind.most = behindFirst
	c.resetSession()
	c.lastActive.Store(c.since.UnixNano())
	return c
}

// resetSession makes the session that of a new connection, authentication aside.
func (c *conn) resetSession() {
	c.setProto(2)
	c.replyMode, c.readOnly, c.asking, c.noTouch = replyOn, false, false, false
	c.shown.Store(0)
	c.ack, c.readMode = router.AckMajority, router.ReadLease
	c.proxied = c.server.cfg.Proxy != nil
	if c.server.cfg.Defaults != nil {
		c.ack, c.readMode = c.server.cfg.Defaults()
	}
	c.endMulti()
	c.endWatch()
}

func (c *conn) setProto(proto int) {
	c.proto = proto
	c.shownProto.Store(int32(proto))
}

func (c *conn) protocolLimits() resp.Limits {
	if c.authed() {
		return c.server.cfg.Protocol
	}
	return resp.UnauthenticatedLimits()
}

// run serves the connection until it ends.
func (c *conn) run() {
	defer c.end()
	if !c.shakeHands() || c.keptOut() {
		return
	}
	for !c.closing {
		if !c.fill() {
			return
		}
		if c.reader.Buffered() > flushBytes {
			runtime.Gosched() // and between the pieces of a large command
		}
		for c.round() {
			runtime.Gosched() // others come to their turn between the rounds of one who has sent many commands at once
		}
	}
}

// end releases whatever the connection holds. A fault in a command costs its connection and nothing else.
func (c *conn) end() {
	if p := recover(); p != nil {
		c.server.stats.panics.Add(1)
		c.server.cfg.Logger.Error("a RESP connection panicked and was closed; report this with the stack",
			"client", c.remote, "panic", fmt.Sprint(p), "stack", string(debug.Stack()))
	}
	c.ended.Store(true)
	c.tally.flush(c.id)
	c.server.forget(c)
	_ = c.nc.Close()
	c.accountRead(0)
	c.releaseReplies()
	c.stopTracking()
	c.stopListening()
	c.stopPushing()
	c.noteCut()
	c.letGo()
	c.server.stats.closed.Add(1)
}

// wake makes the connection's goroutine look at whether the server was closed.
func (c *conn) wake() { _ = c.nc.SetReadDeadline(time.Now()) }

// fill reads once. It returns false where the connection is over.
func (c *conn) fill() bool {
	deadline := c.readDeadline()
	c.waitUntil(deadline)
	if c.server.isStopping() || c.gone.Load() || c.out.cut.Load() {
		return false // after the deadline was set, or wake may be undone by it
	}
	if c.reader.MakeRoom(); !c.accountRead(c.reader.Held()) {
		c.server.stats.outputCuts.Add(1)
		if c.server.stats.warnNow() {
			c.server.cfg.Logger.Warn("closed a connection: clients hold more than maxmemory-clients", "client", c.remote)
		}
		return false
	}
	before := c.reader.Buffered()
	err := c.reader.Fill()
	switch {
	case err == nil:
		c.server.stats.received.Add(uint64(max(c.reader.Buffered()-before, 0)))
		return true
	case isTimeout(err) && c.woken():
		return c.fill()
	case isTimeout(err):
		c.server.stats.timedOut.Add(1)
	case !errors.Is(err, io.EOF) && !errors.Is(err, net.ErrClosed):
		c.server.stats.broken.Add(1)
	}
	return false
}

func (s *Server) isStopping() bool {
	select {
	case <-s.stop:
		return true
	default:
		return false
	}
}

// readDeadline is when the next byte has to be here; zero means whenever. A command that has begun must end in time
// however slowly its bytes come.
func (c *conn) readDeadline() (deadline time.Time) {
	l := &c.server.limits
	if l.IdleTimeout > 0 && !c.listens() {
		deadline = time.Now().Add(l.IdleTimeout)
	}
	if c.reader.Buffered() == 0 {
		c.began = time.Time{}
	} else {
		if c.began.IsZero() {
			c.began = time.Now()
		}
		deadline = earlier(deadline, c.began.Add(l.CommandDeadline))
	}
	if !c.authed() {
		deadline = earlier(deadline, c.since.Add(l.AuthDeadline))
	}
	return deadline
}

// earlier returns the earlier of two deadlines; a zero one does not count.
func earlier(a, b time.Time) time.Time {
	if a.IsZero() || b.Before(a) {
		return b
	}
	return a
}

func isTimeout(err error) bool { return errors.Is(err, os.ErrDeadlineExceeded) }
