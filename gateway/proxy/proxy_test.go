package proxy

import (
	"context"
	"fmt"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/holtcache/holt/gateway/resp"
	"github.com/holtcache/holt/gateway/router"
	"github.com/holtcache/holt/proto/apierr"
	"github.com/holtcache/holt/proto/slot"
)

const testTime = 20 * time.Second

// fakeNode is a node whose answers a test makes up.
type fakeNode struct {
	addr string

	mu       sync.Mutex
	commands []string // behind the greeting
	by       []int    // by which connection each came
	conns    int
	hellos   []string
	// answer is the reply to a command; "" breaks the connection, "wait" gives none.
	answer func(command string) string
}

func startNode(t *testing.T, answer func(command string) string) *fakeNode {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	n := &fakeNode{addr: l.Addr().String(), answer: answer}
	var serving sync.WaitGroup
	var conns []net.Conn
	serving.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			n.mu.Lock()
			n.conns++
			number := n.conns
			conns = append(conns, c)
			n.mu.Unlock()
			serving.Go(func() { n.serve(c, number) })
		}
	})
	t.Cleanup(func() {
		l.Close()
		n.mu.Lock()
		for _, c := range conns {
			c.Close()
		}
		n.mu.Unlock()
		serving.Wait()
	})
	return n
}

func (n *fakeNode) serve(c net.Conn, number int) {
	defer c.Close()
	r := resp.NewReader(c, resp.DefaultLimits())
	for r.Fill() == nil {
		for {
			args, ok, err := r.Next()
			if err != nil || !ok {
				break
			}
			var words []string
			for _, arg := range args {
				words = append(words, string(arg))
			}
			command := strings.Join(words, " ")
			reply := "+OK\r\n"
			if words[0] == "HELLO" {
				n.mu.Lock()
				n.hellos = append(n.hellos, command)
				n.mu.Unlock()
			}
			if words[0] != "HELLO" && words[0] != "CLIENT" {
				n.mu.Lock()
				n.commands, n.by = append(n.commands, command), append(n.by, number)
				reply = n.answer(command)
				n.mu.Unlock()
			}
			if reply == "wait" {
				continue
			}
			if reply == "" {
				return
			}
			if _, err := c.Write([]byte(reply)); err != nil {
				return
			}
		}
		r.Release()
	}
}

func (n *fakeNode) seen() []string {
	n.mu.Lock()
	defer n.mu.Unlock()
	return append([]string(nil), n.commands...)
}

func newTestPool(t *testing.T) *Pool {
	t.Helper()
	p := NewPool(Config{Dial: func(ctx context.Context, addr string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, "tcp", addr)
	}})
	t.Cleanup(p.Close)
	return p
}

func command(words string) *router.Op {
	var args [][]byte
	for _, word := range strings.Fields(words) {
		args = append(args, []byte(word))
	}
	return &router.Op{Command: args, Slot: slot.Of(args[len(args)-1]), ReadOnly: strings.HasPrefix(words, "GET")}
}

func flightTo(p *Pool, n *fakeNode, s Session) router.Flight {
	return p.Replica(1, router.Node{RESP: n.addr}, s).NewFlight()
}

// do runs ops in one flight.
func do(t *testing.T, f router.Flight, ops ...*router.Op) {
	t.Helper()
	if err := f.Submit(ops...); err != nil {
		t.Fatal(err)
	}
	f.Wait(time.Now().Add(testTime))
}

func wantReply(t *testing.T, op *router.Op, want string) {
	t.Helper()
	if op.Err != nil || string(op.Reply) != want {
		t.Errorf("%s: answered %q, %v, want %q", op.Command, op.Reply, op.Err, want)
	}
}

func wantErr(t *testing.T, op *router.Op, kind apierr.Kind, outcome apierr.Outcome) {
	t.Helper()
	if op.Err == nil || op.Err.Kind != kind || op.Err.Result() != outcome {
		t.Errorf("%s: answered %q, %v, want kind %v, outcome %v", op.Command, op.Reply, op.Err, kind, outcome)
	}
}

func echo(c string) string { return fmt.Sprintf("$%d\r\n%s\r\n", len(c), c) }

// Many clients share few connections, and each gets its own replies in order.
func TestClientsShareConnectionsAndGetTheirOwnReplies(t *testing.T) {
	n := startNode(t, echo)
	p := newTestPool(t)
	var clients sync.WaitGroup
	for i := range 40 {
		clients.Go(func() {
			f := flightTo(p, n, Session{Proto: 2, Lane: i})
			for round := range 20 {
				a, b := command(fmt.Sprintf("SET %d-%d-a", i, round)), command(fmt.Sprintf("GET %d-%d-b", i, round))
				if err := f.Submit(a, b); err != nil {
					t.Error(err)
					return
				}
				f.Wait(time.Now().Add(testTime))
				wantReply(t, a, echo(fmt.Sprintf("SET %d-%d-a", i, round)))
				wantReply(t, b, echo(fmt.Sprintf("GET %d-%d-b", i, round)))
			}
		})
	}
	clients.Wait()
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.conns > lanesPerLeader {
		t.Errorf("40 clients took %d connections, want at most %d", n.conns, lanesPerLeader)
	}
}

func TestRedirectionsAreFollowed(t *testing.T) {
	target := startNode(t, echo)
	source := startNode(t, func(c string) string {
		if strings.HasPrefix(c, "SET") {
			return "-MOVED 1 " + target.addr + "\r\n"
		}
		return "-ASK 1 " + target.addr + "\r\n"
	})
	set, get := command("SET x"), command("GET y")
	do(t, flightTo(newTestPool(t), source, Session{Proto: 3}), set, get)
	wantReply(t, set, echo("SET x"))
	wantReply(t, get, echo("GET y"))
	if got := strings.Join(target.seen(), ", "); got != "SET x, ASKING, GET y" {
		t.Errorf("the target was sent %s", got)
	}
}

// What was redirected must not come behind what was sent after it.
func TestRedirectedWriteIsNotRepeatedBehindALaterOne(t *testing.T) {
	target := startNode(t, echo)
	n := 0
	source := startNode(t, func(c string) string {
		if n++; n == 1 {
			return "-ASK 1 " + target.addr + "\r\n"
		}
		return echo(c)
	})
	first, second, other := command("SET x"), command("SET x"), command("SET other")
	do(t, flightTo(newTestPool(t), source, Session{Proto: 2}), first, second, other)
	wantErr(t, first, apierr.KindTryAgain, apierr.OutcomeNotApplied)
	wantReply(t, second, echo("SET x"))
	if got := target.seen(); len(got) != 0 {
		t.Errorf("the target was sent %q", got)
	}
}

// Behind a connection that breaks only what changes nothing may be repeated.
func TestBrokenConnectionLeavesWritesUnknownAndReadsNotApplied(t *testing.T) {
	n := startNode(t, func(string) string { return "" })
	set, get := command("SET x"), command("GET y")
	p := newTestPool(t)
	do(t, flightTo(p, n, Session{Proto: 2}), set, get)
	wantErr(t, set, apierr.KindUnknownOutcome, apierr.OutcomeUnknown)
	wantErr(t, get, apierr.KindNotLeader, apierr.OutcomeNotApplied)
	n.mu.Lock()
	n.answer = echo
	n.mu.Unlock()
	again := command("SET z")
	do(t, flightTo(p, n, Session{Proto: 2}), again)
	wantReply(t, again, echo("SET z"))
}

func TestUnreachableNodeRefusesAtOnce(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	gone := &fakeNode{addr: l.Addr().String()}
	l.Close()
	err = flightTo(newTestPool(t), gone, Session{Proto: 2}).Submit(command("SET x"))
	if apierr.KindOf(err) != apierr.KindNotLeader {
		t.Errorf("got %v, want a refusal that is routed again", err)
	}
}

func TestDeadlineTellsTheOutcome(t *testing.T) {
	n := startNode(t, func(string) string { return "wait" })
	set, get := command("SET x"), command("GET y")
	f := flightTo(newTestPool(t), n, Session{Proto: 2})
	if err := f.Submit(set, get); err != nil {
		t.Fatal(err)
	}
	f.Wait(time.Now().Add(30 * time.Millisecond))
	wantErr(t, set, apierr.KindUnknownOutcome, apierr.OutcomeUnknown)
	wantErr(t, get, apierr.KindDeadline, apierr.OutcomeNotApplied)
}

// A transaction goes as one piece; a redirection while it is queued means that nothing of it was applied.
func TestTransactionIsSentInOnePieceAndFollowed(t *testing.T) {
	answer := func(c string) string {
		switch {
		case c == "EXEC":
			return "*2\r\n+OK\r\n:1\r\n"
		case c == "MULTI" || c == "ASKING":
			return "+OK\r\n"
		}
		return "+QUEUED\r\n"
	}
	target := startNode(t, answer)
	source := startNode(t, func(c string) string {
		switch {
		case strings.HasPrefix(c, "SET"):
			return "-MOVED 1 " + target.addr + "\r\n"
		case c == "EXEC":
			return "-EXECABORT no\r\n"
		}
		return answer(c)
	})
	op := &router.Op{Block: [][][]byte{command("SET x").Command, command("INCR x").Command}}
	do(t, flightTo(newTestPool(t), source, Session{Proto: 2}), op)
	wantReply(t, op, "*2\r\n+OK\r\n:1\r\n")
	if got := strings.Join(target.seen(), ", "); got != "MULTI, SET x, INCR x, EXEC" {
		t.Errorf("the target was sent %s", got)
	}
}

// Keys are watched by a connection that nobody else uses, and a transaction that can't go over it counts as one whose keys have
// changed.
func TestWatchedTransactionTakesTheConnectionThatWatches(t *testing.T) {
	n := startNode(t, func(c string) string {
		if c == "EXEC" {
			return "*0\r\n"
		}
		return "+OK\r\n"
	})
	p := newTestPool(t)
	r := p.Replica(1, router.Node{RESP: n.addr}, Session{Proto: 2})
	other := command("SET other")
	do(t, flightTo(p, n, Session{Proto: 2}), other) // by a connection that is shared
	for _, broken := range []bool{false, true} {
		if reply, err := r.Watch(command("WATCH x").Command, time.Now().Add(testTime)); err != nil || string(reply) != "+OK\r\n" {
			t.Fatalf("WATCH: %q, %v", reply, err)
		}
		want := "*0\r\n"
		if broken {
			r.(*replica).watching.fail(errGone)
			want = "*-1\r\n"
		}
		op := &router.Op{Block: [][][]byte{command("SET x").Command}}
		do(t, r.NewFlight(), op)
		wantReply(t, op, want)
		if r.(*replica).watching != nil {
			t.Error("the connection outlives the transaction")
		}
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	if got := fmt.Sprint(n.commands[:5], n.by[:5]); got != "[SET other WATCH x MULTI SET x EXEC] [1 2 2 2 2]" {
		t.Errorf("sent %s", got)
	}
}

func TestRepliesThatNobodyAskedForEndTheConnection(t *testing.T) {
	n := startNode(t, func(c string) string { return echo(c) + "+more\r\n" })
	set := command("SET x")
	f := flightTo(newTestPool(t), n, Session{Proto: 2})
	do(t, f, set)
	wantReply(t, set, echo("SET x"))
	for deadline := time.Now().Add(testTime); ; {
		get := command("GET x")
		if f.Submit(get) == nil {
			f.Wait(time.Now().Add(testTime))
		}
		n.mu.Lock()
		conns := n.conns
		n.mu.Unlock()
		if conns > 1 {
			return
		}
		if time.Now().After(deadline) {
			t.Fatal("a connection that is out of step is used on")
		}
	}
}

// A connection is shared by those alone who have logged in alike.
func TestClientsShareConnectionsOnlyWithTheirOwnLogin(t *testing.T) {
	n := startNode(t, echo)
	p := newTestPool(t)
	for _, login := range []Login{{}, {"a", "1"}, {"a", "2"}, {"b", "1"}, {"a", "1"}} {
		get := command("GET x")
		do(t, flightTo(p, n, Session{Proto: 2, Login: login}), get)
		wantReply(t, get, echo("GET x"))
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	if fmt.Sprint(n.by, n.hellos) != "[1 2 3 4 2] [HELLO 2 SETNAME holt-gateway HELLO 2 AUTH a 1 SETNAME holt-gateway HELLO 2 AUTH a 2 SETNAME holt-gateway HELLO 2 AUTH b 1 SETNAME holt-gateway]" {
		t.Errorf("connections %v were greeted with %q", n.by, n.hellos)
	}
}
