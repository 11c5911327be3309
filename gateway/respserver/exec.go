package respserver

import (
	"github.com/holtcache/holt/gateway/ops"
	"github.com/holtcache/holt/gateway/resp"
	"github.com/holtcache/holt/gateway/router"
)

// exec runs the transaction as one op, so that nothing comes between its commands, and none of it is lost alone.
func (c *conn) exec() {
	t, watch := c.multi, c.watch
	if t == nil {
		c.reply(errorReply(errExecOutside))
		return
	}
	c.endMulti()
	c.watch = watchList{}
	if watch.by != nil {
		defer watch.by.Unwatch() // unless the transaction has ended it
		c.settle()               // the transaction goes its own way
	}
	defer func() { c.track.caching = cachingNotSet }()
	c.recheck(t)
	switch {
	case t.spoiled:
		c.reply(errorReply(errExecAbort))
		return
	case !t.keyed && len(watch.keys) == 0:
		c.settle()
		v := resp.Array(make([]resp.Value, len(t.queued))...)
		began := c.parsed
		c.parse(t)
		c.runAlone(t, v.Elems)
		c.runOthers(t, v.Elems)
		c.reply(v)
		c.finishedExec(t, began, c.parsed, &v)
		return
	case !t.keyed:
		t.slot = watch.slot
	}
	t.watched, t.limitBytes = watch.keys, c.server.limits.OutputBufferBytesMax
	if len(watch.keys) > 0 && c.proxied && !c.watchedAt(watch) {
		c.reply(resp.NullArray())
		return
	}
	e := c.newEntry()
	e.exec = t
	c.prepare(e)
	e.op.Block = t.block()
	e.op.Slot, e.op.Ack = t.slot, c.ack
	c.route(e)
	if watch.by != nil {
		c.settle()
	}
	if !t.others {
		return
	}
	c.complete()
	if e.flight != nil && e.op.Err == nil && !t.aborted && e.reply.Kind == resp.KindArray {
		c.runOthers(t, e.reply.Elems)
	}
	c.settle()
}

// watchedAt tells whether the transaction runs where its keys are watched. Elsewhere nobody knows whether they have changed.
func (c *conn) watchedAt(watch watchList) bool {
	replica, err := c.target(watch.slot, c.asked)
	if err != nil {
		return true // and the transaction is refused for the same reason
	}
	by, _ := replica.(router.Remote)
	return by == watch.by
}

// parse parses the commands that may be on keys.
func (c *conn) parse(t *transaction) {
	for i := range t.queued {
		q := &t.queued[i]
		if q.row.spec.Parse == nil || q.err != nil {
			continue
		}
		if q.call, q.err = q.row.spec.Parse(q.args); q.err == nil {
			c.guard(&q.call)
		}
	}
}

// prepare parses the commands on keys, and registers for tracking what they read.
func (c *conn) prepare(e *entry) {
	c.parse(e.exec)
	for i := range e.exec.queued {
		q := &e.exec.queued[i]
		switch {
		case q.row.spec.Parse == nil, q.err != nil, q.call.Alone != nil:
		case q.call.Read != nil:
			c.register(q.call.Keys)
		default:
			c.noteOwn(e, q.call.Keys)
		}
	}
}

// block is the transaction's commands for a replica elsewhere, which queues and runs them itself.
func (t *transaction) block() [][][]byte {
	block := make([][][]byte, 0, len(t.queued))
	for i := range t.queued {
		q := &t.queued[i]
		if q.call.Forward != nil {
			block = append(block, q.call.Forward)
		} else {
			block = append(block, q.args)
		}
	}
	return block
}

// runOthers runs the commands that are not about keys, once those on keys are done.
func (c *conn) runOthers(t *transaction, replies []resp.Value) {
	c.inExec = true
	defer func() { c.inExec = false }()
	for i := range t.queued {
		switch q := &t.queued[i]; {
		case q.row.spec.Parse != nil:
		case q.err != nil:
			replies[i] = errorReply(q.err)
		default:
			replies[i] = q.row.handler(c, q.args)
		}
	}
}

// runAlone runs the commands that could be on keys, and that have none this time.
func (c *conn) runAlone(t *transaction, replies []resp.Value) {
	for i := range t.queued {
		switch q := &t.queued[i]; {
		case q.row.spec.Parse == nil:
		case q.err != nil:
			replies[i] = errorReply(q.err)
		default:
			replies[i] = q.call.Alone()
		}
	}
}

// run is the op: every command, or none where a watched key has changed. A command that fails changes nothing, and does
// not keep the others from being run (Redis, "Transactions", section Errors inside a transaction).
func (t *transaction) run(tx ops.Tx, reads ops.Reader) resp.Value {
	t.aborted = false
	for i := range t.watched {
		if w := &t.watched[i]; markOf(tx, t.shard, w.key) != w.mark {
			t.aborted = true
			return resp.NullArray()
		}
	}
	replies := make([]resp.Value, len(t.queued))
	left := int64(t.limitBytes)
	for i := range t.queued {
		replies[i] = t.queued[i].run(tx, reads, int(max(left, 0)))
		if left -= sizeOf(&replies[i]); left < 0 {
			replies[i] = tooLarge(t.limitBytes)
		}
	}
	return resp.Array(replies...)
}

// run runs one command: what writes on tx, what only reads on reads, which shows the same.
func (q *queuedCommand) run(tx ops.Tx, reads ops.Reader, limitBytes int) resp.Value {
	switch {
	case q.row.spec.Parse == nil:
		return resp.Value{}
	case q.err != nil:
		return errorReply(q.err)
	case q.call.Write != nil:
		return q.call.Write(tx)
	case q.call.Alone != nil:
		return q.call.Alone()
	case several(q.row.spec, &q.call):
		return readLimited(reads, q.call.Read, limitBytes)
	}
	return q.call.Read(reads)
}
