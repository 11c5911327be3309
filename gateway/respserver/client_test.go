package respserver

import (
	"errors"
	"net"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/holtcache/holt/gateway/resp"
)

// client is a connection of a test. Replies come as text: "+OK", "-ERR x", ":1", "value", "(nil)", "[a b]", ">[a b]".
type client struct {
	t  testing.TB
	nc net.Conn
	in *resp.ReplyReader
}

// dial opens a connection that answers within 10 s or fails the test.
func (f *fixture) dial() *client {
	f.t.Helper()
	nc, err := net.Dial("tcp", f.addr)
	if err != nil {
		f.t.Fatal(err)
	}
	f.t.Cleanup(func() { _ = nc.Close() })
	_ = nc.SetDeadline(time.Now().Add(30 * time.Second))
	return &client{f.t, nc, resp.NewReplyReader(nc)}
}

// send writes commands, words separated by spaces, in one write.
func (c *client) send(commands ...string) {
	c.t.Helper()
	var b []byte
	for _, command := range commands {
		b = resp.AppendCommandStrings(b, strings.Fields(command)...)
	}
	c.raw(string(b))
}

func (c *client) raw(s string) {
	c.t.Helper()
	if _, err := c.nc.Write([]byte(s)); err != nil {
		c.t.Fatalf("write: %v", err)
	}
}

func (c *client) recv() string {
	c.t.Helper()
	v, err := c.in.Read()
	if err != nil {
		c.t.Fatalf("read a reply: %v", err)
	}
	return show(v)
}

func (c *client) do(command string) string {
	c.t.Helper()
	c.send(command)
	return c.recv()
}

// want runs commands in one pipeline and compares the replies: command, reply, command, reply.
func (c *client) want(pairs ...string) {
	c.t.Helper()
	var commands []string
	for i := 0; i < len(pairs); i += 2 {
		commands = append(commands, pairs[i])
	}
	c.send(commands...)
	for i := 0; i < len(pairs); i += 2 {
		if got := c.recv(); got != pairs[i+1] {
			c.t.Fatalf("%s: got %q, want %q", pairs[i], got, pairs[i+1])
		}
	}
}

// wantClosed reads until the server closes, and returns what it said before.
func (c *client) wantClosed() string {
	c.t.Helper()
	var b strings.Builder
	for {
		v, err := c.in.Read()
		if err == nil {
			if b.Len() < 1<<10 {
				b.WriteString(show(v) + "\n")
			}
			continue
		}
		var timeout net.Error
		if errors.As(err, &timeout) && timeout.Timeout() {
			c.t.Fatalf("the connection stays open, after %q", b.String())
		}
		return b.String()
	}
}

func show(v resp.Value) string {
	switch v.Kind {
	case resp.KindNull, resp.KindNullArray:
		return "(nil)"
	case resp.KindSimple:
		return "+" + string(v.Str)
	case resp.KindError:
		return "-" + string(v.Str)
	case resp.KindInt:
		return ":" + strconv.FormatInt(v.Int, 10)
	case resp.KindArray, resp.KindMap, resp.KindSet, resp.KindPush:
		var elems []string
		for _, e := range v.Elems {
			elems = append(elems, show(e))
		}
		text := "[" + strings.Join(elems, " ") + "]"
		if v.Kind == resp.KindPush {
			text = ">" + text
		}
		return text
	case resp.KindVerbatim:
		return string(v.Str[4:])
	}
	return string(v.Str)
}
