package transport

import (
	"errors"
	"io"
	"net"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// Every difference in the handshake is refused by the node that is dialed, and the caller reads why.
func TestHandshakeRefusesAnotherClusterNodeOrLease(t *testing.T) {
	for _, c := range []struct {
		name   string
		change func(*Config)
		want   string
	}{
		{"cluster", func(c *Config) { c.ClusterID = func() string { return "cluster-2" } }, `cluster id "cluster-2"`},
		{"lease", func(c *Config) { c.LeaseMax = time.Second }, "lease maximum (D_max) is 1s, on node b it is 200ms"},
		{"own id", func(c *Config) { c.NodeID = "b" }, "no connection to itself"},
		{"no cluster", func(c *Config) { c.ClusterID = func() string { return "" } }, "belongs to no cluster yet"},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				n := newPipeNet()
				tb := n.start(t, "b")
				cfg := testConfig(t, n, "a")
				c.change(&cfg)
				ta, err := New(cfg)
				if err != nil {
					t.Fatal(err)
				}
				defer closeTransport(t, ta)
				answer(group(t, tb, 1), agree)
				_, err = sendVote(group(t, ta, 1), "b", 2)
				if err == nil || !strings.Contains(err.Error(), c.want) {
					t.Errorf("error %v, want %q", err, c.want)
				}
				synctest.Wait()
				if tb.Stats().ConnsInOpen != 0 {
					t.Error("the connection is open")
				}
			})
		})
	}
}

// A node that was given up is neither heard nor spoken to: what it says of a group that went on without it is of the past.
func TestNodeThatWasGivenUpIsNeitherAcceptedNorDialed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newPipeNet()
		ta := n.start(t, "a")
		tb := n.start(t, "b", func(c *Config) { c.GaveUp = func(node string) bool { return node == "a" } })
		a, b := group(t, ta, 1), group(t, tb, 1)
		answer(a, agree)
		answer(b, agree)
		if _, err := sendVote(a, "b", 2); err == nil || !strings.Contains(err.Error(), "was given up") {
			t.Errorf("a speaks to b: %v", err)
		}
		if _, err := sendVote(b, "a", 2); !errors.Is(err, ErrRefused) {
			t.Errorf("b speaks to a: %v", err)
		}
		synctest.Wait()
		if open := ta.Stats().ConnsInOpen + tb.Stats().ConnsInOpen; open != 0 {
			t.Errorf("%d connections are open", open)
		}
	})
}

// A reused address must not give one node's votes to another.
func TestNodeAtAReusedAddressGetsNoVotes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newPipeNet()
		ta, tb := n.start(t, "a"), n.start(t, "b")
		answer(group(t, tb, 1), agree)
		n.addrs["c"] = "b"
		_, err := sendVote(group(t, ta, 1), "c", 2)
		if !errors.Is(err, ErrRefused) || !strings.Contains(err.Error(), `meant for node "c", this is node "b"`) {
			t.Errorf("error %v, want a refusal that names both nodes", err)
		}
		synctest.Wait()
		if got := tb.Stats().HandshakesRefused; got != 1 {
			t.Errorf("HandshakesRefused = %d, want 1", got)
		}
	})
}

// The dialing end checks too: a node that says welcome but is another one is hung up on.
func TestWelcomeOfAWrongNodeIsRefused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newPipeNet()
		a := group(t, n.start(t, "a"), 1)
		for what, h := range map[string]hello{
			"node":    {protocolVersion, "cluster-1", "x", "a", 200 * time.Millisecond, control},
			"cluster": {protocolVersion, "cluster-2", "b", "a", 200 * time.Millisecond, control},
			"D_max":   {protocolVersion, "cluster-1", "b", "a", 201 * time.Millisecond, control},
			"version": {protocolVersion + 1, "cluster-1", "b", "a", 200 * time.Millisecond, control},
			"kind":    {protocolVersion, "cluster-1", "b", "a", 200 * time.Millisecond, data},
		} {
			n.listen("b", func(conn net.Conn) {
				defer conn.Close()
				welcomeAs(conn, h)
			})
			if _, err := sendVote(a, "b", 2); !errors.Is(err, ErrRefused) {
				t.Errorf("wrong %s: error %v, want ErrRefused", what, err)
			}
			time.Sleep(redialMax)
		}
	})
}

// welcomeAs plays the accepting end of a handshake and returns false if it did not come that far.
func welcomeAs(conn net.Conn, h hello) bool {
	if _, err := io.CopyN(io.Discard, conn, int64(len(Preface))); err != nil {
		return false
	}
	if _, err := readFrame(conn, helloFrameBytesMax, nil); err != nil {
		return false
	}
	_, err := conn.Write(appendFrame(nil, frameWelcome, 0, func(b []byte) []byte { return appendHello(b, h) }))
	return err == nil
}
