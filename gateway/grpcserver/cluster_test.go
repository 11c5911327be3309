package grpcserver

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/test/bufconn"

	"github.com/holtcache/holt/gateway/acl"
	"github.com/holtcache/holt/gateway/command"
	"github.com/holtcache/holt/gateway/router"
	cachev1 "github.com/holtcache/holt/proto/holt/cache/v1"
	clusterv1 "github.com/holtcache/holt/proto/holt/cluster/v1"
	nodev1 "github.com/holtcache/holt/proto/holt/node/v1"
	"github.com/holtcache/holt/proto/slot"
)

// fakeCluster is what one node knows of the cluster.
type fakeCluster struct {
	mu       sync.Mutex
	view     *router.View
	asked    int // how often somebody began to wait for a change
	changed  chan struct{}
	replicas map[slot.ShardID]router.Replica
}

func (c *fakeCluster) View() *router.View {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.view
}

func (c *fakeCluster) Changed() <-chan struct{} {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.asked++
	return c.changed
}

func (c *fakeCluster) Replica(id slot.ShardID) (router.Replica, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	r, ok := c.replicas[id]
	return r, ok
}

// change puts a changed copy of the view in its place.
func (c *fakeCluster) change(f func(*router.View)) {
	c.mu.Lock()
	defer c.mu.Unlock()
	v := *c.view
	v.Nodes = append([]router.Node(nil), v.Nodes...)
	v.Shards = append([]router.Shard(nil), v.Shards...)
	f(&v)
	c.view = &v
	close(c.changed)
	c.changed = make(chan struct{})
}

// changeSeen changes the view and returns when the one watcher of the cluster has looked at it.
func (c *fakeCluster) changeSeen(t *testing.T, f func(*router.View)) {
	t.Helper()
	for _, f := range []func(*router.View){f, func(*router.View) {}} {
		c.mu.Lock()
		before := c.asked
		c.mu.Unlock()
		c.change(f)
		eventually(t, func() bool {
			c.mu.Lock()
			defer c.mu.Unlock()
			return c.asked > before
		})
	}
}

func (c *fakeCluster) setReplica(id slot.ShardID, r router.Replica) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.replicas[id] = r
	close(c.changed)
	c.changed = make(chan struct{})
}

// node is one server with its clients.
type node struct {
	access  *acl.Registry
	id      string
	cluster *fakeCluster
	server  *Server
	admin   *fakeAdmin
	forward *fakeForwarder

	public, private *bufconn.Listener
	conn            *grpc.ClientConn
	cache           cachev1.CacheServiceClient
	topology        clusterv1.TopologyServiceClient
	adminClient     clusterv1.AdminServiceClient
	health          healthpb.HealthClient
}

// fakeForwarder reaches the other nodes of the test over their private listeners.
type fakeForwarder struct {
	conns map[string]*grpc.ClientConn

	mu    sync.Mutex
	calls int
	// instead answers in place of the network where it is set.
	instead func(ctx context.Context, to router.Node, r *nodev1.ForwardRequest) (*nodev1.ForwardResponse, error)
}

func (f *fakeForwarder) Forward(ctx context.Context, to router.Node, r *nodev1.ForwardRequest) (*nodev1.ForwardResponse, error) {
	f.mu.Lock()
	f.calls++
	instead := f.instead
	f.mu.Unlock()
	if instead != nil {
		return instead(ctx, to, r)
	}
	return SendForward(ctx, f.conns[to.ID], r)
}

func (f *fakeForwarder) count() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.calls
}

// nodeService is the part of NodeService that forwards; gateway/node has the whole.
type nodeService struct {
	nodev1.UnimplementedNodeServiceServer
	s *Server
}

func (n nodeService) Forward(ctx context.Context, r *nodev1.ForwardRequest) (*nodev1.ForwardResponse, error) {
	return n.s.ServeForward(ctx, r)
}

// nodeID makes up the id of the i-th node.
func nodeID(i int) string { return strings.Repeat(fmt.Sprint(i+1), nodeIDDigits) }

// start runs nodes that lead one shard each, whose slots are an equal share.
func start(t *testing.T, count int, limits Limits) []*node {
	t.Helper()
	ranges := slot.Split(count)
	var assignments []slot.Assignment
	view := &router.View{ClusterID: "test"}
	for i, r := range ranges {
		id := slot.ShardID(i + 1)
		assignments = append(assignments, slot.Assignment{Range: r, Shard: id})
		view.Nodes = append(view.Nodes, router.Node{ID: nodeID(i), GRPC: fmt.Sprintf("grpc-%d:6380", i), Cluster: fmt.Sprintf("cluster-%d:6381", i)})
		view.Shards = append(view.Shards, router.Shard{ID: id, Ranges: []slot.Range{r}, Replicas: []string{nodeID(i)}, Leader: nodeID(i), Term: 1})
	}
	var err error
	if view.Map, err = slot.NewMap(1, assignments); err != nil {
		t.Fatal(err)
	}
	var nodes []*node
	conns := map[string]*grpc.ClientConn{}
	for i := range count {
		own := *view
		own.Self = nodeID(i)
		replica := newMemReplica(t, slot.ShardID(i+1), nodeID(i), ranges[i:i+1])
		c := &fakeCluster{view: &own, changed: make(chan struct{}), replicas: map[slot.ShardID]router.Replica{replica.id: replica}}
		n := newNode(t, nodeID(i), c, limits, conns)
		nodes = append(nodes, n)
		conns[n.id] = dial(t, n.private)
	}
	return nodes
}

// newNode runs the server of one node.
func newNode(t *testing.T, id string, c *fakeCluster, limits Limits, conns map[string]*grpc.ClientConn) *node {
	t.Helper()
	n := &node{
		id: id, cluster: c, access: acl.NewRegistry(command.NewTable(command.Limits{}), "", nil), admin: &fakeAdmin{}, forward: &fakeForwarder{conns: conns},
		public: bufconn.Listen(1 << 20), private: bufconn.Listen(1 << 20),
	}
	var err error
	n.server, err = New(Config{Router: router.New(c), Forward: n.forward, Admin: n.admin, Access: n.access, Limits: limits, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	private := grpc.NewServer(grpc.MaxRecvMsgSize(n.server.limits.MessageBytes+surroundBytes), grpc.WaitForHandlers(true))
	nodev1.RegisterNodeServiceServer(private, nodeService{s: n.server})
	var serving sync.WaitGroup
	serving.Go(func() { _ = n.server.Public().Serve(n.public) })
	serving.Go(func() { _ = private.Serve(n.private) })
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		n.server.Stop(ctx)
		private.Stop()
		serving.Wait()
	})
	n.conn = dial(t, n.public)
	n.cache, n.topology = cachev1.NewCacheServiceClient(n.conn), clusterv1.NewTopologyServiceClient(n.conn)
	n.adminClient, n.health = clusterv1.NewAdminServiceClient(n.conn), healthpb.NewHealthClient(n.conn)
	return n
}

func dial(t *testing.T, l *bufconn.Listener) *grpc.ClientConn {
	t.Helper()
	conn, err := grpc.NewClient("passthrough:///bufconn",
		grpc.WithContextDialer(func(ctx context.Context, _ string) (net.Conn, error) { return l.DialContext(ctx) }),
		grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithDefaultCallOptions(grpc.MaxCallRecvMsgSize(64<<20), grpc.MaxCallSendMsgSize(64<<20)))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	return conn
}

// replica is the node's own replica.
func (n *node) replica() *memReplica {
	for id, r := range n.cluster.replicas {
		if m, ok := r.(*memReplica); ok && id > 0 {
			return m
		}
	}
	panic("the node has no memReplica")
}

// keyAt makes up a key of the shard of the i-th of count nodes.
func keyAt(i, count int, name string) []byte {
	want := slot.Split(count)[i]
	for n := 0; ; n++ {
		key := fmt.Appendf(nil, "{%d}%s", n, name)
		if want.Contains(slot.Of(key)) {
			return key
		}
	}
}

// fakeAdmin records what it was asked, and answers with err where that is set.
type fakeAdmin struct {
	err         error
	expectNodes int
	settings    *clusterv1.Settings
	transferred slot.ShardID
	to          string
	changed     []*clusterv1.NamedSetting
	moves       []*clusterv1.SlotMove
	goal        *clusterv1.RebalanceGoal
	removed     string
	ended       [2]uint64
}

func (a *fakeAdmin) InitCluster(_ context.Context, expectNodes int, settings *clusterv1.Settings, named []*clusterv1.NamedSetting) (string, *clusterv1.Settings, error) {
	a.expectNodes, a.settings, a.changed = expectNodes, settings, named
	return "new", &clusterv1.Settings{Replicas: 3}, a.err
}

func (a *fakeAdmin) Status(ctx context.Context) (*clusterv1.GetClusterStatusResponse, error) {
	if a.err != nil {
		return nil, a.err
	}
	deadline, ok := ctx.Deadline()
	if !ok {
		return nil, fmt.Errorf("a call of AdminService without deadline")
	}
	return &clusterv1.GetClusterStatusResponse{NodeId: nodeID(0), Epoch: uint64(time.Until(deadline) / time.Second)}, nil
}

func (a *fakeAdmin) Nodes(context.Context) ([]*clusterv1.NodeStatus, error) {
	return []*clusterv1.NodeStatus{{Version: "v"}}, a.err
}

func (a *fakeAdmin) Shards(context.Context) (uint64, []*clusterv1.ShardStatus, error) {
	return 7, []*clusterv1.ShardStatus{{PreferredLeaderNodeId: "p"}}, a.err
}

func (a *fakeAdmin) StartMigrations(_ context.Context, moves []*clusterv1.SlotMove) ([]uint64, error) {
	a.moves = moves
	return []uint64{4, 5}, a.err
}

func (a *fakeAdmin) Migrations(context.Context) (*clusterv1.ListMigrationsResponse, error) {
	return &clusterv1.ListMigrationsResponse{Migrations: []*clusterv1.Migration{{Id: 4}}}, a.err
}

func (a *fakeAdmin) EndLostMigration(_ context.Context, id uint64, lost slot.ShardID) error {
	a.ended = [2]uint64{id, uint64(lost)}
	return a.err
}

func (a *fakeAdmin) CancelMigration(_ context.Context, id uint64) (*clusterv1.CancelMigrationResponse, error) {
	return &clusterv1.CancelMigrationResponse{MigrationIds: []uint64{id}}, a.err
}

func (a *fakeAdmin) PlanRebalance(_ context.Context, goal *clusterv1.RebalanceGoal) (*clusterv1.PlanRebalanceResponse, error) {
	a.goal = goal
	return &clusterv1.PlanRebalanceResponse{Epoch: 8}, a.err
}

func (a *fakeAdmin) StartRebalance(_ context.Context, goal *clusterv1.RebalanceGoal) error {
	a.goal = goal
	return a.err
}

func (a *fakeAdmin) RemoveNode(_ context.Context, node string, force, cancel bool) (*clusterv1.RemoveNodeResponse, error) {
	a.removed = fmt.Sprint(node, " ", force, " ", cancel)
	return &clusterv1.RemoveNodeResponse{Replicas: 2}, a.err
}

func (a *fakeAdmin) Users(context.Context) ([]*clusterv1.User, uint64, error) {
	return []*clusterv1.User{{Name: "default", Rules: "on \xff"}}, 7, nil
}

func (a *fakeAdmin) SetUser(_ context.Context, name string, rules []string) (*clusterv1.User, error) {
	return &clusterv1.User{Name: name, Rules: fmt.Sprint(rules)}, nil
}

func (a *fakeAdmin) DeleteUser(context.Context, string) (bool, error) { return true, nil }

func (a *fakeAdmin) ReloadGossipKeys(context.Context) (string, []string, error) {
	return nodeID(0), []string{"0123abcd"}, nil
}

func (a *fakeAdmin) AcceptDataLoss(_ context.Context, dryRun bool) (string, []*clusterv1.GuardedReplica, error) {
	if a.err != nil {
		return "", nil, a.err
	}
	return nodeID(1), []*clusterv1.GuardedReplica{{ShardId: 2, Reason: fmt.Sprint("dry run: ", dryRun)}}, nil
}

func (a *fakeAdmin) Digests() ([]*clusterv1.ReplicaDigest, error) {
	return []*clusterv1.ReplicaDigest{{ShardId: 3, Digest: 5}}, a.err
}

func (a *fakeAdmin) TransferLeadership(_ context.Context, shard slot.ShardID, to string) (string, uint64, error) {
	a.transferred, a.to = shard, to
	return nodeID(1), 9, a.err
}

func (a *fakeAdmin) Settings(context.Context) ([]*clusterv1.NamedSetting, error) {
	return []*clusterv1.NamedSetting{{Name: "save", Value: "60 1", Live: true}}, a.err
}

func (a *fakeAdmin) ChangeSettings(_ context.Context, settings []*clusterv1.NamedSetting) error {
	a.changed = settings
	return a.err
}

// within bounds a test's call.
func within(t *testing.T, d time.Duration) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), d)
	t.Cleanup(cancel)
	return ctx
}
