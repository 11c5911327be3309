package shard_test

import (
	"context"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/hashicorp/raft"
	"go.uber.org/goleak"

	"github.com/holtcache/holt/proto/slot"
	"github.com/holtcache/holt/raftfsm/entry"
	"github.com/holtcache/holt/shard"
	"github.com/holtcache/holt/shard/executor"
	"github.com/holtcache/holt/shard/logstore/crashstore"
	"github.com/holtcache/holt/shard/transport"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// trio is a shard of three replicas over loopback, with disks in memory.
type trio struct {
	t     *testing.T
	mu    sync.Mutex
	addrs map[string]string
	nodes map[string]*node
	// amnesia guards the nodes that it names when they start.
	amnesia map[string]shard.Amnesia
	// votesFrom is where the logs of nodes ended that start empty; those that it names begin no group.
	votesFrom map[string]transport.LogEnd
	timings   shard.Timings
}

type node struct {
	id        string
	listener  net.Listener
	transport *transport.Transport
	confirmer *shard.Confirmer
	disk      *crashstore.Disk
	wire      *wire
	replica   *shard.Replica
	wg        sync.WaitGroup
}

// wire is a node's place on the wire, on which a transfer of leadership can be held up.
type wire struct {
	*transport.Group
	// handsOver, if set, is called before the node is told that takes over.
	handsOver atomic.Pointer[func()]
}

func (w *wire) TimeoutNow(to raft.ServerID, addr raft.ServerAddress, args *raft.TimeoutNowRequest, resp *raft.TimeoutNowResponse) error {
	if f := w.handsOver.Load(); f != nil {
		(*f)()
	}
	return w.Group.TimeoutNow(to, addr, args, resp)
}

const testShard = slot.ShardID(2)

func (c *trio) ClusterAddr(id string) (string, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	a, ok := c.addrs[id]
	return a, ok
}

var members = []string{"a", "b", "c"}

func newTrio(t *testing.T) *trio { return newTrioOn(t, crashstore.Config{}) }

func newTrioOn(t *testing.T, disks crashstore.Config) *trio {
	return newTrioWith(t, disks, shard.DefaultTimings())
}

// newCalmTrio is a trio in which no election comes of a busy machine.
func newCalmTrio(t *testing.T) *trio {
	timings := shard.DefaultTimings()
	timings.Heartbeat, timings.Election = 2*time.Second, 2*time.Second
	return newTrioWith(t, crashstore.Config{}, timings)
}

func newTrioWith(t *testing.T, disks crashstore.Config, timings shard.Timings) *trio {
	c := &trio{t: t, addrs: map[string]string{}, nodes: map[string]*node{}, amnesia: map[string]shard.Amnesia{}, votesFrom: map[string]transport.LogEnd{}, timings: timings}
	for _, id := range members {
		c.start(id, crashstore.New(disks))
	}
	t.Cleanup(func() {
		for id := range c.nodes {
			c.stop(id)
		}
	})
	return c
}

func (c *trio) start(id string, disk *crashstore.Disk) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		c.t.Fatal(err)
	}
	n := &node{id: id, listener: l, disk: disk}
	c.mu.Lock()
	c.addrs[id] = l.Addr().String()
	c.nodes[id] = n
	c.mu.Unlock()
	timings := c.timings
	n.transport, err = transport.New(transport.Config{
		NodeID: id, ClusterID: func() string { return "test" }, LeaseMax: timings.LeaseMax, Resolver: c, SpoolDir: c.t.TempDir(),
		Dial: func(ctx context.Context, addr string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, "tcp", addr)
		},
	})
	if err != nil {
		c.t.Fatal(err)
	}
	n.transport.ServeConfirm(func(q transport.GroupTerm) bool {
		c.mu.Lock()
		r := n.replica
		c.mu.Unlock()
		return r != nil && slot.ShardID(q.Group) == testShard && r.Term() <= q.Term
	})
	n.wg.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			n.wg.Go(func() {
				preface := make([]byte, len(transport.Preface))
				if _, err := conn.Read(preface); err != nil {
					conn.Close()
					return
				}
				n.transport.Serve(conn)
			})
		}
	})
	n.confirmer = shard.NewConfirmer(n.transport, timings.Lease)
	group, err := n.transport.Group(transport.GroupID(testShard))
	if err != nil {
		c.t.Fatal(err)
	}
	n.wire = &wire{Group: group}
	first := members
	if _, spare := c.votesFrom[id]; spare {
		first = nil
	}
	r, err := shard.Open(shard.Config{
		Group: testShard, Node: id, Timings: timings, Wire: n.wire, Confirmer: n.confirmer, Bootstrap: first,
		Amnesia: c.amnesia[id], VotesFrom: c.votesFrom[id],
		OpenStorage: func(h shard.Hooks) (shard.Storage, error) {
			s, err := disk.Open(crashstore.Hooks{Appended: h.Appended, Floor: h.Floor, Fatal: func(err error) { panic(err) }})
			if err != nil {
				return shard.Storage{}, err
			}
			group.SetSuspended(func() bool { return s.Log.WritingFor() > 2*timings.Election })
			return shard.Storage{Log: s.Log, Stable: s.Stable, Snapshots: s.Snapshots, Close: s}, nil
		},
		Slots:    func() []slot.Range { return slot.Split(1) },
		Nonce:    rand.Uint64,
		Logger:   slog.New(slog.DiscardHandler),
		HashSeed: 0x5eed, Stamps: shard.StampPacing{Round: time.Second / 2, BytesPerSecond: 16 << 20},
	})
	if err != nil {
		c.t.Fatal(err)
	}
	c.mu.Lock()
	n.replica = r
	c.mu.Unlock()
}

func (c *trio) stop(id string) {
	c.mu.Lock()
	n := c.nodes[id]
	delete(c.nodes, id)
	c.mu.Unlock()
	if err := n.replica.Close(); err != nil {
		c.t.Errorf("close %s: %v", id, err)
	}
	n.confirmer.Close()
	n.transport.Close()
	n.listener.Close()
	n.wg.Wait()
}

// leader waits until one replica serves all slots, which a store takes over one after the other.
func (c *trio) leader() *node {
	c.t.Helper()
	for deadline := time.Now().Add(20 * time.Second); time.Now().Before(deadline); time.Sleep(5 * time.Millisecond) {
		for _, n := range c.nodes {
			if _, ok := n.replica.Executor().Serving(); ok && slices.Equal(n.replica.Store().Owned(), slot.Split(1)) {
				return n
			}
		}
	}
	c.t.Fatal("no replica serves")
	return nil
}

func (n *node) set(ctx context.Context, key, value string) error {
	w := executor.NewWaiter()
	r := &executor.Request{Slot: slot.Of([]byte(key)), Do: func(tx *executor.Tx) {
		tx.Set([]byte(key), []byte(value), entry.TypeString, 0)
	}}
	if err := n.replica.Executor().Submit(w, r); err != nil {
		return err
	}
	if w.Wait(ctx) != nil {
		w.GiveUp(testShard, r)
	}
	if r.Err != nil {
		return r.Err
	}
	return nil
}

func (n *node) get(ctx context.Context, key string, mode executor.ReadMode) (value string, err error) {
	err = n.replica.Executor().Read(ctx, slot.Of([]byte(key)), mode, func(v *executor.View) {
		item, _ := v.Get([]byte(key))
		value = string(item.Value)
	})
	return value, err
}

func TestWritesSurviveATransferAndTheLossOfTheLeader(t *testing.T) {
	c := newTrio(t)
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	leader := c.leader()
	for i := range 100 {
		if err := leader.set(ctx, fmt.Sprint("k", i), fmt.Sprint("v", i)); err != nil {
			t.Fatal(err)
		}
	}
	for _, mode := range []executor.ReadMode{executor.ReadLease, executor.ReadIndex} {
		if got, err := leader.get(ctx, "k42", mode); err != nil || got != "v42" {
			t.Errorf("mode %d: got %q, err %v", mode, got, err)
		}
	}
	if err := leader.replica.Transfer(ctx, ""); err != nil {
		t.Fatal(err)
	}
	next := c.leader()
	if next.id == leader.id {
		t.Fatal("the leader is still the same")
	}
	if got, err := next.get(ctx, "k99", executor.ReadLease); err != nil || got != "v99" {
		t.Errorf("after the transfer: got %q, err %v", got, err)
	}
	if err := next.set(ctx, "k99", "after"); err != nil {
		t.Fatal(err)
	}
	c.stop(next.id)
	last := c.leader()
	if got, err := last.get(ctx, "k99", executor.ReadLease); err != nil || got != "after" {
		t.Errorf("after the leader stopped: got %q, err %v", got, err)
	}
}

func TestFollowerAnswersNotLeaderAndServesStaleReads(t *testing.T) {
	c := newTrio(t)
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	leader := c.leader()
	if err := leader.set(ctx, "k", "v"); err != nil {
		t.Fatal(err)
	}
	for _, n := range c.nodes {
		if n == leader {
			continue
		}
		if err := n.set(ctx, "k", "w"); err == nil {
			t.Errorf("%s took a write", n.id)
		}
		if _, err := n.get(ctx, "k", executor.ReadLease); err == nil {
			t.Errorf("%s answered a linearizable read", n.id)
		}
		for ; ; time.Sleep(time.Millisecond) {
			got, err := n.get(ctx, "k", executor.ReadStale)
			if err == nil && got == "v" {
				break
			}
			if ctx.Err() != nil {
				t.Fatalf("%s never showed the committed value: %q, %v", n.id, got, err)
			}
		}
	}
}

// A disk that hangs must not leave a shard without a leader that can write (hashicorp/raft#503).
func TestLeaderWhoseDiskHangsIsReplaced(t *testing.T) {
	c := newTrio(t)
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	leader := c.leader()
	release := leader.disk.HangSync(1)
	outcome := make(chan error, 1)
	go func() { outcome <- leader.set(ctx, "k", "hung") }()
	var next *node
	c.until(ctx, "another replica serves", func() bool {
		for _, n := range c.nodes {
			if _, serves := n.replica.Executor().Serving(); serves && n != leader {
				next = n
			}
		}
		return next != nil
	})
	if err := next.set(ctx, "k", "after"); err != nil {
		t.Errorf("write at the new leader: %v", err)
	}
	release()
	<-outcome // applied or unknown, but never left without an answer
	if got, err := next.get(ctx, "k", executor.ReadLease); err != nil || got != "after" {
		t.Errorf("got %q, %v, want what the new leader wrote", got, err)
	}
}

var _ raft.Transport = (*transport.Group)(nil)
