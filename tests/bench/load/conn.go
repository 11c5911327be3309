package load

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"strings"
	"time"

	"github.com/holtcache/holt/gateway/resp"
)

// ioMax bounds one write and the wait for one reply: longer than a failover.
const ioMax = 10 * time.Second

// conn is a connection to one server.
type conn struct {
	net.Conn
	replies *resp.ReplyReader
	stop    func() bool
}

// dial connects and sends the setup commands. The end of ctx interrupts whatever the connection is waiting for.
func dial(ctx context.Context, addr string, setup [][]string) (*conn, error) {
	d := net.Dialer{Timeout: ioMax}
	nc, err := d.DialContext(ctx, "tcp", addr)
	if err != nil {
		return nil, err
	}
	c := &conn{Conn: nc, replies: resp.NewReplyReader(nc)}
	c.stop = context.AfterFunc(ctx, func() { nc.Close() })
	for _, command := range setup {
		if _, err := c.do(command...); err != nil {
			c.Close()
			return nil, err
		}
	}
	return c, nil
}

func (c *conn) Close() error {
	c.stop()
	return c.Conn.Close()
}

// do sends one command and returns its reply; an error reply is an error.
func (c *conn) do(command ...string) (resp.Value, error) {
	if err := c.SetDeadline(time.Now().Add(ioMax)); err != nil {
		return resp.Value{}, err
	}
	if _, err := c.Write(resp.AppendCommandStrings(nil, command...)); err != nil {
		return resp.Value{}, err
	}
	reply, err := c.replies.Read()
	switch {
	case err != nil:
		return resp.Value{}, fmt.Errorf("%s: %w", strings.Join(command, " "), err)
	case reply.IsError():
		return resp.Value{}, fmt.Errorf("%s: %s", strings.Join(command, " "), reply.Str)
	}
	return reply, nil
}

var (
	setWord    = []byte("SET")
	getWord    = []byte("GET")
	movedWords = [][]byte{[]byte("MOVED "), []byte("ASK "), []byte("TRYAGAIN")}
)

// request appends one request for key to dst.
func (r *run) request(dst, key, value []byte) []byte {
	switch {
	case r.spec.Op == OpGet:
		return resp.AppendCommand(dst, getWord, key)
	case len(r.options) > 0:
		return resp.AppendCommand(dst, append([][]byte{setWord, key, value}, r.options...)...)
	}
	return resp.AppendCommand(dst, setWord, key, value)
}

// moved tells whether a reply sends the client to another node.
func moved(reply resp.Value) bool {
	if !reply.IsError() {
		return false
	}
	for _, word := range movedWords {
		if bytes.HasPrefix(reply.Str, word) {
			return true
		}
	}
	return false
}

// count enters one reply.
func (t *tally) count(reply resp.Value, latency time.Duration) {
	switch {
	case reply.IsError():
		t.failed++
		if t.firstError == "" {
			t.firstError = string(reply.Str)
		}
	case reply.Kind == resp.KindNull:
		t.missing++
	default:
		t.latency.Add(latency)
	}
}
