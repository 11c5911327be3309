package transport

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"io"
	"log/slog"
	"math/rand/v2"
	"net"
	"os"
	"runtime"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hashicorp/raft"
)

// Every difference in the handshake is refused by the node that is dialed, and the caller reads why.
func TestHandshakeRefusesAnotherClusterNodeOrLease(t *testing.T) {
	for _, c := range []struct {
		name   string
		change func(*Config)
		want   string
	}{
		{"cluster", func(c *Config) { c.ClusterID = func() string { return "cluster-2" } }, `cluster id "cluster-2"`},
		{"lease", func(c *Config) { c.LeaseMax = time.Second }, "D_max is 1s, on node b it is 200ms"},
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

// Whatever comes in costs its connection and nothing else: the good connection of node a lives through it.
func TestHostileBytesCostTheConnectionOnly(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, a, b := twoNodes(t)
		answer(b, agree)
		if _, err := sendVote(a, "b", 2); err != nil {
			t.Fatal(err)
		}
		seed := rand.Uint64()
		t.Logf("seed %d", seed)
		rng := rand.New(rand.NewPCG(seed, 1))
		random := func(n int) []byte {
			p := make([]byte, n)
			for i := range p {
				p[i] = byte(rng.Uint32())
			}
			return p
		}
		hi := func(kind connKind) []byte {
			h := hello{protocolVersion, "cluster-1", "x", "b", 200 * time.Millisecond, kind}
			return appendFrame(nil, frameHello, 0, func(b []byte) []byte { return appendHello(b, h) })
		}
		with := func(kind connKind, p []byte) []byte { return append(hi(kind), p...) }
		huge := binary.LittleEndian.AppendUint32(nil, 0xffffffff)
		inputs := [][]byte{
			nil, {0}, huge, []byte("GET / HTTP/1.1\r\n\r\n"), hi(control)[:9],
			appendFrame(nil, framePing, 1, nil), // before the handshake
			with(control, huge), with(data, huge), with(control, []byte{0, 0, 0, 0, 1}), with(data, []byte{1, 0, 0, 0, 1}),
			with(control, appendFrame(nil, frameHello, 1, nil)), with(control, appendFrame(nil, frameAppend, 1, nil)),
			with(data, appendFrame(nil, frameVote, 1, nil)), with(data, appendFrame(nil, 255, 1, nil)),
			with(control, appendFrame(nil, frameConfirm, 1, func(b []byte) []byte { return append(b, 0xff, 0xff, 0xff, 0xff) })),
			with(control, appendFrame(nil, frameHeartbeats, 1, func(b []byte) []byte { return append(b, 0xff, 0xff, 0xff, 0x7f) })),
			with(data, appendFrame(nil, frameSnapshotBegin, 1, nil)),
			with(data, appendFrame(nil, frameAppend, 1, func(b []byte) []byte { return append(b, random(200)...) })),
		}
		for range 200 {
			inputs = append(inputs, random(rng.IntN(100)), with(control, random(rng.IntN(100))), with(data, random(rng.IntN(100))))
		}
		for _, in := range inputs {
			ours, theirs := net.Pipe()
			go func() {
				_, _ = ours.Write(in) // the other end may hang up at any byte
				_ = ours.SetReadDeadline(time.Now().Add(time.Millisecond))
				_, _ = io.Copy(io.Discard, ours)
				_ = ours.Close()
			}()
			b.t.Serve(theirs) // returns
		}
		if _, err := sendVote(a, "b", 3); err != nil {
			t.Errorf("vote on the good connection: %v", err)
		}
		if got := a.t.Stats(); got.Connects != 1 || got.Timeouts != 0 {
			t.Errorf("the good connection suffered: %+v", got)
		}
		if got := b.t.Stats(); got.BadConns < 10 || got.ConnsInOpen != 1 {
			t.Errorf("BadConns = %d, ConnsInOpen = %d; want at least 10, and 1", got.BadConns, got.ConnsInOpen)
		}
	})
}

// A length field alone allocates nothing near what it says.
func TestHugeLengthCostsNoMemory(t *testing.T) {
	var before, after runtime.MemStats
	head := binary.LittleEndian.AppendUint32(nil, dataFrameBytesMax)
	head = append(head, byte(frameAppend), 0, 0, 0, 0, 0, 0, 0, 0)
	runtime.ReadMemStats(&before)
	_, err := readFrame(bytes.NewReader(append(head, 1, 2, 3)), dataFrameBytesMax, nil)
	runtime.ReadMemStats(&after)
	if err == nil {
		t.Error("a frame of 3 bytes was accepted as one of 1 GiB")
	}
	if spent := after.TotalAlloc - before.TotalAlloc; spent > 16<<20 {
		t.Errorf("%d bytes allocated", spent)
	}
}

func TestLargeFrameArrivesWhole(t *testing.T) {
	want := make([]byte, 5<<20+7)
	for i := range want {
		want[i] = byte(i * 31 >> 3)
	}
	stream := appendFrame(nil, frameSnapshotChunk, 9, func(b []byte) []byte { return append(b, want...) })
	f, err := readFrame(bytes.NewReader(stream), dataFrameBytesMax, nil)
	if err != nil || f.kind != frameSnapshotChunk || f.id != 9 || !bytes.Equal(f.body, want) {
		t.Errorf("kind %d id %d, %d bytes, %v", f.kind, f.id, len(f.body), err)
	}
}

// The amnesia guard stops votes, pre-votes and TimeoutNow in both directions, and nothing else.
func TestVoteGuardWorksInBothDirections(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, a, b := twoNodes(t)
		answer(a, agree)
		answer(b, agree)
		try := func(from *Group, to string, want error) {
			t.Helper()
			h := header(from.t.cfg.NodeID)
			_, vote := sendVote(from, to, 2)
			preVote := from.RequestPreVote(raft.ServerID(to), "", &raft.RequestPreVoteRequest{RPCHeader: h}, &raft.RequestPreVoteResponse{})
			timeoutNow := from.TimeoutNow(raft.ServerID(to), "", &raft.TimeoutNowRequest{RPCHeader: h}, &raft.TimeoutNowResponse{})
			for what, err := range map[string]error{"vote": vote, "pre-vote": preVote, "TimeoutNow": timeoutNow} {
				if !errors.Is(err, want) {
					t.Errorf("%s to %s: error %v, want %v", what, to, err, want)
				}
			}
			if want != nil {
				checkNotPreVoteGrant(t, preVote)
			}
			if _, err := sendAppend(from, to, appendRequest(string(h.ID), 2, 1, 1)); err != nil {
				t.Errorf("append to %s: %v", to, err)
			}
			if _, err := sendHeartbeat(from, to, 2); err != nil {
				t.Errorf("heartbeat to %s: %v", to, err)
			}
		}
		try(a, "b", nil)
		guarded := true
		b.SetVoteGuard(func() bool { return guarded })
		try(a, "b", ErrVoteGuard)
		try(b, "a", ErrVoteGuard)
		if got := b.t.Stats().GuardRefused; got != 6 {
			t.Errorf("GuardRefused = %d, want 6", got)
		}
		guarded = false
		try(a, "b", nil)
		try(b, "a", nil)
	})
}

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

// A node that has stopped reading: what waits for it stays bounded, appends beyond that wait outside the
// queue, and the connection ends when a write makes no progress.
func TestQueueOfANodeThatDoesNotReadIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newPipeNet()
		ta := n.start(t, "a", func(c *Config) { c.AppendBytesMax = 1 << 20 })
		stopped := make(chan net.Conn, 1)
		n.listen("b", func(conn net.Conn) {
			if welcomeAs(conn, hello{protocolVersion, "cluster-1", "b", "a", 200 * time.Millisecond, data}) {
				stopped <- conn
			}
		})
		const groups = 24
		done := make(chan error, groups)
		for id := range GroupID(groups) {
			g := group(t, ta, id)
			go func() {
				_, err := sendAppend(g, "b", appendRequest("a", 5, 2, 2, entries(2, 1, 1<<20)...))
				done <- err
			}()
		}
		time.Sleep(time.Second)
		l, err := ta.link("b")
		if err != nil {
			t.Fatal(err)
		}
		out, err := l.data.get(nil, nil)
		if err != nil {
			t.Fatal(err)
		}
		out.mu.Lock()
		waiting := len(out.pending)
		out.mu.Unlock()
		if waiting > queueBytesMax || waiting < queueBytesMax/2 {
			t.Errorf("%d bytes wait, want at most %d and not much less", waiting, queueBytesMax)
		}
		n.listen("b", nil)
		for range groups {
			if err := <-done; !errors.Is(err, ErrUnreachable) && !errors.Is(err, ErrTimeout) && !errors.Is(err, ErrBusy) {
				t.Errorf("append: %v", err)
			}
		}
		if ta.Stats().QueueFull == 0 {
			t.Error("nothing was refused")
		}
		synctest.Wait()
		if open := ta.Stats().ConnsOutOpen; open != 0 {
			t.Errorf("%d connections open, want none", open)
		}
		_ = (<-stopped).Close() // the other end has closed it
	})
}

func TestCloseEndsEveryCall(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, a, b := twoNodes(t) // b's raft answers nothing
		started, done := 0, make(chan error)
		call := func(f func() error) {
			started++
			go func() { done <- f() }()
		}
		call(func() error { _, err := sendVote(a, "b", 2); return err })
		call(func() error { _, err := sendHeartbeat(a, "b", 2); return err })
		call(func() error { _, err := sendHeartbeat(a, "b", 2); return err })
		call(func() error { _, err := sendAppend(a, "b", appendRequest("a", 2, 1, 1)); return err })
		call(func() error { _, err := sendAppend(a, "nobody", appendRequest("a", 2, 1, 1)); return err })
		synctest.Wait()
		began := time.Now()
		closeTransport(t, a.t)
		for range started {
			if err := <-done; !errors.Is(err, ErrClosed) && !errors.Is(err, ErrUnreachable) {
				t.Errorf("call ended with %v, want ErrClosed", err)
			}
		}
		if took := time.Since(began); took != 0 {
			t.Errorf("Close took %v", took)
		}
		if _, err := a.t.Group(9); !errors.Is(err, ErrClosed) {
			t.Errorf("Group after Close: %v, want ErrClosed", err)
		}
		if _, err := sendVote(a, "b", 2); !errors.Is(err, ErrClosed) {
			t.Errorf("vote after Close: %v, want ErrClosed", err)
		}
		_ = b
	})
}

func TestGroupCanBeRegisteredAgainAfterItsClose(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, a, b := twoNodes(t)
		if _, err := b.t.Group(1); err == nil {
			t.Fatal("group 1 was registered twice")
		}
		if err := errors.Join(b.Close(), b.Close()); err != nil {
			t.Fatal(err)
		}
		if _, err := sendVote(a, "b", 2); !errors.Is(err, ErrUnknownGroup) {
			t.Errorf("vote to a closed group: %v, want ErrUnknownGroup", err)
		}
		answer(group(t, b.t, 1), agree)
		if _, err := sendVote(a, "b", 2); err != nil {
			t.Errorf("vote to the group's next replica: %v", err)
		}
	})
}

func TestForgottenNodeLosesItsConnections(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, a, b := twoNodes(t)
		answer(b, agree)
		if _, err := sendVote(a, "b", 2); err != nil {
			t.Fatal(err)
		}
		a.t.Forget("b")
		synctest.Wait()
		if out, in := a.t.Stats().ConnsOutOpen, b.t.Stats().ConnsInOpen; out != 0 || in != 0 {
			t.Errorf("%d connections out and %d in are open, want none", out, in)
		}
		if _, err := sendVote(a, "b", 3); err != nil {
			t.Errorf("vote to a node that is used again: %v", err)
		}
	})
}

func TestConfigNamesWhatIsMissing(t *testing.T) {
	_, err := New(Config{Logger: slog.Default()})
	if err == nil {
		t.Fatal("an empty config was accepted")
	}
	for _, want := range []string{"NodeID", "ClusterID", "LeaseMax", "Resolver", "Dial", "SpoolDir"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("error %q does not name %s", err, want)
		}
	}
}

func TestSpoolFilesOfACrashAreRemoved(t *testing.T) {
	cfg := testConfig(t, newPipeNet(), "a")
	if err := os.MkdirAll(cfg.SpoolDir, 0o700); err != nil {
		t.Fatal(err)
	}
	left, err := os.CreateTemp(cfg.SpoolDir, spoolPattern)
	if err != nil {
		t.Fatal(err)
	}
	if err := left.Close(); err != nil {
		t.Fatal(err)
	}
	tr, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	closeTransport(t, tr) // checks that the folder is empty
}
