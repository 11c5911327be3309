package respserver

import (
	"context"

	"github.com/holtcache/holt/gateway/command"
	"github.com/holtcache/holt/gateway/ops"
	"github.com/holtcache/holt/gateway/resp"
	"github.com/holtcache/holt/gateway/router"
	"github.com/holtcache/holt/proto/apierr"
	"github.com/holtcache/holt/proto/slot"
)

// directRead is a read in the connection's goroutine. It is kept with the connection, so that a read needs no memory
// beside its reply.
type directRead struct {
	read    func(ops.Reader) resp.Value
	several bool
	// noTouch: looks are no use of the keys.
	noTouch bool
	limit   int
	reply   resp.Value
	fn      func(ops.Reader)
	ctx     patience
	counted ops.Counted
}

func (d *directRead) init(c *conn) {
	d.limit = c.server.limits.OutputBufferBytesMax
	d.fn = d.evaluate
}

func (d *directRead) evaluate(r ops.Reader) {
	d.counted.Begin(r)
	d.counted.NoTouch = d.noTouch
	if d.several {
		d.reply = readLimited(&d.counted, d.read, d.limit)
	} else {
		d.reply = d.read(&d.counted)
	}
	d.counted.End()
}

// context bounds what the command at hand may wait for.
func (c *conn) context() context.Context {
	return c.direct.ctx.until(c.arrived.Add(router.CommitMax))
}

// read runs a command that only reads. known=false: it became an op, whose entry has the reply. mayWait: what is open may be
// waited for before.
func (c *conn) read(spec *command.Spec, call *command.Call, s slot.ID, mayWait bool) (v resp.Value, known bool) {
	c.direct.noTouch = c.leavesUntouched(spec)
	asked, stale := c.asked, c.readOnly || c.readMode == router.ReadStale
	for attempt := 0; ; attempt++ {
		replica, mode, err := c.readTarget(s, asked, stale)
		if err != nil {
			return errorReply(c.redirected(err)), true
		}
		f := c.flightFor(replica)
		if mayWait && f.isOpen() && !f.remote() && c.behind.full() {
			c.settle()
		}
		if f.isOpen() || f.remote() {
			c.behind.reads++
			e := c.newEntry()
			e.set(spec, call)
			e.op.Slot = s
			f.add(e)
			return resp.Value{}, false
		}
		c.submit() // nobody's write waits for this read
		err = c.readAt(replica, s, mode, call.Read, several(spec, call))
		if err == nil {
			c.lookups.Add(c.direct.counted.Lookups)
			v := c.direct.take()
			c.behind.sawDirect(&v)
			return v, true
		}
		if stale && isMoved(err) {
			stale = false // this replica does not have the slot any more, or not yet; the leader of its shard knows who has
			continue
		}
		err = c.redirected(err)
		if asked == router.NotAsked && c.handedHere(err) {
			asked = router.AskedHere
			continue
		}
		if !isMoved(err) || !c.pauseReroute(attempt) {
			return errorReply(err), true
		}
	}
}

// leavesUntouched tells whether a command of this connection is no use of the keys that it reads: CLIENT NO-TOUCH says so, but for
// TOUCH.
func (c *conn) leavesUntouched(spec *command.Spec) bool { return c.noTouch && spec.Name != "touch" }

func (d *directRead) take() resp.Value {
	v := d.reply
	d.reply, d.read = resp.Value{}, nil
	return v
}

// readAt evaluates a read at a replica; the reply is in c.direct.
func (c *conn) readAt(replica router.Replica, s slot.ID, mode router.ReadMode, read func(ops.Reader) resp.Value, several bool) *apierr.Error {
	c.direct.read, c.direct.several = read, several
	if err := replica.Read(c.context(), s, mode, c.direct.fn); err != nil {
		return apierr.Of(err)
	}
	return nil
}

// readTarget is where a read of the connection is served. Stale reads take any replica of this node; a slot that has
// none here is read at its leader's.
func (c *conn) readTarget(s slot.ID, asked router.Asked, stale bool) (router.Replica, router.ReadMode, *apierr.Error) {
	if stale {
		if replica, here := c.server.cfg.Router.Stale(s); here {
			return replica, router.ReadStale, nil
		}
	}
	replica, err := c.target(s, asked)
	mode := c.readMode
	if mode == router.ReadStale {
		mode = router.ReadLease
	}
	return replica, mode, err
}

// readLeader evaluates a read of the server's own at the leader, with nothing of the round open.
func (c *conn) readLeader(s slot.ID, read func(r ops.Reader, shard slot.ShardID)) *apierr.Error {
	asked := c.asked
	for attempt := 0; ; attempt++ {
		replica, err := c.target(s, asked)
		if err != nil {
			return c.redirected(err)
		}
		err = c.readAt(replica, s, router.ReadLease, func(r ops.Reader) resp.Value {
			read(r, replica.Shard())
			return resp.Value{}
		}, false)
		c.direct.take()
		if err == nil {
			return nil
		}
		err = c.redirected(err)
		if asked == router.NotAsked && c.handedHere(err) {
			asked = router.AskedHere
			continue
		}
		if !isMoved(err) || !c.pauseReroute(attempt) {
			return err
		}
	}
}
