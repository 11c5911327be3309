package respserver

import (
	"github.com/holtcache/holt/gateway/acl"
	"github.com/holtcache/holt/gateway/command"
	"github.com/holtcache/holt/gateway/resp"
	"github.com/holtcache/holt/proto/apierr"
	"github.com/holtcache/holt/proto/slot"
)

var (
	errNestedMulti    = apierr.New(apierr.KindInvalid, "MULTI calls can not be nested")
	errExecOutside    = apierr.New(apierr.KindInvalid, "EXEC without MULTI")
	errDiscardOutside = apierr.New(apierr.KindInvalid, "DISCARD without MULTI")
	errNotInMulti     = apierr.New(apierr.KindInvalid, "Command not allowed inside a transaction")
	errExecAbort      = apierr.New(apierr.KindExecAbort, "Transaction discarded because of previous errors.")
)

// transaction is what MULTI has queued, and EXEC runs as one op.
type transaction struct {
	queued []queuedCommand
	// keyed: a command with keys is queued; then slot is that of all keys.
	keyed bool
	slot  slot.ID
	bytes int
	// spoiled: a command was refused, so EXEC will be.
	spoiled bool
	// others: there are commands that are not about keys.
	others bool
	writes bool

	// user is who queued the commands.
	user       *acl.User
	watched    []watchedKey
	limitBytes int
	// shard is where EXEC was sent.
	shard slot.ShardID
	// aborted: a watched key had changed. Set by run, on the executor's goroutine.
	aborted bool
}

// queuedCommand owns its arguments.
type queuedCommand struct {
	row  *row
	args [][]byte
	// call is valid for commands on keys whose arguments are; otherwise err says what is wrong.
	call command.Call
	err  error
}

func (c *conn) begin([][]byte) resp.Value {
	if c.multi != nil {
		return errorReply(errNestedMulti)
	}
	c.multi = &transaction{user: c.user}
	c.queued.Store(0)
	return resp.OK()
}

func (c *conn) endMulti() {
	c.multi = nil
	c.queued.Store(-1)
}

func (c *conn) discard([][]byte) resp.Value {
	if c.multi == nil {
		return errorReply(errDiscardOutside)
	}
	c.endMulti()
	c.endWatch()
	return resp.OK()
}

var queuedReply = resp.Simple("QUEUED")

// queue keeps a command for EXEC. What is wrong with it already spoils the transaction.
func (c *conn) queue(r *row, args [][]byte) {
	if err := c.queueErr(r, args); err != nil {
		c.refuse(errorReply(err))
		return
	}
	t := c.multi
	t.queued = append(t.queued, queuedCommand{row: r, args: copyArgs(args)})
	t.others = t.others || r.spec.Parse == nil
	t.writes = t.writes || r.spec.Flag(command.Write) || r.spec.Flag(command.MayWrite)
	c.queued.Add(1)
	c.answer(queuedReply)
}

func (c *conn) queueErr(r *row, args [][]byte) error {
	t, l := c.multi, &c.server.limits
	if r.spec.Flag(command.NoMulti) || r.spec.Name == "flushall" || r.spec.Name == "flushdb" {
		return errNotInMulti
	}
	if c.proxied && r.spec.Parse == nil {
		return errNotInMulti // the transaction may be run elsewhere
	}
	for _, arg := range args {
		t.bytes += len(arg)
	}
	if t.bytes > l.TransactionBytesMax || len(t.queued) >= l.TransactionCommandsMax {
		return apierr.New(apierr.KindTooLarge, "a transaction may hold %d commands of %d bytes in all", l.TransactionCommandsMax, l.TransactionBytesMax)
	}
	keys := r.spec.Keys(args)
	if r.spec.Parse == nil || len(keys) == 0 {
		return nil
	}
	s, err := slotOf(keys)
	switch {
	case err != nil:
		return err
	case t.keyed && s != t.slot, len(c.watch.keys) > 0 && s != c.watch.slot:
		return errCrossSlot
	}
	t.keyed, t.slot = true, s
	if target, ok := c.server.cfg.Router.Find(s, c.asked); ok && target.Leader != nil && !c.proxied {
		return c.sentTo(s, target)
	}
	return nil
}

// copyArgs copies arguments out of the read buffer.
func copyArgs(args [][]byte) [][]byte {
	size := 0
	for _, arg := range args {
		size += len(arg)
	}
	all := make([]byte, 0, size)
	copied := make([][]byte, len(args))
	for i, arg := range args {
		from := len(all)
		all = append(all, arg...)
		copied[i] = all[from:len(all):len(all)]
	}
	return copied
}
