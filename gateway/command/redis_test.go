package command

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/holtcache/holt/gateway/resp"
)

// redisServer is a connection to a Redis of our own, which ends with the test.
type redisServer struct {
	conn    net.Conn
	replies *resp.ReplyReader
}

// startRedis starts redis-server on a Unix socket. Without redis-server 7 the test is skipped.
func startRedis(t *testing.T, proto int) *redisServer {
	t.Helper()
	path, err := exec.LookPath("redis-server")
	if err != nil {
		t.Skip("redis-server is not installed, so there is nothing to compare with: install Redis 7.0")
	}
	version, err := exec.Command(path, "--version").Output()
	if err != nil || !strings.Contains(string(version), " v=7.0.") {
		t.Skipf("redis-server is not 7.0, whose behaviour the table follows: %s", version)
	}
	dir := t.TempDir()
	socket := filepath.Join(dir, "s")
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	server := exec.CommandContext(ctx, path, "--port", "0", "--unixsocket", socket, "--dir", dir, "--save", "",
		"--appendonly", "no", "--rdbcompression", "no", "--proto-max-bulk-len", fmt.Sprint(testLimits.ValueBytesMax))
	if err := server.Start(); err != nil {
		cancel()
		t.Fatalf("start redis-server: %v", err)
	}
	t.Cleanup(func() {
		cancel() // kills it
		_ = server.Wait()
	})
	conn := dialUnix(t, socket)
	t.Cleanup(func() { _ = conn.Close() })
	r := &redisServer{conn: conn, replies: resp.NewReplyReader(conn)}
	if reply := r.do(t, "HELLO", fmt.Sprint(proto)); reply.IsError() {
		t.Fatalf("HELLO: %s", reply.Str)
	}
	return r
}

// dialUnix connects as soon as somebody listens.
func dialUnix(t *testing.T, socket string) net.Conn {
	t.Helper()
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	deadline := time.After(20 * time.Second)
	for {
		conn, err := net.Dial("unix", socket)
		if err == nil {
			return conn
		}
		select {
		case <-deadline:
			t.Fatalf("redis-server does not listen: %v", err)
		case <-tick.C:
		}
	}
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
