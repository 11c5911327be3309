package load

import (
	"context"
	"errors"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/holtcache/holt/gateway/resp"
	"github.com/holtcache/holt/proto/slot"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// server answers commands as the test says.
type server struct {
	t      *testing.T
	l      net.Listener
	answer func(args []string) resp.Value
	wg     sync.WaitGroup
}

func newServer(t *testing.T, answer func(args []string) resp.Value) *server {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := &server{t: t, l: l, answer: answer}
	s.wg.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			s.wg.Go(func() { s.serve(c) })
		}
	})
	t.Cleanup(func() {
		l.Close()
		s.wg.Wait()
	})
	return s
}

// serve reads commands with the reader for replies: both are arrays of bulks.
func (s *server) serve(c net.Conn) {
	defer c.Close()
	commands := resp.NewReplyReader(c)
	for {
		command, err := commands.Read()
		if err != nil {
			return
		}
		var args []string
		for _, arg := range command.Elems {
			args = append(args, string(arg.Str))
		}
		if _, err := c.Write(s.answer(args).Append(nil, 2)); err != nil {
			return
		}
	}
}

func (s *server) addr() string { return s.l.Addr().String() }

// slotsOf is a reply to CLUSTER SLOTS in which s leads the range.
func (s *server) slotsOf(first, last int64) resp.Value {
	a := s.l.Addr().(*net.TCPAddr)
	return resp.Array(resp.Int(first), resp.Int(last), resp.Array(resp.BulkString("127.0.0.1"), resp.Int(int64(a.Port)), resp.BulkString("id")))
}

func spec(addr string) Spec {
	return Spec{Addr: addr, Op: OpGet, Conns: 4, Pipeline: 3, ValueBytes: 8, Keys: 1000, Window: 100 * time.Millisecond}
}

func TestRepliesErrorsAndMissingKeysAreCountedApart(t *testing.T) {
	for _, rate := range []float64{0, 5000} {
		var n atomic.Int64
		s := newServer(t, func(args []string) resp.Value {
			switch n.Add(1) % 4 {
			case 0:
				return resp.Err("ERR out of order")
			case 1:
				return resp.Null()
			}
			return resp.BulkString("v")
		})
		spec := spec(s.addr())
		spec.Rate = rate
		edges := 0
		spec.Edge = func() { edges++ }
		r, err := Run(t.Context(), spec)
		if err != nil {
			t.Fatal(err)
		}
		if r.Latency.Count() == 0 || r.Failed == 0 || r.Missing == 0 || r.FirstError != "ERR out of order" {
			t.Errorf("rate %v: got %d replies, %d errors (%q), %d missing, want some of each", rate, r.Latency.Count(), r.Failed, r.FirstError, r.Missing)
		}
		if edges != 2 {
			t.Errorf("rate %v: %d edges of the window, want 2", rate, edges)
		}
	}
}

func TestKeysGoToTheLeaderOfTheirSlot(t *testing.T) {
	var low, high *server
	const border = 6000
	seen := map[string]int{}
	var mu sync.Mutex
	answer := func(name string, own slot.Range) func([]string) resp.Value {
		return func(args []string) resp.Value {
			switch args[0] {
			case "CLUSTER":
				return resp.Array(low.slotsOf(0, border-1), high.slotsOf(border, slot.Count-1))
			case "CLIENT":
				return resp.OK()
			}
			if !own.Contains(slot.Of([]byte(args[1]))) {
				t.Errorf("%s got the key %s, which is not its own", name, args[1])
			}
			mu.Lock()
			seen[name+" "+args[0]]++
			mu.Unlock()
			return resp.OK()
		}
	}
	low = newServer(t, answer("low", slot.Range{First: 0, Last: border - 1}))
	high = newServer(t, answer("high", slot.Range{First: border, Last: slot.Count - 1}))
	s := spec(low.addr())
	s.Cluster = true
	s.Setup = [][]string{{"CLIENT", "DURABILITY", "MAJORITY"}}
	if err := Fill(t.Context(), s); err != nil {
		t.Fatal(err)
	}
	if _, err := Run(t.Context(), s); err != nil {
		t.Fatal(err)
	}
	mu.Lock()
	defer mu.Unlock()
	if got := seen["low SET"] + seen["high SET"]; got != s.Keys {
		t.Errorf("%d keys were filled, want %d", got, s.Keys)
	}
	if seen["low GET"] == 0 || seen["high GET"] == 0 {
		t.Errorf("got %v, want reads at both leaders", seen)
	}
}

func TestLoadOfSomeSlotsLeavesTheLeadersOfOthersAlone(t *testing.T) {
	var low, high *server
	var sets atomic.Int64
	slots := slot.Range{First: 100, Last: 199}
	answer := func(args []string) resp.Value {
		if args[0] == "CLUSTER" {
			return resp.Array(low.slotsOf(0, 5999), high.slotsOf(6000, slot.Count-1))
		}
		if s := slot.Of([]byte(args[1])); !slots.Contains(s) {
			t.Errorf("there is a key of slot %d: %s", s, args[1])
		}
		sets.Add(1)
		return resp.OK()
	}
	low = newServer(t, answer)
	high = newServer(t, func(args []string) resp.Value {
		t.Errorf("the leader of other slots got %v", args)
		return resp.OK()
	})
	s := spec(low.addr())
	s.Cluster, s.Slots, s.Keys = true, []slot.Range{slots}, 50
	if err := Fill(t.Context(), s); err != nil {
		t.Fatal(err)
	}
	if got := sets.Load(); got != 50 {
		t.Errorf("%d keys were filled, want 50", got)
	}
	keys := Keys("", 50, slots)
	if len(keys) != 50 || !slots.Contains(slot.Of(keys[49])) {
		t.Errorf("got %d keys, the last %q, want 50 of the slots", len(keys), keys[len(keys)-1])
	}
}

func TestConnectionFollowsALeaderThatMoved(t *testing.T) {
	var first, second *server
	var at atomic.Pointer[server]
	answer := func(self **server) func([]string) resp.Value {
		return func(args []string) resp.Value {
			switch {
			case args[0] == "CLUSTER":
				return resp.Array(at.Load().slotsOf(0, slot.Count-1))
			case at.Load() != *self:
				return resp.Err("MOVED 1 " + at.Load().addr())
			}
			return resp.BulkString("v")
		}
	}
	first = newServer(t, answer(&first))
	second = newServer(t, answer(&second))
	at.Store(first)
	s := spec(first.addr())
	s.Cluster = true
	s.Edge = func() { at.Store(second) } // at the beginning of the window
	r, err := Run(t.Context(), s)
	if err != nil {
		t.Fatal(err)
	}
	// A connection that began only after the move had nothing to follow.
	if r.Moved == 0 || r.Moved > uint64(s.Conns) || r.Failed != 0 || r.Latency.Count() == 0 {
		t.Errorf("got %d moves, %d errors, %d replies, want 1 to %d moves and no error", r.Moved, r.Failed, r.Latency.Count(), s.Conns)
	}
}

// A server that stalls once answers few requests late, but under open load all that would have come meanwhile count.
func TestLatencyUnderOpenLoadCountsFromTheArrival(t *testing.T) {
	const stall = 200 * time.Millisecond
	var once sync.Once
	var opened atomic.Bool
	s := newServer(t, func([]string) resp.Value {
		if opened.Load() {
			once.Do(func() { <-time.After(stall) })
		}
		return resp.BulkString("v")
	})
	spec := spec(s.addr())
	spec.Conns, spec.Rate, spec.Window = 1, 2000, 2*stall
	spec.Edge = func() { opened.Store(true) }
	r, err := Run(t.Context(), spec)
	if err != nil {
		t.Fatal(err)
	}
	// About 400 of the 800 requests arrive during the stall; half of those wait for longer than half of it.
	if got := r.Latency.Quantile(0.9); r.Latency.Count() > 0 && got < stall/4 {
		t.Errorf("90%% of the requests took up to %v, want at least %v", got, stall/4)
	}
	if r.Latency.Count() == 0 && r.Pending == 0 {
		t.Error("nothing was answered and nothing is pending")
	}
}

func TestRunEndsWithTheErrorOfItsServer(t *testing.T) {
	s := newServer(t, func(args []string) resp.Value { return resp.Err("ERR unknown command") })
	spec := spec(s.addr())
	spec.Setup = [][]string{{"CLIENT", "READMODE", "INDEX"}}
	spec.Window = time.Hour
	if _, err := Run(t.Context(), spec); err == nil || !strings.Contains(err.Error(), "CLIENT READMODE INDEX: ERR unknown command") {
		t.Errorf("got %v, want the refusal of the setup command", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	spec.Setup = nil
	if _, err := Run(ctx, spec); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want %v", err, context.Canceled)
	}
}

func TestSlotMapWithAGapIsRefused(t *testing.T) {
	s := newServer(t, nil)
	for want, reply := range map[string]resp.Value{
		"16383 slots have a leader": resp.Array(s.slotsOf(0, slot.Count-2)),
		"a row has no leader":       resp.Array(resp.Array(resp.Int(0), resp.Int(1))),
		"no range of slots":         resp.Array(s.slotsOf(5, 4)),
	} {
		if _, err := parseSlots(reply); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %q", err, want)
		}
	}
}
