package respserver

import (
	"sync"
	"sync/atomic"
	"time"

	"github.com/holtcache/holt/gateway/command"
	"github.com/holtcache/holt/gateway/resp"
	"github.com/holtcache/holt/proto/apierr"
)

// pauses is CLIENT PAUSE: while one is in force, commands wait.
type pauses struct {
	// current is nil while no pause was asked for; every command looks at it.
	current atomic.Pointer[pause]
	mu      sync.Mutex // held to replace current
}

// pause is immutable; ended is closed when another one, or none, takes its place.
type pause struct {
	until      time.Time
	writesOnly bool
	ended      chan struct{}
}

var errPauseMode = apierr.New(apierr.KindInvalid, "CLIENT PAUSE mode must be WRITE or ALL")

func (c *conn) clientPause(args [][]byte) resp.Value {
	p := &pause{ended: make(chan struct{})}
	switch {
	case len(args) == 3:
	case len(args) > 4:
		return subcommandSyntax(args)
	case word(args[3], "WRITE"):
		p.writesOnly = true
	case !word(args[3], "ALL"):
		return errorReply(errPauseMode)
	}
	timeout, err := parseTimeout(args[2])
	if err != nil {
		return errorReply(err)
	}
	p.until = time.Now().Add(timeout)
	c.server.pauses.replace(p)
	return resp.OK()
}

func (c *conn) clientUnpause([][]byte) resp.Value {
	c.server.pauses.replace(nil)
	return resp.OK()
}

// replace puts p in force. A pause that is in force is only ever made longer and stricter, as in Redis.
func (ps *pauses) replace(p *pause) {
	ps.mu.Lock()
	defer ps.mu.Unlock()
	old := ps.current.Load()
	if old != nil && p != nil && time.Now().Before(old.until) {
		if old.until.After(p.until) {
			p.until = old.until
		}
		p.writesOnly = p.writesOnly && old.writesOnly
	}
	ps.current.Store(p)
	if old != nil {
		close(old.ended)
	}
}

// awaitPause holds a command back while a pause is in force that is about it.
func (c *conn) awaitPause(p *pause, r *row) {
	waited := false
	for ; p != nil && c.heldBy(p, r); p = c.server.pauses.current.Load() {
		left := time.Until(p.until)
		if left <= 0 {
			break
		}
		waited = true
		c.settle()
		if !c.out.flush() {
			c.closing = true
			return
		}
		timer := time.NewTimer(left)
		select {
		case <-timer.C:
		case <-p.ended:
		case <-c.server.stop:
			c.closing = true
		}
		timer.Stop()
		if c.closing {
			return
		}
	}
	if waited {
		c.resumed()
	}
}

func (c *conn) heldBy(p *pause, r *row) bool {
	switch {
	case r.spec.Name == "client|unpause":
		return false
	case !p.writesOnly:
		return true
	case r.spec.Name == "exec":
		return c.multi != nil && c.multi.writes
	}
	return r.spec.Flag(command.Write) || r.spec.Flag(command.MayWrite)
}
