package respserver

import (
	"time"

	"github.com/holtcache/holt/gateway/command"
	"github.com/holtcache/holt/gateway/ops"
	"github.com/holtcache/holt/gateway/resp"
	"github.com/holtcache/holt/gateway/router"
	"github.com/holtcache/holt/proto/apierr"
)

// entry is one reply of a round whose turn has not come: that of an op, or one that stands behind the reply of an op.
// Entries are used again, so that a write needs no memory for them.
type entry struct {
	c      *conn
	op     router.Op
	row    *row
	silent bool
	// parsed is when the command was, as in conn; known: the reply was there at once, and the command has been observed.
	parsed time.Duration
	known  bool
	// asked tells whether the client was sent here by ASK.
	asked router.Asked
	// flight is where the op went; nil for a reply that is known.
	flight *flight
	// open: the op is routed and has no answer yet.
	open bool
	// What the op does, one of these. They are evaluated on the goroutine of a shard's executor.
	read  func(ops.Reader) resp.Value
	write func(ops.Tx) resp.Value
	exec  *transaction
	// noTouch: looks of a read are no use of the keys.
	noTouch bool
	// counted counts what the op's reads have looked for.
	counted ops.Counted
	// several: the command shows the values of several keys, so its reply needs a limit while it is made.
	several bool
	// own are the keys written by a connection whose tracking is NOLOOP, which tracker is told of.
	own     [][]byte
	tracker *tracker
	reply   resp.Value
	// part: the reply is a part of that of an entry behind it, which joins its parts.
	part  bool
	parts []*entry
	join  func(parts []*entry) resp.Value
}

// newEntry returns the next entry of the round, for the command at hand.
func (c *conn) newEntry() *entry {
	if c.used == len(c.entries) {
		e := &entry{c: c}
		e.op.Do = e.evaluate
		c.entries = append(c.entries, e)
	}
	e := c.entries[c.used]
	c.used++
	e.row, e.silent, e.asked, e.parsed = c.row, c.silent, c.asked, c.parsed
	e.op.Command = c.args
	return e
}

// evaluate is the op. It sets the reply anew each time it runs.
func (e *entry) evaluate(tx ops.Tx) {
	e.counted.Begin(tx)
	e.counted.NoTouch = e.noTouch
	switch {
	case e.write != nil:
		e.reply = e.write(tx)
	case e.exec != nil:
		e.reply = e.exec.run(tx, &e.counted)
	case e.several:
		e.reply = readLimited(&e.counted, e.read, e.c.server.limits.OutputBufferBytesMax)
	default:
		e.reply = e.read(&e.counted)
	}
	e.counted.End()
	if e.tracker != nil {
		e.tracker.noteVersions(tx, e.own)
	}
	e.c.charge(&e.reply)
}

// answer is the reply once the op has its answer.
func (e *entry) answer() resp.Value {
	if e.join != nil {
		return e.join(e.parts)
	}
	if e.flight != nil && e.op.Err != nil {
		return errorReply(e.op.Err)
	}
	return e.reply
}

// tookEffect tells whether the op changed something, or may have.
func (e *entry) tookEffect() bool {
	return e.op.Err == nil || e.op.Err.Result() != apierr.OutcomeNotApplied
}

// moved tells whether the op did nothing because it came to the wrong replica, or to the right one too early.
func (e *entry) moved() bool {
	return e.flight != nil && e.op.Err != nil && isMoved(e.op.Err)
}

// isMoved tells whether an op that was refused may be done if it is routed again. That of a slot that is handed over is
// answered with ASK as soon as there is somebody to ask.
func isMoved(err *apierr.Error) bool {
	switch err.Kind {
	case apierr.KindNotLeader, apierr.KindNotOwned, apierr.KindImporting:
		return true
	case apierr.KindAsk:
		return err.Addr == ""
	}
	return false
}

// reset makes the entry ready for the next round. Handle goes where a replica may still hold on to it: after an op was
// given up, and in async mode, where the log's acknowledgement can come before the verdict.
func (e *entry) reset() {
	handle := e.op.Handle
	if e.op.Err != nil || e.op.Ack != router.AckMajority {
		handle = nil
	}
	e.op = router.Op{Do: e.op.Do, Handle: handle}
	*e = entry{c: e.c, op: e.op}
}

func errorReply(err error) resp.Value { return resp.Err(apierr.Of(err).RESP()) }

// set makes the entry run a call.
func (e *entry) set(spec *command.Spec, call *command.Call) {
	e.read, e.write, e.several = call.Read, call.Write, several(spec, call)
	e.noTouch = e.c.leavesUntouched(spec)
	e.op.ReadOnly = call.Read != nil
	if call.Forward != nil {
		e.op.Command = call.Forward
	}
}

// several tells whether the reply of a call holds more than one value.
func several(spec *command.Spec, call *command.Call) bool {
	return call.Many || call.Read != nil && len(call.Keys) > 1 && spec.KeySpecs[0].Flags&command.KeyAccess != 0
}
