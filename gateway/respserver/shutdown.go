package respserver

import (
	"github.com/holtcache/holt/gateway/resp"
	"github.com/holtcache/holt/proto/apierr"
)

var (
	errNoShutdown   = apierr.New(apierr.KindInvalid, "No shutdown in progress.")
	errShutdownHere = apierr.New(apierr.KindUnsupported, "this node cannot be stopped by a client; end its process")
)

// shutdown is SHUTDOWN [NOSAVE|SAVE] [NOW] [FORCE] [ABORT]: the node hands over its leaderships and ends, as it does after
// SIGTERM. The log has every write whatever is asked for; SAVE writes a snapshot first. There is no reply but the end of the
// connection, and nothing to abort: the end has begun when anybody hears of it.
func (c *conn) shutdown(args [][]byte) resp.Value {
	var save, noSave, other, abort bool
	for _, arg := range args[1:] {
		switch {
		case word(arg, "SAVE"):
			save = true
		case word(arg, "NOSAVE"):
			noSave = true
		case word(arg, "NOW"), word(arg, "FORCE"):
			other = true
		case word(arg, "ABORT"):
			abort = true
		default:
			return errorReply(errSyntax)
		}
	}
	switch {
	case abort && (save || noSave || other), save && noSave:
		return errorReply(errSyntax)
	case abort:
		return errorReply(errNoShutdown)
	case c.server.cfg.Shutdown == nil:
		return errorReply(errShutdownHere)
	}
	if save {
		if reply := c.save(nil); reply.IsError() {
			return reply
		}
	}
	c.silent, c.closing = true, true
	c.server.cfg.Shutdown()
	return resp.OK()
}

// role is ROLE: like INFO replication it says master of every node. Offsets are log indexes.
func (c *conn) role([][]byte) resp.Value {
	facts, offset := c.server.facts(), uint64(0)
	for _, s := range facts.Shards {
		offset = max(offset, s.Applied)
	}
	return resp.Array(resp.BulkString("master"), resp.Int(int64(offset)), resp.Array())
}
