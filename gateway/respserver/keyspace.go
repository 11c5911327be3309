package respserver

import (
	"strconv"
	"time"

	"github.com/holtcache/holt/gateway/ops"
	"github.com/holtcache/holt/gateway/resp"
	"github.com/holtcache/holt/gateway/router"
	"github.com/holtcache/holt/proto/apierr"
	"github.com/holtcache/holt/proto/slot"
)

// dbSize counts the keys of the shards that this node leads, as a master of Redis Cluster counts its own. The ops of
// the round before it are done (PROTOCOL rule 34).
func (c *conn) dbSize([][]byte) resp.Value { return resp.Int(int64(c.server.keysLed())) }

func (s *Server) keysLed() (n int) {
	for _, replica := range s.cfg.Router.Leading() {
		n += replica.Keys()
	}
	return n
}

// flush empties the shards that this node leads. ASYNC and SYNC are alike: the reply comes when it is committed. A shard that is
// just handing slots over, or getting some, refuses for a moment: half of them could be emptied and half not.
func (c *conn) flush(args [][]byte) resp.Value {
	if len(args) > 2 || len(args) == 2 && !word(args[1], "ASYNC") && !word(args[1], "SYNC") {
		return errorReply(errSyntax)
	}
	first := c.used
	for _, replica := range c.server.cfg.Router.Leading() {
		c.flushShard(replica) // also where it has no slots by the slot map, which may be behind
	}
	c.submit()
	c.wait()
	for attempt := 0; c.flushAgain(first) && c.pauseReroute(attempt); attempt++ {
		for _, e := range c.entries[first:c.used] {
			if e.op.Err != nil && e.op.Err.Kind == apierr.KindTryAgain {
				f := e.flight
				e.op.Err, e.op.Handle = nil, nil
				f.add(e)
			}
		}
		c.submit()
		c.wait()
	}
	reply := resp.OK()
	for _, e := range c.entries[first:c.used] {
		if e.op.Err != nil && !reply.IsError() {
			reply = errorReply(e.op.Err)
		}
		e.reset()
	}
	c.used = first
	return reply
}

// flushShard queues the op that empties what a shard serves.
func (c *conn) flushShard(replica router.Replica) {
	e := c.newEntry()
	e.write = func(tx ops.Tx) resp.Value {
		tx.Flush([]slot.Range{{First: 0, Last: slot.Count - 1}}) // of which the shard takes its own
		return resp.OK()
	}
	e.op.AllSlots, e.op.Ack = true, c.ack
	c.flightFor(replica).add(e)
}

// flushAgain tells whether a shard has refused that may be asked again.
func (c *conn) flushAgain(first int) bool {
	for _, e := range c.entries[first:c.used] {
		if e.op.Err != nil && e.op.Err.Kind == apierr.KindTryAgain {
			return true
		}
	}
	return false
}

func (c *conn) time([][]byte) resp.Value {
	now := time.Now()
	return resp.Array(
		resp.BulkString(strconv.FormatInt(now.Unix(), 10)),
		resp.BulkString(strconv.FormatInt(int64(now.Nanosecond()/1000), 10)))
}

// scriptFlush answers FUNCTION FLUSH and SCRIPT FLUSH, with which test suites begin. There are no functions to delete.
func (c *conn) scriptFlush(args [][]byte) resp.Value {
	if len(args) > 3 && word(args[0], "FUNCTION") {
		return subcommandSyntax(args)
	}
	if len(args) > 3 || len(args) == 3 && !word(args[2], "ASYNC") && !word(args[2], "SYNC") {
		if word(args[0], "SCRIPT") {
			return errorReply(apierr.New(apierr.KindInvalid, "SCRIPT FLUSH only support SYNC|ASYNC option"))
		}
		return errorReply(apierr.New(apierr.KindInvalid, "FUNCTION FLUSH only supports SYNC|ASYNC option"))
	}
	if word(args[0], "SCRIPT") {
		c.server.cfg.Table.Scripts().Flush()
	}
	return resp.OK()
}
