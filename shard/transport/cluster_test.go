package transport

import (
	"context"
	"encoding/json"
	"io"
	"net"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/hashicorp/go-hclog"
	"github.com/hashicorp/raft"
)

// listFSM remembers every command it applied.
type listFSM struct {
	mu   sync.Mutex
	cmds []string
}

func (f *listFSM) Apply(l *raft.Log) any {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.cmds = append(f.cmds, string(l.Data))
	return nil
}

func (f *listFSM) Snapshot() (raft.FSMSnapshot, error) { return listSnapshot(f.list()), nil }

func (f *listFSM) Restore(r io.ReadCloser) error {
	var cmds []string
	if err := json.NewDecoder(r).Decode(&cmds); err != nil {
		return err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.cmds = cmds
	return nil
}

func (f *listFSM) list() []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return append([]string(nil), f.cmds...)
}

type listSnapshot []string

func (s listSnapshot) Persist(sink raft.SnapshotSink) error {
	if err := json.NewEncoder(sink).Encode([]string(s)); err != nil {
		_ = sink.Cancel() // the encoder's error is the one to report
		return err
	}
	return sink.Close()
}

func (listSnapshot) Release() {}

// tcpNet is a set of nodes on loopback TCP.
type tcpNet struct {
	t     *testing.T
	mu    sync.Mutex
	addrs map[string]string
}

func (n *tcpNet) ClusterAddr(node string) (string, bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	addr, ok := n.addrs[node]
	return addr, ok
}

// tcpNode is one node: a transport behind a listener.
type tcpNode struct {
	*Transport
	listener net.Listener
	accepted atomic.Int64
	serving  sync.WaitGroup
}

func (n *tcpNet) start(id string) *tcpNode {
	n.t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		n.t.Fatal(err)
	}
	n.mu.Lock()
	n.addrs[id] = listener.Addr().String()
	n.mu.Unlock()
	cfg := testConfig(n.t, nil, id)
	cfg.Resolver = n
	cfg.Dial = (&tcpDialer{}).dial
	cfg.SpoolDir = filepath.Join(n.t.TempDir(), "spool")
	cfg.RPCTimeout = RPCTimeout{Control: time.Second, Append: 5 * time.Second, Dial: time.Second}
	cfg.AppendBytesMax = 4 << 10
	tr, err := New(cfg)
	if err != nil {
		n.t.Fatal(err)
	}
	node := &tcpNode{Transport: tr, listener: listener}
	node.serving.Go(func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			node.accepted.Add(1)
			node.serving.Go(func() { servePreface(tr)(conn) })
		}
	})
	n.t.Cleanup(func() { node.stop(n.t) })
	return node
}

func (n *tcpNode) stop(t *testing.T) {
	t.Helper()
	_ = n.listener.Close() // maybe closed already
	closeTransport(t, n.Transport)
	n.serving.Wait()
}

// replica is one raft.Raft on a node, with all its state in memory.
type replica struct {
	*raft.Raft
	group *Group
	fsm   *listFSM
	logs  *raft.InmemStore
	snaps raft.SnapshotStore
}

func raftConfig(node string) *raft.Config {
	c := raft.DefaultConfig()
	c.LocalID = raft.ServerID(node)
	c.HeartbeatTimeout, c.ElectionTimeout, c.LeaderLeaseTimeout = time.Second, time.Second, time.Second
	c.CommitTimeout = 20 * time.Millisecond
	c.TrailingLogs = 2
	c.ShutdownOnRemove = false
	c.Logger = hclog.NewNullLogger()
	return c
}

func newReplica() *replica {
	return &replica{fsm: &listFSM{}, logs: raft.NewInmemStore(), snaps: raft.NewInmemSnapshotStore()}
}

// run starts the replica on a transport; members bootstrap it unless empty.
func (r *replica) run(t *testing.T, tr *Transport, id GroupID, members ...string) {
	t.Helper()
	r.group = group(t, tr, id)
	c := raftConfig(tr.cfg.NodeID)
	if len(members) > 0 {
		if err := raft.BootstrapCluster(c, r.logs, r.logs, r.snaps, r.group, configuration(members...)); err != nil {
			t.Fatal(err)
		}
	}
	var err error
	if r.Raft, err = raft.NewRaft(c, r.fsm, r.logs, r.logs, r.snaps, r.group); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { r.stop(t) })
}

func (r *replica) stop(t *testing.T) {
	t.Helper()
	down := r.Shutdown()
	_ = r.group.Close() // always nil
	if err := down.Error(); err != nil {
		t.Errorf("shutdown: %v", err)
	}
}

func configuration(members ...string) (c raft.Configuration) {
	for _, m := range members {
		c.Servers = append(c.Servers, raft.Server{ID: raft.ServerID(m), Address: raft.ServerAddress(m)})
	}
	return c
}

// testGroup is one group on several nodes.
type testGroup map[string]*replica

func (n *tcpNet) startGroup(id GroupID, nodes map[string]*tcpNode) testGroup {
	rs := testGroup{}
	var members []string
	for node := range nodes {
		members = append(members, node)
	}
	for node, tn := range nodes {
		rs[node] = newReplica()
		rs[node].run(n.t, tn.Transport, id, members...)
	}
	return rs
}

func (rs testGroup) leader(t *testing.T) (string, *replica) {
	t.Helper()
	var node string
	eventually(t, "a leader", func() bool {
		for id, r := range rs {
			if r.State() == raft.Leader {
				node = id
				return true
			}
		}
		return false
	})
	return node, rs[node]
}

// write commits commands one after another through whoever leads.
func (rs testGroup) write(t *testing.T, cmds ...string) {
	t.Helper()
	for _, cmd := range cmds {
		eventually(t, "a committed "+cmd, func() bool {
			_, r := rs.leader(t)
			return r.Apply([]byte(cmd), 5*time.Second).Error() == nil
		})
	}
}

// wantEverywhere waits until every FSM has applied the command last.
func (rs testGroup) wantEverywhere(t *testing.T, cmd string) {
	t.Helper()
	eventually(t, "every FSM ends with "+cmd, func() bool {
		for _, r := range rs {
			if cmds := r.fsm.list(); len(cmds) == 0 || cmds[len(cmds)-1] != cmd {
				return false
			}
		}
		return true
	})
}

func threeNodes(t *testing.T) (*tcpNet, map[string]*tcpNode) {
	n := &tcpNet{t: t, addrs: make(map[string]string)}
	return n, map[string]*tcpNode{"a": n.start("a"), "b": n.start("b"), "c": n.start("c")}
}

type tcpDialer struct{ net.Dialer }

func (d *tcpDialer) dial(ctx context.Context, addr string) (net.Conn, error) {
	return d.DialContext(ctx, "tcp", addr)
}
