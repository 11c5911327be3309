package host

import (
	"context"
	"errors"
	"log/slog"
	"maps"
	"slices"
	"testing"

	"github.com/holtcache/holt/proto/slot"
	"github.com/holtcache/holt/raftfsm/meta"

	storagev1 "github.com/holtcache/holt/proto/holt/storage/v1"
	"github.com/holtcache/holt/shard"
	"github.com/holtcache/holt/shard/gossip"
	"github.com/holtcache/holt/shard/migration"
	"github.com/holtcache/holt/shard/placement"
)

// rumours is gossip that says what a test tells it.
type rumours struct {
	nodes   map[string]gossip.Node
	leaders map[uint64]gossip.Leader
}

var _ Gossip = (*rumours)(nil)

func (r *rumours) Nodes() []gossip.Node                    { return slices.Collect(maps.Values(r.nodes)) }
func (r *rumours) AnnounceLeader(gossip.Leader)            {}
func (r *rumours) Leaders() map[uint64]gossip.Leader       { return r.leaders }
func (r *rumours) AnnounceEpoch(uint64)                    {}
func (r *rumours) Watch() (<-chan struct{}, func())        { return make(chan struct{}), func() {} }
func (r *rumours) Node(id string) (n gossip.Node, ok bool) { n, ok = r.nodes[id]; return n, ok }

// others are nodes that answer as a test says. A question that is not set is not expected.
type others struct {
	t       *testing.T
	propose func(ctx context.Context, node string) (meta.Result, error)
	read    func(ctx context.Context, node string) ([]byte, error)
	replica func(ctx context.Context, node string, id slot.ShardID) (ReplicaStatus, error)
	version func(ctx context.Context, node string) (uint32, error)
	watch   func(ctx context.Context, node string, got func([]byte) error) error
}

var _ Nodes = (*others)(nil)

func (o *others) Propose(ctx context.Context, node string, _ []byte) (meta.Result, error) {
	return o.propose(ctx, node)
}

func (o *others) CommandVersion(ctx context.Context, node string) (uint32, error) {
	if o.version == nil {
		o.t.Error("nobody was to be asked for a version")
		return 0, nil
	}
	return o.version(ctx, node)
}

func (o *others) ReadMeta(ctx context.Context, node string, latest bool) ([]byte, error) {
	if !latest {
		o.t.Error("an old state was asked for")
	}
	return o.read(ctx, node)
}

func (o *others) WatchMeta(ctx context.Context, node string, _ uint64, got func([]byte) error) error {
	return o.watch(ctx, node, got)
}

func (o *others) Transfer(context.Context, string, slot.ShardID, uint64, string) error {
	o.t.Error("nobody was to transfer anything")
	return nil
}

func (o *others) Replica(ctx context.Context, node string, id slot.ShardID) (ReplicaStatus, error) {
	if o.replica == nil {
		o.t.Error("nobody was to ask for a replica")
		return ReplicaStatus{}, nil
	}
	return o.replica(ctx, node, id)
}

func (o *others) ChangeMembers(context.Context, string, slot.ShardID, uint64, placement.MemberChange) error {
	o.t.Error("nobody was to change members")
	return nil
}

func (o *others) SlotUsage(context.Context, string, slot.ShardID) (placement.SlotUsage, error) {
	o.t.Error("nobody was to measure anything")
	return placement.SlotUsage{}, nil
}

func (o *others) Carry(context.Context, string, migration.Open) (migration.Stream, error) {
	o.t.Error("nobody was to carry anything")
	return nil, errors.New("nobody is there")
}

// outsider is the host of a node that is no member of the meta group and has no replica open: what decides, without Raft.
func outsider(t *testing.T, o *others) (*Host, *rumours) {
	t.Helper()
	if o == nil {
		o = &others{}
	}
	o.t = t
	r := &rumours{nodes: map[string]gossip.Node{}, leaders: map[uint64]gossip.Leader{}}
	h := &Host{
		cfg: Config{
			Folder: openFolder(t, t.TempDir()), Self: nodeForTest("self", 1), Gossip: r, Nodes: o, Book: NewBook(),
			Logger: slog.New(slog.DiscardHandler),
		},
		replicas: map[slot.ShardID]*shard.Replica{}, failed: map[slot.ShardID]string{}, unclosed: map[slot.ShardID]error{},
		changed: make(chan struct{}), wake: make(chan struct{}, 1),
	}
	h.ctx, h.cancel = context.WithCancel(t.Context())
	t.Cleanup(h.cancel)
	return h, r
}

// clusterOf is the state of a cluster: its nodes, the first of which is the meta group's only voter.
func clusterOf(t *testing.T, ids ...string) *meta.Machine {
	t.Helper()
	m := meta.New()
	settings := meta.DefaultSettings()
	settings.ExpectNodes = len(ids)
	register := func(id string) *storagev1.RegisterNode {
		n := nodeForTest(id, 1)
		return &storagev1.RegisterNode{Id: n.ID, StartCount: 1, Addresses: n.Addresses.Proto()}
	}
	apply(t, m, &storagev1.MetaCommand{Command: &storagev1.MetaCommand_InitCluster{InitCluster: &storagev1.InitCluster{
		ClusterId: "c1", CreatedMs: 1, FirstNode: register(ids[0]), Settings: settings.Proto(),
	}}})
	for _, id := range ids[1:] {
		apply(t, m, &storagev1.MetaCommand{Command: &storagev1.MetaCommand_RegisterNode{RegisterNode: register(id)}})
	}
	return m
}

func apply(t *testing.T, m *meta.Machine, c *storagev1.MetaCommand) {
	t.Helper()
	must(t, m.Apply(m.State().Applied()+1, meta.Encode(c)).Err)
}

// withShard adds one shard of all slots, formed or not.
func withShard(t *testing.T, m *meta.Machine, phase meta.ShardPhase, replicas ...string) *meta.Machine {
	t.Helper()
	apply(t, m, &storagev1.MetaCommand{Command: &storagev1.MetaCommand_CreateShards{CreateShards: &storagev1.CreateShards{
		ExpectedEpoch: m.State().Epoch(),
		Shards: []*storagev1.NewShard{{
			Ranges: meta.RangesProto([]slot.Range{{First: 0, Last: slot.Count - 1}}), Replicas: replicas, PreferredLeader: replicas[0],
		}},
	}}})
	if phase == meta.ShardFormed {
		apply(t, m, &storagev1.MetaCommand{Command: &storagev1.MetaCommand_ReportFormed{ReportFormed: &storagev1.ReportFormed{Shard: 1, Incarnation: 3}}})
	}
	return m
}
