package respserver

import (
	"math"
	"time"

	"github.com/holtcache/holt/gateway/ops"
	"github.com/holtcache/holt/gateway/resp"
	"github.com/holtcache/holt/gateway/router"
	"github.com/holtcache/holt/proto/apierr"
	"github.com/holtcache/holt/proto/slot"
)

const (
	// waitPoll is how often WAIT looks at how far the replicas are: Replica.Acknowledged is a count, not an event, and a
	// commit takes about as long.
	waitPoll = time.Millisecond
	// waitPollSlow is how often it looks after waitPollFast looks.
	waitPollSlow = 10 * time.Millisecond
	waitPollFast = 100
)

var (
	errNegativeTimeout = apierr.New(apierr.KindInvalid, "timeout is negative")
	errTimeoutNumber   = apierr.New(apierr.KindInvalid, "timeout is not an integer or out of range")
	errUnblocked       = resp.Err("UNBLOCKED client unblocked via CLIENT UNBLOCK")
)

// acknowledgement tells how far the last writes of a connection have come, and whether that is as far as is asked for.
type acknowledgement func() (reply resp.Value, enough bool)

// waitReplicas is WAIT: it returns how many other replicas hold the last write of the connection in their logs, on the
// shard where they are fewest, once that is enough or the time is over.
func (c *conn) waitReplicas(args [][]byte) resp.Value {
	want, err := ops.ParseInt(args[1])
	if err != nil {
		return errorReply(err)
	}
	timeout, refused := parseTimeout(args[2])
	if refused != nil {
		return errorReply(refused)
	}
	if c.proxied {
		return errProxied("WAIT", "writes are acknowledged by a majority unless CLIENT DURABILITY says otherwise")
	}
	return c.awaitAcknowledged(timeout, func() (resp.Value, bool) {
		held := int64(c.replicasHolding())
		return resp.Int(held), held >= want
	})
}

// parseTimeout reads milliseconds; 0 means that there is no end.
func parseTimeout(arg []byte) (time.Duration, *apierr.Error) {
	ms, err := ops.ParseInt(arg)
	switch {
	case err != nil || ms > math.MaxInt64/int64(time.Millisecond):
		return 0, errTimeoutNumber
	case ms < 0:
		return 0, errNegativeTimeout
	}
	return time.Duration(ms) * time.Millisecond, nil
}

// awaitAcknowledged answers once that is enough or the time is over. In a transaction it does not wait.
func (c *conn) awaitAcknowledged(timeout time.Duration, look acknowledgement) resp.Value {
	if reply, enough := look(); enough || c.inExec {
		return reply
	}
	if !c.out.flush() {
		c.closing = true
		return resp.Int(0)
	}
	select {
	case <-c.blocked: // meant for an earlier wait
	default:
	}
	c.waiting.Store(true)
	defer func() {
		c.waiting.Store(false)
		c.resumed()
	}()
	var over <-chan time.Time
	if timeout > 0 {
		timer := time.NewTimer(timeout)
		defer timer.Stop()
		over = timer.C
	}
	ticker := time.NewTicker(waitPoll)
	defer ticker.Stop()
	return c.pollAcknowledged(look, ticker, over)
}

func (c *conn) pollAcknowledged(look acknowledgement, ticker *time.Ticker, over <-chan time.Time) resp.Value {
	for looks := 1; ; looks++ {
		select {
		case <-ticker.C:
			reply, enough := look()
			if enough {
				return reply
			}
			if looks == waitPollFast {
				ticker.Reset(waitPollSlow)
			}
			if looks > waitPollFast && c.hasLeft() {
				c.closing = true
				return reply
			}
		case <-over:
			reply, _ := look()
			return reply
		case how := <-c.blocked:
			if how == unblockError {
				return errUnblocked
			}
			reply, _ := look()
			return reply
		case <-c.server.stop:
			c.closing = true
			reply, _ := look()
			return reply
		}
	}
}

// leftProbe is how long hasLeft may wait for a byte.
const leftProbe = 100 * time.Microsecond

// hasLeft tells whether the client has closed the connection. It reads, so it looks only while nothing is buffered.
func (c *conn) hasLeft() bool {
	if c.reader.Buffered() > 0 {
		return false
	}
	_ = c.nc.SetReadDeadline(time.Now().Add(leftProbe))
	err := c.reader.Fill()
	return err != nil && !isTimeout(err)
}

// replicasHolding counts the replicas that hold the last writes of the connection; without any, those that hold
// anything, like all replicas that Redis would count.
func (c *conn) replicasHolding() int {
	fewest := math.MaxInt
	for _, w := range c.written {
		fewest = min(fewest, c.acknowledged(w.shard, w.index))
	}
	if len(c.written) == 0 {
		for _, replica := range c.server.cfg.Router.Leading() {
			fewest = min(fewest, replica.Acknowledged(0))
		}
	}
	if fewest == math.MaxInt {
		return 0
	}
	return fewest
}

// acknowledged is 0 where this node does not lead the shard any more: it cannot tell.
func (c *conn) acknowledged(shard slot.ShardID, index uint64) int {
	if replica, leads := c.leading(shard); leads {
		return replica.Acknowledged(index)
	}
	return 0
}

func (c *conn) leading(shard slot.ShardID) (router.Replica, bool) {
	for _, replica := range c.server.cfg.Router.Leading() {
		if replica.Shard() == shard {
			return replica, true
		}
	}
	return nil, false
}

// unblocking is how CLIENT UNBLOCK ends what a connection waits for.
type unblocking uint8

const (
	unblockTimeout unblocking = iota // as if its time were over
	unblockError
)

func (c *conn) clientUnblock(args [][]byte) resp.Value {
	how := unblockTimeout
	switch {
	case len(args) == 3:
	case len(args) > 4:
		return subcommandSyntax(args)
	case word(args[3], "ERROR"):
		how = unblockError
	case !word(args[3], "TIMEOUT"):
		return errorReply(apierr.New(apierr.KindInvalid, "CLIENT UNBLOCK reason should be TIMEOUT or ERROR"))
	}
	id, err := ops.ParseInt(args[2])
	if err != nil {
		return errorReply(err)
	}
	for _, other := range c.server.clients() {
		if other.id != id || !other.waiting.Load() {
			continue
		}
		select {
		case other.blocked <- how:
			return resp.Int(1)
		default:
		}
	}
	return resp.Int(0)
}
