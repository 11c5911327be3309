package respserver

import (
	"net"
	"sync"
	"testing"

	"github.com/holtcache/holt/gateway/command"
	"github.com/holtcache/holt/gateway/router"
	"github.com/holtcache/holt/proto/slot"
)

// The ids of the nodes in tests: 40 hexadecimal digits, as clients want them.
const (
	selfID  = "1111111111111111111111111111111111111111"
	otherID = "2222222222222222222222222222222222222222"
)

// memCluster is a cluster of this node, which has replicas in memory, and others that are names only.
type memCluster struct {
	mu       sync.Mutex // protects the fields below
	view     *router.View
	changed  chan struct{}
	replicas map[slot.ShardID]*memReplica
}

func (c *memCluster) View() *router.View {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.view
}

func (c *memCluster) Changed() <-chan struct{} {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.changed
}

func (c *memCluster) Replica(shard slot.ShardID) (router.Replica, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	r, ok := c.replicas[shard]
	return r, ok
}

// change replaces the view by a changed copy.
func (c *memCluster) change(f func(v *router.View)) {
	c.mu.Lock()
	defer c.mu.Unlock()
	v := *c.view
	v.Shards = append([]router.Shard(nil), v.Shards...)
	v.Nodes = append([]router.Node(nil), v.Nodes...)
	f(&v)
	c.view = &v
	close(c.changed)
	c.changed = make(chan struct{})
}

// fixture is one server over a cluster in memory.
type fixture struct {
	t       testing.TB
	server  *Server
	cluster *memCluster
	// replicas are this node's, by shard, lowest slots first.
	replicas []*memReplica
	addr     string
}

// fixtureConfig changes what start begins with.
type fixtureConfig struct {
	// shards is how many shards this node leads; they share all slots. 0 means 1.
	shards int
	// others is how many more shards, behind those, are led by the other node.
	others int
	limits Limits
	with   func(*Config)
	// waiting: no shard has a leader yet.
	waiting bool
}

func start(t testing.TB, fc fixtureConfig) *fixture {
	t.Helper()
	if fc.shards == 0 {
		fc.shards = 1
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	f := &fixture{t: t, addr: listener.Addr().String()}
	f.cluster = &memCluster{changed: make(chan struct{}), replicas: map[slot.ShardID]*memReplica{}}
	cfg := Config{Router: router.New(f.cluster), Table: command.NewTable(command.Limits{}), Limits: fc.limits, Logger: discardLogger()}
	if fc.with != nil {
		fc.with(&cfg)
	}
	f.server = New(cfg)
	view := &router.View{Self: selfID, Nodes: []router.Node{
		{ID: selfID, RESP: f.addr, Cluster: "127.0.0.1:16381"},
		{ID: otherID, RESP: "127.0.0.1:1", Cluster: "127.0.0.1:16382"},
	}}
	var assignments []slot.Assignment
	for i, r := range slot.Split(fc.shards + fc.others) {
		id := slot.ShardID(i + 1)
		leader := otherID
		if i < fc.shards {
			leader = selfID
			replica := newMemReplica(t, id, []slot.Range{r}, f.server)
			f.replicas = append(f.replicas, replica)
			f.cluster.replicas[id] = replica
		}
		assignments = append(assignments, slot.Assignment{Range: r, Shard: id})
		view.Shards = append(view.Shards, router.Shard{ID: id, Ranges: []slot.Range{r}, Replicas: []string{selfID, otherID}, Leader: leader, Term: 1})
	}
	if view.Map, err = slot.NewMap(1, assignments); err != nil {
		t.Fatal(err)
	}
	f.cluster.view = view
	if !fc.waiting {
		for _, r := range f.replicas {
			r.lead(true)
			r.awaitServing(t)
		}
	}
	served := make(chan error, 1)
	go func() { served <- f.server.Serve(listener) }()
	t.Cleanup(func() {
		_ = f.server.Close()
		if err := <-served; err != ErrClosed {
			t.Errorf("Serve returned %v, want ErrClosed", err)
		}
	})
	return f
}
