package respserver

import (
	"fmt"
	"strings"
	"testing"
)

// redirectTo tracks keys over RESP2, with invalidations to another connection.
func redirectTo(f *fixture, target *client, options string) *client {
	c := f.dial()
	c.want(strings.TrimSpace(fmt.Sprintf("CLIENT TRACKING ON REDIRECT %s %s", strings.TrimPrefix(target.do("CLIENT ID"), ":"), options)), "+OK")
	return c
}

func TestRedirectedInvalidationsAreMessagesOfAChannelInRESP2(t *testing.T) {
	f := start(t, fixtureConfig{})
	target, other := f.dial(), f.dial()
	c := redirectTo(f, target, "")
	broadcast := redirectTo(f, target, "BCAST PREFIX b")
	c.want("GET k", "(nil)")
	other.want("SET k 1", "+OK", "SET b 1", "+OK") // it does not listen yet: nobody is told, as in Redis
	if got := target.do("SUBSCRIBE __redis__:invalidate"); got != "[subscribe __redis__:invalidate :1]" {
		t.Fatalf("got %q", got)
	}
	c.want("GET k", "1")
	for _, change := range []string{"SET k 2", "SET b 2"} {
		other.do(change)
		if got, want := target.recv(), "[message __redis__:invalidate ["+strings.Fields(change)[1]+"]]"; got != want {
			t.Errorf("%s: got %q, want %q", change, got, want)
		}
	}
	f.replicas[0].lead(false)
	if got := target.recv(); got != "[message __redis__:invalidate (nil)]" {
		t.Errorf("leadership was lost: got %q", got)
	}
	broadcast.want("CLIENT TRACKINGINFO", "[flags [on bcast] redirect "+broadcast.do("CLIENT GETREDIR")+" prefixes [b]]")
}

// The target speaks RESP3 and neither tracks nor listens: its goroutine waits for a command all the time, and sends none.
func TestRedirectedInvalidationsReachAConnectionThatOnlyWaits(t *testing.T) {
	f := start(t, fixtureConfig{})
	target, other := f.dial(), f.dial()
	target.send("HELLO 3")
	target.recv()
	c := redirectTo(f, target, "")
	for i := range 20 {
		c.do("GET k")
		other.do("INCR k")
		if got := target.recv(); got != ">[invalidate [k]]" {
			t.Fatalf("change %d: got %q", i, got)
		}
	}
	target.want("PING", "+PONG")
	c.want("PING", "+PONG")
}

func TestRedirectionEndsWithItsTarget(t *testing.T) {
	f := start(t, fixtureConfig{})
	target, other := f.dial(), f.dial()
	id := target.do("CLIENT ID")
	c := redirectTo(f, target, "")
	c.send("HELLO 3")
	c.recv()
	c.want("GET k", "(nil)", "CLIENT GETREDIR", id)
	_ = target.nc.Close()
	eventually(t, "the target has ended", func() bool { return len(f.server.clients()) == 2 })
	other.do("SET k 1")
	if got := c.recv(); got != ">[tracking-redir-broken "+id+"]" {
		t.Errorf("got %q", got)
	}
	c.want("CLIENT TRACKINGINFO", "[flags [on broken_redirect] redirect "+id+" prefixes []]")
	if line := c.do("CLIENT INFO"); !strings.Contains(line, "flags=tR ") || !strings.Contains(line, " redir="+strings.TrimPrefix(id, ":")+" ") {
		t.Errorf("CLIENT INFO says %q", line)
	}
	c.want("CLIENT TRACKING ON", "+OK", "CLIENT TRACKINGINFO", "[flags [on] redirect :0 prefixes []]", "GET k", "1")
	other.do("SET k 2")
	if got := c.recv(); got != ">[invalidate [k]]" {
		t.Errorf("got %q", got)
	}
}

func TestRedirectionsAreRefusedAsRedisDoes(t *testing.T) {
	f := start(t, fixtureConfig{})
	c := f.dial()
	id := strings.TrimPrefix(c.do("CLIENT ID"), ":")
	c.want("CLIENT TRACKING ON REDIRECT 99", "-ERR The client ID you want redirect to does not exist",
		"CLIENT TRACKING ON REDIRECT x", "-ERR value is not an integer or out of range",
		"CLIENT TRACKING ON REDIRECT", "-ERR syntax error",
		"CLIENT TRACKING ON REDIRECT 0", "-ERR The client ID you want redirect to does not exist",
		"CLIENT TRACKING ON REDIRECT "+id+" REDIRECT "+id, "-ERR A client can only redirect to a single other client",
		"CLIENT TRACKING ON REDIRECT "+id, "+OK", "CLIENT GETREDIR", ":"+id, "CLIENT TRACKING OFF", "+OK", "CLIENT GETREDIR", ":-1")
}
