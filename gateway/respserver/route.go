package respserver

import (
	"github.com/holtcache/holt/gateway/command"
	"github.com/holtcache/holt/gateway/router"
	"github.com/holtcache/holt/proto/apierr"
	"github.com/holtcache/holt/proto/slot"
)

var errCrossSlot = apierr.New(apierr.KindCrossSlot, "Keys in request don't hash to the same slot")

// slotOf returns the slot of keys, an error where they have several.
func slotOf(keys [][]byte) (slot.ID, *apierr.Error) {
	s := slot.Of(keys[0])
	for _, key := range keys[1:] {
		if slot.Of(key) != s {
			return 0, errCrossSlot
		}
	}
	return s, nil
}

// data runs a command on keys.
func (c *conn) data(spec *command.Spec, args [][]byte) {
	call, err := spec.Parse(args)
	if err != nil {
		if keys := spec.Keys(args); len(keys) > 1 {
			if _, crossed := slotOf(keys); crossed != nil {
				err = crossed // the first thing that is said, as in Redis
			}
		}
		c.reply(errorReply(err))
		return
	}
	c.guard(&call)
	if call.Alone != nil {
		c.settle()
		c.reply(call.Alone())
		return
	}
	s, crossed := slotOf(call.Keys)
	if crossed != nil {
		if !c.split(spec, args) {
			c.reply(errorReply(crossed))
		}
		return
	}
	c.sample(call.Keys)
	if call.Read != nil {
		c.register(call.Keys)
		if v, known := c.read(spec, &call, s, true); known {
			c.reply(v)
		}
		return
	}
	if isLarge(args) {
		c.writeLarge(func() { c.write(spec, &call, s) })
		return
	}
	c.write(spec, &call, s)
}

// write makes a write an op.
func (c *conn) write(spec *command.Spec, call *command.Call, s slot.ID) {
	e := c.newEntry()
	e.set(spec, call)
	e.op.Slot, e.op.Ack = s, c.ack
	c.noteOwn(e, call.Keys)
	c.route(e)
}

// route queues the entry's op for the leader of its slot, or answers it where that is elsewhere or nobody.
func (c *conn) route(e *entry) {
	t, err := c.target(e.op.Slot, e.asked)
	if err != nil {
		e.fail(c.redirected(err))
		return
	}
	if e.exec != nil {
		e.exec.shard = t.Shard()
	}
	c.flightFor(t).add(e)
}

// fail answers the entry without an op.
func (e *entry) fail(err *apierr.Error) {
	e.flight, e.reply = nil, errorReply(err)
}

// target is the replica here that leads the slot's shard; where there is none the error is MOVED, ASK, CLUSTERDOWN or
// TRYAGAIN.
func (c *conn) target(s slot.ID, asked router.Asked) (router.Replica, *apierr.Error) {
	r := c.server.cfg.Router
	t, ok := r.Find(s, asked)
	if !ok || t.Arriving {
		c.submit()
		var err *apierr.Error
		if t, err = r.Await(c.context(), s, asked, c.arrived.Add(router.HoldMax)); err != nil {
			return nil, err
		}
	}
	switch {
	case t.Leader != nil && c.proxied:
		return c.replicaAt(t), nil
	case t.Leader != nil:
		return nil, c.sentTo(s, t)
	}
	return t.Replica, nil
}

// sentTo is the MOVED or ASK error that sends a client to the leader that a target names.
func (c *conn) sentTo(s slot.ID, t router.Target) *apierr.Error {
	if t.Ask {
		return apierr.Ask(s, endpointOf(t.Leader, c.local).String())
	}
	return apierr.Moved(s, endpointOf(t.Leader, c.local).String())
}
