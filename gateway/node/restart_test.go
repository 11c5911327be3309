package node

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/holtcache/holt/raftfsm/meta"
	"github.com/holtcache/holt/shard/host"
)

// Nodes were started once with --join and are started again without: they find each other by what their folders keep.
func TestAllNodesFindEachOtherAfterARestartWithoutJoin(t *testing.T) {
	t.Parallel()
	nodes := openCluster(t, 3)
	c := clientOf(t, nodes)
	for i := range 50 {
		set(t, c, fmt.Sprint("k", i), i)
	}
	closeNodes(t, nodes)
	for i, n := range nodes {
		nodes[i] = open(t, Config{Dir: n.cfg.Dir, Listen: n.Addresses()})
	}
	for _, n := range nodes {
		awaitReady(t, n)
	}
	c = clientOf(t, nodes)
	for i := range 50 {
		if got, err := c.Get(t.Context(), fmt.Sprint("k", i)).Int(); err != nil || got != i {
			t.Fatalf("k%d = %d, %v", i, got, err)
		}
	}
}

func TestWipedNodeComesBackUnderANewID(t *testing.T) {
	t.Parallel()
	nodes := openCluster(t, 3)
	old, addrs := nodes[2].ID(), nodes[2].Addresses()
	closeNode(t, nodes[2])
	if err := os.RemoveAll(nodes[2].cfg.Dir); err != nil {
		t.Fatal(err)
	}
	n := open(t, Config{Dir: nodes[2].cfg.Dir, Listen: addrs, Join: []string{nodes[0].Addresses().Cluster}})
	if n.ID() == old {
		t.Fatal("the wiped node has its old id")
	}
	awaitReady(t, n)
	state := n.host.Load().State()
	if got := len(state.Nodes()); got != 4 {
		t.Errorf("%d nodes are known, want the wiped one beside its successor", got)
	}
	if was, _ := state.Node(old); was.Addresses != (meta.Addresses{}) {
		t.Errorf("the wiped node is still sent to %v", was.Addresses)
	}
	if got := len(n.host.Load().Replicas()); got != 0 {
		t.Errorf("the new node holds %d replicas of the old one", got)
	}
}

// A close may come at any moment of a join. Whatever the join has opened by then is closed, and the folder is free.
func TestCloseDuringAJoinLeavesNothingOpen(t *testing.T) {
	t.Parallel()
	first := openCluster(t, 1)[0]
	for i := range 8 {
		dir := filepath.Join(t.TempDir(), fmt.Sprint(i))
		n := open(t, Config{Dir: dir, Join: []string{first.Addresses().Cluster}})
		if i%2 == 1 { // from the moment on at which the folder belongs, and not before
			await(t, "the node belongs to the cluster", func() bool { return n.folder.ClusterID() != "" })
		}
		closeNode(t, n)
		if h := n.host.Load(); h != nil {
			if _, err := h.Transport().Group(1 << 40); err == nil {
				t.Error("the host is still open")
			}
		}
		f, err := host.OpenFolder(host.FolderConfig{Dir: dir, Fatal: func(err error) { t.Error(err) }})
		if err != nil {
			t.Fatalf("the folder is not free: %v", err)
		}
		if err := f.Close(); err != nil {
			t.Error(err)
		}
	}
}

func TestClosedNodeOpensNoHost(t *testing.T) {
	t.Parallel()
	n := open(t, Config{Dir: t.TempDir()})
	closeNode(t, n)
	n.begin.Lock()
	defer n.begin.Unlock()
	if err := n.openHost(t.Context()); err == nil || !strings.Contains(err.Error(), "shutting down") {
		t.Errorf("err %v", err)
	}
}

// The list of --join may be one for all nodes. A node that found itself in it first would hear of nobody.
func TestNodeDoesNotJoinAtItself(t *testing.T) {
	t.Parallel()
	n := openCluster(t, 1)[0]
	if err := n.joinAt(t.Context(), n.Addresses().Cluster); !errors.Is(err, errSelf) {
		t.Errorf("err %v", err)
	}
}

// A replica that must not be used any more keeps its node from nothing else: the node starts without it, and it is built anew from
// the others, while nobody does anything.
func TestDamagedReplicaIsBuiltAnewFromTheOthers(t *testing.T) {
	t.Parallel()
	nodes := openCluster(t, 3)
	c := clientOf(t, nodes)
	for i := range 50 {
		set(t, c, fmt.Sprint("k", i), i)
	}
	n := nodes[1]
	closeNode(t, n)
	const shard = 1
	f, err := host.OpenFolder(host.FolderConfig{Dir: n.cfg.Dir, Log: host.LogStoreWAL, Fatal: func(err error) { t.Error(err) }})
	if err == nil {
		err = f.OpenLogs(t.Context())
	}
	if err != nil {
		t.Fatal(err)
	}
	log, err := f.WAL.Group(shard)
	if err == nil {
		err = errors.Join(log.SetMark("damaged", []byte("a test says so")), log.Close())
	}
	if err = errors.Join(err, f.Close()); err != nil {
		t.Fatal(err)
	}
	nodes[1] = open(t, Config{Dir: n.cfg.Dir, Listen: n.Addresses()})
	h := func() *host.Host { return nodes[1].host.Load() }
	await(t, "the node has begun again without the damaged replica", func() bool { return h() != nil && len(h().Replicas()) >= 2 })
	await(t, "the replica is a voter again, and has what the others have", func() bool {
		r, open := h().Replica(shard)
		if !open || !slices.Contains(r.Members().Voters, nodes[1].ID()) {
			return false
		}
		other, open := nodes[0].host.Load().Replica(shard)
		return open && r.Store().Len() == other.Store().Len() && r.State().Applied == other.State().Applied
	})
	awaitReady(t, nodes[1])
	c = clientOf(t, nodes)
	for i := range 50 {
		if got, err := c.Get(t.Context(), fmt.Sprint("k", i)).Int(); err != nil || got != i {
			t.Fatalf("k%d = %d, %v", i, got, err)
		}
	}
}
