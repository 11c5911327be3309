package transport

import (
	"context"
	"errors"
	"io"
	"net"
	"testing"
	"testing/synctest"
	"time"
)

func TestRestartedNodeIsReachedWithin100Milliseconds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n, a, b := twoNodes(t)
		answer(b, agree)
		if _, err := sendVote(a, "b", 2); err != nil {
			t.Fatal(err)
		}
		n.listen("b", nil)
		closeTransport(t, b.t)
		for down := time.Duration(0); down < 3*time.Second; down += 7 * time.Millisecond {
			began := time.Now()
			if _, err := sendVote(a, "b", 2); !errors.Is(err, ErrUnreachable) {
				t.Fatalf("vote to a dead node: %v, want ErrUnreachable", err)
			}
			if took := time.Since(began); took != 0 {
				t.Fatalf("vote to a dead node failed only after %v", took)
			}
			time.Sleep(7 * time.Millisecond)
		}
		answer(group(t, n.start(t, "b"), 1), agree)
		back := time.Now()
		for {
			if _, err := sendVote(a, "b", 3); err == nil {
				break
			}
			time.Sleep(5 * time.Millisecond)
		}
		if took := time.Since(back); took > 100*time.Millisecond {
			t.Errorf("reached after %v", took)
		}
		if got := a.t.Stats(); got.Reconnects != 1 || got.ConnsOutOpen != 1 {
			t.Errorf("Reconnects = %d, ConnsOutOpen = %d; want 1, 1", got.Reconnects, got.ConnsOutOpen)
		}
	})
}

// An address that swallows packets: each call gives up within the dial timeout.
func TestBlackHoleCostsTheDialTimeoutOnly(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newPipeNet()
		a := group(t, n.start(t, "a", func(c *Config) {
			c.Dial = func(ctx context.Context, _ string) (net.Conn, error) {
				<-ctx.Done()
				return nil, ctx.Err()
			}
			c.RPCTimeout.Control = time.Second
		}), 1)
		began := time.Now()
		_, voteErr := sendVote(a, "b", 2)
		if took := time.Since(began); !errors.Is(voteErr, ErrUnreachable) || took != defaultDial {
			t.Errorf("vote: %v after %v, want ErrUnreachable after %v", voteErr, took, defaultDial)
		}
		time.Sleep(redialMax)
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
		defer cancel()
		began = time.Now()
		_, _, err := a.t.Confirm(ctx, "b", []GroupTerm{{1, 1}})
		if took := time.Since(began); !errors.Is(err, context.DeadlineExceeded) || took != 20*time.Millisecond {
			t.Errorf("Confirm: %v after %v, want its ctx to end it after 20ms", err, took)
		}
	})
}

// After a power cut of the other end TCP keeps a connection for minutes. Two timeouts in a row without a byte
// end it here; a slow group alone does not, because the other end's reader answers pings.
func TestSilentConnectionIsReplacedAndASlowGroupIsNot(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n, a, b := twoNodes(t)
		for range 5 {
			if _, err := sendVote(a, "b", 2); !errors.Is(err, ErrTimeout) {
				t.Fatalf("vote to a slow group: %v, want ErrTimeout", err)
			}
		}
		if got := a.t.Stats().Connects; got != 1 {
			t.Errorf("a slow group cost %d connections", got-1)
		}
		answer(b, agree)
		silent := make(chan net.Conn, 1)
		n.listen("c", func(conn net.Conn) {
			if !welcomeAs(conn, hello{protocolVersion, "cluster-1", "c", "a", 200 * time.Millisecond, control}) {
				return
			}
			silent <- conn
			_, _ = io.Copy(io.Discard, conn)
		})
		for range 2 {
			if _, err := sendVote(a, "c", 2); !errors.Is(err, ErrTimeout) {
				t.Fatalf("vote to a silent node: %v, want ErrTimeout", err)
			}
		}
		_ = (<-silent).Close() // already closed by a's end
		answer(group(t, n.start(t, "c"), 1), agree)
		if _, err := sendVote(a, "c", 3); err != nil {
			t.Errorf("vote after the node came back: %v", err)
		}
	})
}

// hashicorp/raft pauses up to 10 s after failed appends, so an append waits for the node instead.
func TestAppendWaitsForAnUnreachableNode(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newPipeNet()
		ta := n.start(t, "a")
		a, other := group(t, ta, 1), group(t, ta, 2)
		done := make(chan error, 2)
		go func() { _, err := sendAppend(a, "b", appendRequest("a", 5, 2, 2)); done <- err }()
		time.Sleep(3 * time.Second)
		answer(group(t, n.start(t, "b"), 1), agree)
		back := time.Now()
		if err := <-done; err != nil || time.Since(back) > 100*time.Millisecond {
			t.Errorf("append: %v, %v after the node came back", err, time.Since(back))
		}

		n.addrs["c"] = "" // not known
		began := time.Now()
		if _, err := sendAppend(a, "c", appendRequest("a", 5, 2, 2)); !errors.Is(err, ErrUnreachable) || time.Since(began) != defaultHold {
			t.Errorf("append to a node that stays away: %v after %v, want ErrUnreachable after %v", err, time.Since(began), defaultHold)
		}
		go func() { _, err := sendAppend(a, "c", appendRequest("a", 5, 2, 2)); done <- err }()
		time.Sleep(time.Second)
		began = time.Now()
		a.sawTerm(6)
		if err := <-done; !errors.Is(err, ErrUnreachable) || time.Since(began) > redialMax {
			t.Errorf("append of an old term: %v after %v, want ErrUnreachable within %v", err, time.Since(began), redialMax)
		}
		go func() { _, err := sendAppend(other, "c", appendRequest("a", 5, 2, 2)); done <- err }()
		time.Sleep(time.Second)
		began = time.Now()
		_ = other.Close()
		if err := <-done; !errors.Is(err, ErrClosed) || time.Since(began) != 0 {
			t.Errorf("append of a closed group: %v after %v, want ErrClosed at once", err, time.Since(began))
		}
	})
}
