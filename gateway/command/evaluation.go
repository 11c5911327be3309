package command

import (
	"strconv"
	"time"

	"github.com/holtcache/holt/gateway/ops"
	"github.com/holtcache/holt/gateway/resp"
	"github.com/holtcache/holt/gateway/script"
	"github.com/holtcache/holt/proto/apierr"
	"github.com/holtcache/holt/proto/slot"
)

// evaluation is a script with its keys and arguments, ready to run.
type evaluation struct {
	table      *Table
	script     *script.Script
	keys, args [][]byte
	// slot is that of the keys, if there are any.
	slot  slot.ID
	guard Guard
	// readOnly tells that commands which write are refused.
	readOnly bool
}

// What scripts are told of commands that they may not call; the texts are those of Redis.
var (
	replyUnknownCommand = resp.Err("ERR Unknown Redis command called from script")
	replyWrongArity     = resp.Err("ERR Wrong number of args calling Redis command from script")
	replyNotAllowed     = resp.Err("ERR This Redis command is not allowed from script")
	replyReadOnly       = resp.Err("ERR Write commands are not allowed from read-only scripts.")
	replyNonLocal       = resp.Err("ERR Script attempted to access a non local key in a cluster node")
	replyOtherSlot      = resp.Err("ERR Script attempted to access keys that do not hash to the same slot")
)

// write runs the script. What it does before an error of its own stays done, as in Redis; one that goes over a limit does nothing.
func (e *evaluation) write(tx ops.Tx) resp.Value {
	v, err := e.run(tx, tx)
	if err != nil {
		tx.Refuse(apierr.Of(err))
		return fail(err)
	}
	return v
}

func (e *evaluation) read(r ops.Reader) resp.Value { return orFail(e.run(r, nil)) }

// alone runs the script without keys.
func (e *evaluation) alone() resp.Value { return orFail(e.run(nil, nil)) }

func orFail(v resp.Value, err error) resp.Value {
	if err != nil {
		return fail(err)
	}
	return v
}

// run runs the script on a reader, nil where there are no keys, and on a transaction, nil where nothing may be written.
func (e *evaluation) run(r ops.Reader, tx ops.Tx) (resp.Value, error) {
	return e.script.Run(&script.Env{Keys: e.keys, Args: e.args, Call: func(args [][]byte) resp.Value { return e.command(args, r, tx) }, May: e.may})
}

// may tells whether the script may run a command.
func (e *evaluation) may(args [][]byte) (may, known bool) {
	spec, err := e.table.find(args)
	if err != nil || !spec.arityHolds(len(args)) {
		return false, err == nil
	}
	return e.guard == nil || e.guard.Refuses(spec, args) == "", true
}

// command runs a command of the script.
func (e *evaluation) command(args [][]byte, r ops.Reader, tx ops.Tx) resp.Value {
	spec, err := e.table.find(args)
	switch {
	case err != nil:
		return replyUnknownCommand
	case !spec.arityHolds(len(args)):
		return replyWrongArity
	case spec.Flag(NoScript):
		return replyNotAllowed
	}
	if e.guard != nil {
		if why := e.guard.Refuses(spec, args); why != "" {
			e.guard.Tried(spec, args)
			return resp.Err("ERR The user executing the script " + why)
		}
	}
	switch {
	case spec.Parse == nil:
		return withoutKeys(spec, args, r)
	case e.readOnly && spec.Flag(Write):
		return replyReadOnly
	}
	call, err := spec.Parse(args)
	if err != nil {
		return fail(err)
	}
	for _, key := range call.Keys {
		switch {
		case len(e.keys) == 0:
			return replyNonLocal
		case slot.Of(key) == e.slot:
		case e.script.Flagged:
			return replyOtherSlot
		default:
			return replyNonLocal
		}
	}
	switch {
	case call.Read != nil:
		return readLimited(r, call.Read)
	case tx == nil:
		return replyReadOnly
	}
	return call.Write(tx)
}

// readBytesMax bounds what one command may show to a script, with room for a few of the largest values.
const readBytesMax = 32 << 20

func readLimited(r ops.Reader, read func(ops.Reader) resp.Value) resp.Value {
	limited := ops.Limited{Reader: r, Left: readBytesMax}
	v := read(&limited)
	if limited.Left < 0 {
		return fail(apierr.New(apierr.KindTooLarge, "what the command shows to the script exceeds the limit of %d bytes", readBytesMax))
	}
	return v
}

// withoutKeys runs those commands that are not about keys and that scripts may call.
func withoutKeys(spec *Spec, args [][]byte, r ops.Reader) resp.Value {
	switch spec.Name {
	case "ping":
		if len(args) > 1 {
			return resp.Bulk(args[1])
		}
		return resp.Simple("PONG")
	case "echo":
		return resp.Bulk(args[1])
	case "time":
		now := time.Now()
		if r != nil {
			now = time.UnixMilli(r.Now())
		}
		return resp.Array(resp.BulkString(strconv.FormatInt(now.Unix(), 10)), resp.BulkString(strconv.Itoa(now.Nanosecond()/1000)))
	}
	return replyNotAllowed
}
