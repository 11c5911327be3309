package command

import (
	"bytes"
	"fmt"
	"net"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/holtcache/holt/gateway/command/redistest"
	"github.com/holtcache/holt/gateway/resp"
)

// redisServer is a connection to a Redis of our own, which ends with the test.
type redisServer struct {
	conn    net.Conn
	replies *resp.ReplyReader
}

// startRedis starts a redis-server that takes values as long as those of the tests.
func startRedis(t *testing.T, proto int) *redisServer {
	t.Helper()
	socket := redistest.Start(t, "--proto-max-bulk-len", fmt.Sprint(testLimits.ValueBytesMax))
	conn, err := net.Dial("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	r := &redisServer{conn: conn, replies: resp.NewReplyReader(conn)}
	if reply := r.do(t, "HELLO", fmt.Sprint(proto)); reply.IsError() {
		t.Fatalf("HELLO: %s", reply.Str)
	}
	return r
}

// do sends one command and waits for its reply.
func (r *redisServer) do(t *testing.T, args ...string) resp.Value {
	t.Helper()
	raw := make([][]byte, len(args))
	for i, arg := range args {
		raw[i] = []byte(arg)
	}
	_ = r.conn.SetDeadline(time.Now().Add(20 * time.Second))
	if _, err := r.conn.Write(resp.AppendCommand(nil, raw...)); err != nil {
		t.Fatalf("send %q: %v", args, err)
	}
	reply, err := r.replies.Read()
	if err != nil {
		t.Fatalf("reply to %q: %v", args, err)
	}
	return reply
}

// overTheWire is the reply as a client of this protocol reads it.
func overTheWire(t *testing.T, reply resp.Value, proto int) resp.Value {
	t.Helper()
	read, err := resp.NewReplyReader(bytes.NewReader(reply.Append(nil, proto))).Read()
	if err != nil {
		t.Fatalf("our own reply %s does not parse: %v", show(reply), err)
	}
	return read
}

// show writes a reply on one line, sets in sorted order, so that replies are equal if what it shows is.
func show(v resp.Value) string {
	parts := make([]string, len(v.Elems))
	for i, e := range v.Elems {
		parts[i] = show(e)
	}
	switch v.Kind {
	case resp.KindNull:
		return "null"
	case resp.KindNullArray:
		return "null array"
	case resp.KindSimple:
		return "+" + string(v.Str)
	case resp.KindError:
		return "-" + string(v.Str)
	case resp.KindInt:
		return fmt.Sprint(v.Int)
	case resp.KindBulk:
		return fmt.Sprintf("%q", v.Str)
	case resp.KindSet:
		slices.Sort(parts)
		return "~{" + strings.Join(parts, " ") + "}"
	case resp.KindMap:
		return "%{" + strings.Join(parts, " ") + "}"
	case resp.KindArray:
		return "[" + strings.Join(parts, " ") + "]"
	}
	return fmt.Sprintf("kind %d %q %v [%s]", v.Kind, v.Str, v.Float, strings.Join(parts, " "))
}
