package respserver

import (
	"bytes"
	"fmt"
	"net"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/holtcache/holt/gateway/acl"
)

const (
	badCount = "-ERR Protocol error: invalid multibulk length\n"
	badBulk  = "-ERR Protocol error: invalid bulk length\n"
)

// hostile is the corpus of what nobody should send: each costs its connection at most.
var hostile = []struct {
	name, send string
	// want is what is said before the connection is closed; any where it ends with "...".
	want string
	// open: the connection goes on, and a PING behind the input is answered.
	open bool
}{
	{name: "empty line", send: "\r\n", open: true, want: "+PONG"},
	{name: "no arguments", send: "*0\r\n*-1\r\n*-10\r\n", open: true, want: "+PONG"},
	{name: "count over the limit", send: "*20000000\r\n", want: badCount},
	{name: "largest count", send: "*9223372036854775807\r\n", want: badCount},
	{name: "count beyond 64 bits", send: "*99999999999999999999\r\n", want: badCount},
	{name: "300 million arguments", send: "*300000000\r\n", want: badCount},
	{name: "largest bulk", send: "*1\r\n$9223372036854775807\r\n", want: badBulk},
	{name: "largest bulk less two", send: "*1\r\n$9223372036854775805\r\n", want: badBulk},
	{name: "2 GiB bulk", send: "*1\r\n$2147483648\r\n", want: badBulk},
	{name: "negative bulk", send: "*3\r\n$3\r\nSET\r\n$1\r\nx\r\n$-10\r\n", want: badBulk},
	{name: "bulk of no number", send: "*3\r\n$3\r\nSET\r\n$1\r\nx\r\n$blabla\r\n", want: badBulk},
	{name: "bulk of a signed number", send: "*3\r\n$3\r\nSET\r\n$1\r\nx\r\n$+5\r\n", want: badBulk},
	{name: "bulk of a number behind a space", send: "*3\r\n$3\r\nSET\r\n$1\r\nx\r\n$ 5\r\n", want: badBulk},
	{name: "bulk without a number", send: "*3\r\n$3\r\nSET\r\n$1\r\nx\r\n$\r\n", want: badBulk},
	{name: "bulk of a zero byte", send: "*1\r\n$\x00\r\n", want: badBulk},
	{name: "4 GiB bulk", send: "*1\r\n$4294967296\r\n", want: badBulk},
	{name: "count of a zero byte", send: "*\x00\r\n", want: badCount},
	{name: "count without an end", send: "*" + strings.Repeat("1", 64<<10+1), want: "-ERR Protocol error: ..."},
	{name: "length without an end", send: "*1\r\n$" + strings.Repeat("1", 64<<10+1), want: "-ERR Protocol error: ..."},
	{name: "64 KiB of zero bytes", send: strings.Repeat("\x00", 64<<10+1), want: "-ERR Protocol error: too big inline request\n"},
	{name: "RESP3 set as a request", send: "*1\r\n~1\r\n", want: "-ERR Protocol error: ..."},
	{name: "RESP3 null as a request", send: "*1\r\n_\r\n", want: "-ERR Protocol error: ..."},
	{name: "nested arrays, 100,000 deep", send: strings.Repeat("*1\r\n", 100000), want: "-ERR Protocol error: ..."},
	{name: "bulk without dollar", send: "*1\r\nfoo\r\n", want: "-ERR Protocol error: expected '$', got 'f'\n"},
	{name: "bulk longer than said", send: "*1\r\n$3\r\nabcd\r\n", want: "-ERR Protocol error: ..."},
	{name: "64 KiB without an end", send: strings.Repeat("x", 64<<10+1), want: "-ERR Protocol error: too big inline request\n"},
	{name: "unbalanced quotes", send: "SET \"a b\r\n", want: "-ERR Protocol error: unbalanced quotes in request\n"},
	{name: "half a command, then the end", send: "*3\r\n$3\r\nSET\r\n$1\r\n", want: ""},
	{name: "HTTP", send: "POST / HTTP/1.1\r\nHost: x\r\n\r\n", want: ""},
	{name: "Host line", send: "Host: x\r\n", want: ""},
	{name: "TLS ClientHello", send: "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", want: ""},
	{name: "RESP3 map as a request", send: "%1\r\n+a\r\n+b\r\n", want: "-ERR Protocol error: ..."},
	{name: "nested arrays", send: strings.Repeat("*1\r\n", 1000), want: "-ERR Protocol error: ..."},
	{name: "empty, valid, broken", send: "*0\r\n*1\r\n$4\r\nPING\r\n*1\r\n$x\r\n", want: "+PONG\n" + badBulk},
	{name: "unknown command with line breaks", send: "*1\r\n$7\r\nA\r\nB\x00CD\r\n", open: true, want: "-ERR unknown command 'A  B', with args beginning with: "},
	{name: "unknown command of 10 KiB", send: "*1\r\n$10240\r\n" + strings.Repeat("n", 10240) + "\r\n", open: true, want: "-ERR unknown command '" + strings.Repeat("n", 128) + "', with args beginning with: "},
	{name: "binary key", send: "*3\r\n$3\r\nSET\r\n$4\r\n\x00\r\n\xff\r\n$0\r\n\r\n", open: true, want: "+OK"},
	{name: "key over its limit", send: "*2\r\n$3\r\nGET\r\n$65537\r\n" + strings.Repeat("k", 65537) + "\r\n", open: true, want: "-ERR key of 65537 bytes exceeds maximum allowed size (max-key-bytes 65536)"},
	{name: "SETRANGE far out", send: "SETRANGE k 4294967295 x\r\n", open: true, want: "-ERR string exceeds maximum allowed size (proto-max-bulk-len)"},
}

func TestHostileInputCostsItsConnectionOnly(t *testing.T) {
	f := start(t, fixtureConfig{})
	bystander := f.dial()
	bystander.want("PING", "+PONG")
	baseline := runtime.NumGoroutine()
	for _, tc := range hostile {
		t.Run(tc.name, func(t *testing.T) {
			c := f.dial()
			c.t = t
			c.raw(tc.send)
			if tc.open {
				if tc.want != "+PONG" {
					if got := c.recv(); got != tc.want {
						t.Errorf("got %q, want %q", got, tc.want)
					}
				}
				c.want("PING", "+PONG")
				_ = c.nc.Close()
			} else {
				_ = c.nc.(*net.TCPConn).CloseWrite()
				got := c.wantClosed()
				if prefix, cut := strings.CutSuffix(tc.want, "..."); got != tc.want && !(cut && strings.HasPrefix(got, prefix)) {
					t.Errorf("got %q, want %q", got, tc.want)
				}
			}
			bystander.want("PING", "+PONG")
		})
	}
	eventually(t, "the goroutines of all those connections have ended", func() bool { return runtime.NumGoroutine() <= baseline })
	if st := f.server.Stats(); st.Panics != 0 || st.Connections != 1 {
		t.Errorf("%d panics, %d connections; want 0 and 1", st.Panics, st.Connections)
	}
}

func TestBeforeAuthLimitsAreTight(t *testing.T) {
	f := start(t, fixtureConfig{with: func(c *Config) { c.Access = acl.NewRegistry(c.Table, "secret", nil) }})
	for send, want := range map[string]string{
		"*100\r\n":             "-ERR Protocol error: unauthenticated multibulk length\n",
		"*1\r\n$100000000\r\n": "-ERR Protocol error: unauthenticated bulk length\n",
	} {
		c := f.dial()
		c.raw(send)
		if got := c.wantClosed(); got != want {
			t.Errorf("%q: got %q, want %q", send, got, want)
		}
	}
	c := f.dial()
	c.raw(strings.Repeat("SET x 5\r\n", 1000))
	if said := c.wantClosed(); len(said) > 1<<10+64 || !strings.HasPrefix(said, "-NOAUTH Authentication required.\n") {
		t.Errorf("said %d bytes before it closed: %.100q", len(said), said)
	}
	c = f.dial()
	c.want("GET a", "-NOAUTH Authentication required.", "AUTH secret", "+OK", "GET a", "(nil)")
	c.raw("*3\r\n$3\r\nSET\r\n$1\r\na\r\n$100000\r\n" + strings.Repeat("x", 100000) + "\r\n")
	if got := c.recv(); got != "+OK" {
		t.Errorf("after AUTH: got %q", got)
	}
}

func TestCommandsAfterAuthInOnePipelineHaveItsLimits(t *testing.T) {
	f := start(t, fixtureConfig{with: func(c *Config) { c.Access = acl.NewRegistry(c.Table, "secret", nil) }})
	c := f.dial()
	c.send("AUTH secret", "MGET {a}1 {a}2 {a}3 {a}4 {a}5 {a}6 {a}7 {a}8 {a}9 {a}10 {a}11")
	if got := c.recv() + c.recv(); got != "+OK["+strings.TrimSpace(strings.Repeat("(nil) ", 11))+"]" {
		t.Fatalf("got %q", got)
	}
}

func TestHalfACommandIsClosedAtItsDeadline(t *testing.T) {
	f := start(t, fixtureConfig{limits: Limits{CommandDeadline: 50 * time.Millisecond}})
	silent := f.dial()
	silent.raw("*3\r\n$3\r\nSET\r\n")
	silent.wantClosed()
	idle := f.dial()
	idle.want("PING", "+PONG")
	if st := f.server.Stats(); st.TimedOut != 1 || st.ProtocolErrors != 0 {
		t.Errorf("%d connections timed out, %d protocol errors; want 1 and 0", st.TimedOut, st.ProtocolErrors)
	}
	idle.want("PING", "+PONG")
}

func TestIdleAndUnauthenticatedConnectionsAreClosed(t *testing.T) {
	start(t, fixtureConfig{limits: Limits{IdleTimeout: 20 * time.Millisecond}}).dial().wantClosed()
	f := start(t, fixtureConfig{limits: Limits{AuthDeadline: 50 * time.Millisecond}, with: func(c *Config) { c.Access = acl.NewRegistry(c.Table, "secret", nil) }})
	known := f.dial()
	known.want("AUTH secret", "+OK")
	f.dial().wantClosed()
	known.want("PING", "+PONG")
}

// A client that never reads is cut once it takes nothing for WriteDeadline; meanwhile nothing piles up.
func TestClientThatDoesNotReadIsCut(t *testing.T) {
	f := start(t, fixtureConfig{limits: Limits{WriteDeadline: 100 * time.Millisecond}})
	c := f.dial()
	f.dial().want("SET big "+strings.Repeat("v", 1<<20), "+OK")
	go func() {
		request := bytes.Repeat([]byte("GET big\r\n"), 100)
		for {
			if _, err := c.nc.Write(request); err != nil {
				return
			}
		}
	}()
	eventually(t, "the connection is cut", func() bool { return f.server.Stats().Connections <= 1 && f.server.Stats().Accepted == 2 })
	f.dial().want("PING", "+PONG")
	_ = c.nc.Close()
}

func TestConnectionLimitAtTheEdge(t *testing.T) {
	f := start(t, fixtureConfig{limits: Limits{ClientsMax: 2}})
	a, b := f.dial(), f.dial()
	a.want("PING", "+PONG")
	b.want("PING", "+PONG")
	if got := f.dial().wantClosed(); got != "-ERR max number of clients reached\n" {
		t.Fatalf("third connection: got %q", got)
	}
	a.want("PING", "+PONG")
	_ = b.nc.Close()
	eventually(t, "the second connection is forgotten", func() bool { return f.server.Stats().Connections == 1 })
	f.dial().want("PING", "+PONG")
}

func TestReplyLimitAtTheEdge(t *testing.T) {
	const limit = 10000
	f := start(t, fixtureConfig{limits: Limits{OutputBufferBytesMax: limit}})
	c := f.dial()
	tooLarge := fmt.Sprintf("-ERR replies exceed the output buffer limit of %d bytes; the command was run, ask for less at a time", limit)
	for size, want := range map[int]bool{2499: true, 2500: true, 2501: false} {
		value := strings.Repeat("v", size)
		c.want("SET k "+value, "+OK")
		got := c.do("MGET k k k k")
		if whole := got == "["+strings.Join([]string{value, value, value, value}, " ")+"]"; whole != want || !whole && got != tooLarge {
			t.Errorf("4 values of %d bytes: got %.120q", size, got)
		}
	}
	// In a transaction and behind an open write the sum counts.
	c.want("MULTI", "+OK", "GET k", "+QUEUED", "GET k", "+QUEUED", "GET k", "+QUEUED", "GET k", "+QUEUED")
	if got := c.do("EXEC"); !strings.HasSuffix(got, tooLarge+"]") {
		t.Errorf("EXEC: got %.120q ... %.120q", got, got[max(0, len(got)-120):])
	}
	c.want("SET k "+strings.Repeat("v", 2501), "+OK")
	c.send("SET x 1", "GET k", "GET k", "GET k", "GET k")
	var whole, refused int
	for i := range 5 {
		switch got := c.recv(); {
		case i == 0 && got == "+OK":
		case len(got) == 2501:
			whole++
		case got == tooLarge:
			refused++
		}
	}
	if whole != 3 || refused != 1 {
		t.Errorf("of 4 values behind a write %d came and %d were refused, want 3 and 1", whole, refused)
	}
	// The fields of one key may be more than can be sent.
	for i := range 100 {
		c.want(fmt.Sprintf("HSET h f%02d %s", i, strings.Repeat("v", 50)), ":1")
	}
	for _, line := range []string{"HGETALL h", "HVALS h", "HRANDFIELD h 100 WITHVALUES", "HRANDFIELD h -100000", "HSCAN h 0 COUNT 1000", "DUMP h", "HMGET h" + strings.Repeat(" f00", 200)} {
		if got := c.do(line); got != tooLarge {
			t.Errorf("%.20s: got %.120q", line, got)
		}
	}
	c.want("HLEN h", ":100", "HGET h f07", strings.Repeat("v", 50))
	c.want("PING", "+PONG")
}
