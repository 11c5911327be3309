package respserver

import (
	"errors"
	"io"
	"time"

	"github.com/holtcache/holt/gateway/ops"
	"github.com/holtcache/holt/gateway/resp"
)

// round runs the whole commands that are buffered, up to the pipeline limit, and writes their replies. It tells whether
// there may be more.
func (c *conn) round() (more bool) {
	c.arrived = time.Now()
	c.lastActive.Store(c.arrived.UnixNano())
	c.out.begin()
	c.budget.Store(int64(c.server.limits.OutputBufferBytesMax))
	c.runs, c.slowInRound = 0, 0
	c.parsed = c.arrived.Sub(c.server.started)
	for more = true; more && !c.closing && c.runs < c.server.limits.PipelineMax; {
		args, ok, err := c.reader.Next()
		switch {
		case err != nil:
			c.settle()
			c.refuseProtocol(err)
			return false
		case !ok:
			more = false
		default:
			c.runs++
			c.began = time.Time{}
			c.command(args)
		}
	}
	c.settle()
	c.reader.Release()
	// Before the replies: whoever has seen them finds their commands and reads counted.
	c.tally.flush(c.id)
	c.server.stats.lookups.add(c.id, c.lookups)
	c.accountRead(c.reader.Held())
	c.lookups = ops.Lookups{}
	if !c.out.finish() {
		c.closing = true
	}
	c.server.stats.rate.add(c.arrived, c.runs)
	return more && !c.closing && !c.server.isStopping()
}

// refuseProtocol answers bytes that are no command and closes the connection. A web page that makes a browser send
// commands, and a TLS client, get no answer that they might use.
func (c *conn) refuseProtocol(err error) {
	c.closing = true
	c.server.stats.protocolErrors.Add(1)
	if errors.Is(err, resp.ErrCrossProtocol) || errors.Is(err, resp.ErrTLSOnPlainPort) {
		if c.server.stats.warnNow() {
			c.server.cfg.Logger.Warn("closed a connection that does not speak RESP", "client", c.remote, "error", err)
		}
		return
	}
	var protocol *resp.ProtocolError
	if errors.As(err, &protocol) {
		c.emit(protocol.Reply(), false)
	}
	c.out.finish()
	c.linger()
}

// A connection that is closed with bytes unread is reset, and the reset overtakes the last reply. So these many are
// read, for so long.
const (
	lingerMax      = 100 * time.Millisecond
	lingerBytesMax = 256 << 10
)

// linger gives the client the time to read the last reply.
func (c *conn) linger() {
	half, ok := c.nc.(interface{ CloseWrite() error })
	if !ok || half.CloseWrite() != nil {
		return
	}
	_ = c.nc.SetReadDeadline(time.Now().Add(lingerMax))
	_, _ = io.CopyN(io.Discard, c.nc, lingerBytesMax)
}

// emit writes a reply behind those before it.
func (c *conn) emit(v resp.Value, silent bool) {
	if v.IsError() {
		c.server.stats.countError(v.Str)
	}
	if silent {
		return
	}
	if v.Kind == resp.KindBulk && len(v.Str) >= flushBytes && c.authed() {
		c.out.buf = resp.AppendBulkHead(c.out.buf, len(v.Str))
		c.closing = !c.out.through(v.Str) || c.closing
		c.out.buf = append(c.out.buf, "\r\n"...)
		return
	}
	c.out.buf = v.Append(c.out.buf, c.proto)
	switch {
	case !c.authed() && len(c.out.buf) > c.server.limits.UnauthenticatedOutputMax:
		c.closing = true // CVE-2025-21605
		c.server.stats.outputCuts.Add(1)
	case len(c.out.buf) < flushBytes:
	case c.out.flush():
		c.parsed = c.server.clock() // a client that is slow to read makes no command slow
	default:
		c.closing = true
	}
}

// reply answers the command at hand, which has waited for nobody.
func (c *conn) reply(v resp.Value) {
	c.finishedAtOnce(&v)
	c.answer(v)
}

// answer writes the reply to the command at hand, or lets it wait for those before it.
func (c *conn) answer(v resp.Value) {
	if c.used == 0 {
		c.emitNow(v)
		return
	}
	c.charge(&v)
	e := c.newEntry()
	e.reply, e.known = v, true
}

// emitNow writes the reply to the command at hand, behind which none waits. A large one counts until the client has taken it.
func (c *conn) emitNow(v resp.Value) {
	if v.IsError() || len(v.Str) < heldReplyMin && len(v.Elems) == 0 {
		c.emit(v, c.silent)
		return
	}
	if !c.accountReply(sizeOf(&v)) {
		v = errorReply(errClientsFull)
	}
	c.emit(v, c.silent)
	c.releaseReplies()
}
