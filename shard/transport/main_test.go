package transport

//lint:file-ignore SA1019 the codec carries every field, also the one that raft keeps for older protocol versions

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/hashicorp/raft"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var errRefusedConn = errors.New("connection refused")

// pipeNet connects transports by net.Pipe, so that it works in synctest. A node's address is its id.
type pipeNet struct {
	mu    sync.Mutex
	serve map[string]func(net.Conn)
	addrs map[string]string // exceptions from address = id
	dials int
	wrap  func(net.Conn) net.Conn // around the dialing end; may be nil
}

func newPipeNet() *pipeNet {
	return &pipeNet{serve: make(map[string]func(net.Conn)), addrs: make(map[string]string)}
}

func (n *pipeNet) ClusterAddr(node string) (string, bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if addr, ok := n.addrs[node]; ok {
		return addr, addr != ""
	}
	return node, true
}

func (n *pipeNet) Dial(_ context.Context, addr string) (net.Conn, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.dials++
	serve := n.serve[addr]
	if serve == nil {
		return nil, errRefusedConn
	}
	ours, theirs := net.Pipe()
	go serve(theirs)
	if n.wrap != nil {
		ours = n.wrap(ours)
	}
	return ours, nil
}

// listen sets what happens to connections to an address; nil refuses them.
func (n *pipeNet) listen(addr string, serve func(net.Conn)) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.serve[addr] = serve
}

// servePreface is what the cluster port does before Serve.
func servePreface(tr *Transport) func(net.Conn) {
	return func(conn net.Conn) {
		got := make([]byte, len(Preface))
		if _, err := io.ReadFull(conn, got); err != nil || string(got) != string(Preface) {
			_ = conn.Close()
			return
		}
		tr.Serve(conn)
	}
}

func testConfig(t *testing.T, n *pipeNet, node string) Config {
	return Config{
		NodeID:    node,
		ClusterID: func() string { return "cluster-1" },
		LeaseMax:  200 * time.Millisecond,
		Resolver:  n,
		Dial:      n.Dial,
		SpoolDir:  filepath.Join(t.TempDir(), "spool"),
	}
}

// start opens a transport at the address that is its node id.
func (n *pipeNet) start(t *testing.T, node string, change ...func(*Config)) *Transport {
	t.Helper()
	cfg := testConfig(t, n, node)
	for _, f := range change {
		f(&cfg)
	}
	tr, err := New(cfg)
	if err != nil {
		t.Fatalf("New: %v", err)
	}
	n.listen(node, servePreface(tr))
	t.Cleanup(func() { closeTransport(t, tr) })
	return tr
}

func closeTransport(t *testing.T, tr *Transport) {
	t.Helper()
	for range 2 { // twice is fine
		if err := tr.Close(); err != nil {
			t.Errorf("Close: %v", err)
		}
	}
	files, err := os.ReadDir(tr.cfg.SpoolDir)
	if err != nil || len(files) > 0 {
		t.Errorf("spool folder after Close: %v, %v; want it empty", files, err)
	}
}

func group(t *testing.T, tr *Transport, id GroupID) *Group {
	t.Helper()
	g, err := tr.Group(id)
	if err != nil {
		t.Fatalf("Group(%d): %v", id, err)
	}
	return g
}

// answer plays raft: it answers the group's requests until the group is closed.
func answer(g *Group, f func(raft.RPC) (any, error)) {
	go func() {
		for {
			select {
			case rpc := <-g.Consumer():
				rpc.Respond(f(rpc))
			case <-g.stopped:
				return
			}
		}
	}()
}

// agree answers every request with success in the request's term.
func agree(rpc raft.RPC) (any, error) {
	switch q := rpc.Command.(type) {
	case *raft.AppendEntriesRequest:
		return &raft.AppendEntriesResponse{Term: q.Term, Success: true, LastLog: lastEntry(q)}, nil
	case *raft.RequestVoteRequest:
		return &raft.RequestVoteResponse{Term: q.Term, Granted: true}, nil
	case *raft.RequestPreVoteRequest:
		return &raft.RequestPreVoteResponse{Term: q.Term, Granted: true}, nil
	case *raft.TimeoutNowRequest:
		return &raft.TimeoutNowResponse{}, nil
	}
	return nil, fmt.Errorf("no answer to %T", rpc.Command)
}

func header(node string) raft.RPCHeader {
	return raft.RPCHeader{ProtocolVersion: 3, ID: []byte(node), Addr: []byte(node)}
}

// entries returns n entries after prev with data of the given size.
func entries(prev uint64, n, dataBytes int) []*raft.Log {
	logs := make([]*raft.Log, n)
	for i := range logs {
		logs[i] = &raft.Log{Index: prev + uint64(i) + 1, Term: 1, Data: make([]byte, dataBytes)}
	}
	return logs
}

func appendRequest(from string, term, prev, commit uint64, logs ...*raft.Log) *raft.AppendEntriesRequest {
	return &raft.AppendEntriesRequest{
		RPCHeader: header(from), Leader: []byte(from), Term: term,
		PrevLogEntry: prev, PrevLogTerm: 1, LeaderCommitIndex: commit, Entries: logs,
	}
}

func sendAppend(g *Group, to string, args *raft.AppendEntriesRequest) (raft.AppendEntriesResponse, error) {
	var resp raft.AppendEntriesResponse
	err := g.AppendEntries(raft.ServerID(to), raft.ServerAddress(to), args, &resp)
	return resp, err
}

func sendHeartbeat(g *Group, to string, term uint64) (raft.AppendEntriesResponse, error) {
	node := g.t.cfg.NodeID
	return sendAppend(g, to, &raft.AppendEntriesRequest{RPCHeader: header(node), Leader: []byte(node), Term: term})
}

func sendVote(g *Group, to string, term uint64) (raft.RequestVoteResponse, error) {
	var resp raft.RequestVoteResponse
	err := g.RequestVote(raft.ServerID(to), raft.ServerAddress(to),
		&raft.RequestVoteRequest{RPCHeader: header(g.t.cfg.NodeID), Term: term}, &resp)
	return resp, err
}

// eventually waits for a condition with a deadline.
func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	deadline := time.Now().Add(30 * time.Second)
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	for !ok() {
		if time.Now().After(deadline) {
			t.Fatalf("not within 30 s: %s", what)
		}
		<-tick.C
	}
}

// rawConn speaks the protocol by hand, as a node that does not keep to its rules.
type rawConn struct {
	net.Conn
	t *testing.T
}

func (n *pipeNet) rawDial(t *testing.T, from, to string, kind connKind) rawConn {
	t.Helper()
	conn, err := n.Dial(context.Background(), to)
	if err != nil {
		t.Fatalf("dial %s: %v", to, err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	c := rawConn{conn, t}
	h := hello{protocolVersion, "cluster-1", from, to, 200 * time.Millisecond, kind}
	c.write(append(append([]byte(nil), Preface...), appendFrame(nil, frameHello, 0, func(b []byte) []byte { return appendHello(b, h) })...))
	if f := c.readFrame(); f.kind != frameWelcome {
		t.Fatalf("handshake answered with frame kind %d: %q", f.kind, f.body)
	}
	return c
}

func (c rawConn) write(p []byte) {
	c.t.Helper()
	if _, err := c.Write(p); err != nil {
		c.t.Fatalf("write: %v", err)
	}
}

func (c rawConn) send(kind frameKind, id uint64, fill func([]byte) []byte) {
	c.t.Helper()
	c.write(appendFrame(nil, kind, id, fill))
}

func (c rawConn) readFrame() frame {
	c.t.Helper()
	if err := c.SetReadDeadline(time.Now().Add(30 * time.Second)); err != nil {
		c.t.Fatal(err)
	}
	f, err := readFrame(c.Conn, dataFrameBytesMax, nil)
	if err != nil {
		c.t.Fatalf("read frame: %v", err)
	}
	return f
}

// wantError reads an error reply and compares its kind.
func (c rawConn) wantError(id uint64, want error) {
	c.t.Helper()
	f := c.readFrame()
	d := decoder{rest: f.body}
	err := d.remoteError("other")
	if f.kind != frameError || f.id != id || d.end() != nil || !errors.Is(err, want) {
		c.t.Fatalf("reply kind %d id %d: %v; want error %v for id %d", f.kind, f.id, err, want, id)
	}
}

// checkNotPreVoteGrant: hashicorp/raft counts a pre-vote that fails with this text as granted.
func checkNotPreVoteGrant(t *testing.T, err error) {
	t.Helper()
	if err == nil || strings.Contains(err.Error(), "unexpected command") {
		t.Errorf("error %v, want one without %q", err, "unexpected command")
	}
}
