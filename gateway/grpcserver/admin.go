package grpcserver

import (
	"context"
	"encoding/hex"

	cachev1 "github.com/holtcache/holt/proto/holt/cache/v1"
	clusterv1 "github.com/holtcache/holt/proto/holt/cluster/v1"
	"github.com/holtcache/holt/proto/slot"
)

// Admin is what AdminService asks of the node. Its errors are *apierr.Error, or a status with an ErrorDetail that
// another node has answered. What it returns is not changed.
type Admin interface {
	// InitCluster creates a cluster with this node as its first member and returns the settings with their defaults
	// filled in. settings is never nil; what is 0 in it stands for the default.
	InitCluster(ctx context.Context, expectNodes int, settings *clusterv1.Settings, named []*clusterv1.NamedSetting) (clusterID string, filled *clusterv1.Settings, err error)
	// Status tells how the cluster as a whole is doing.
	Status(ctx context.Context) (*clusterv1.GetClusterStatusResponse, error)
	// Nodes lists the members in the order of their ids.
	Nodes(ctx context.Context) ([]*clusterv1.NodeStatus, error)
	// Shards lists the shards in the order of their ids, and the epoch of the slot map that this is about.
	Shards(ctx context.Context) (epoch uint64, shards []*clusterv1.ShardStatus, err error)
	// Digests tells what the replicas on this node hold, in the order of their shards.
	Digests() ([]*clusterv1.ReplicaDigest, error)
	// TransferLeadership moves the leadership of a shard, of the meta group where it is 0; to is a node id, or empty for
	// the voter whose log is longest.
	TransferLeadership(ctx context.Context, shard slot.ShardID, to string) (leader string, term uint64, err error)
	// Settings lists the settings of the cluster in the order of their names.
	Settings(ctx context.Context) ([]*clusterv1.NamedSetting, error)
	// ChangeSettings changes settings of the cluster, all or none, and returns when that is committed.
	ChangeSettings(ctx context.Context, settings []*clusterv1.NamedSetting) error
	// RemoveNode takes the steps that can be taken now towards taking a node out of the cluster, or with cancel back, and tells
	// what is left to do.
	RemoveNode(ctx context.Context, node string, force, cancel bool) (*clusterv1.RemoveNodeResponse, error)
	// StartMigrations begins to hand slots over to other shards, all of it or none, and returns the ids of the migrations.
	StartMigrations(ctx context.Context, moves []*clusterv1.SlotMove) (ids []uint64, err error)
	// Migrations lists the migrations that have not ended, with their progress, and those that ended last.
	Migrations(ctx context.Context) (*clusterv1.ListMigrationsResponse, error)
	// CancelMigration aborts a migration that is not decided yet, or with 0 all of them, and stops a rebalance.
	CancelMigration(ctx context.Context, id uint64) (*clusterv1.CancelMigrationResponse, error)
	// EndLostMigration notes the end of a decided migration in place of a shard that is lost.
	EndLostMigration(ctx context.Context, id uint64, lost slot.ShardID) error
	// PlanRebalance tells what a rebalance would do, and StartRebalance has it done. goal is never nil.
	PlanRebalance(ctx context.Context, goal *clusterv1.RebalanceGoal) (*clusterv1.PlanRebalanceResponse, error)
	StartRebalance(ctx context.Context, goal *clusterv1.RebalanceGoal) error
	// AcceptDataLoss lists this node's replicas that are guarded and, unless it is a dry run, ends that.
	AcceptDataLoss(ctx context.Context, dryRun bool) (node string, guarded []*clusterv1.GuardedReplica, err error)
	// Users lists the users in the order of their names. The list belongs to the caller.
	Users(ctx context.Context) (users []*clusterv1.User, epoch uint64, err error)
	// SetUser applies rules to a user, or makes one, all of them or none, and returns when this node goes by that.
	SetUser(ctx context.Context, name string, rules []string) (*clusterv1.User, error)
	// DeleteUser takes a user out and tells whether there was one.
	DeleteUser(ctx context.Context, name string) (deleted bool, err error)
	// ReloadGossipKeys reads this node's gossip keys again and returns the fingerprints of those that are in force.
	ReloadGossipKeys(ctx context.Context) (node string, fingerprints []string, err error)
}

// adminService is AdminService.
type adminService struct {
	clusterv1.UnimplementedAdminServiceServer
	s *Server
}

var _ clusterv1.AdminServiceServer = (*adminService)(nil)

const (
	// expectNodesMax is far beyond what gossip and one meta group are made for.
	expectNodesMax = 1000
	// nodeIDDigits is the length of a node id.
	nodeIDDigits = 40
)

// InitCluster creates a cluster.
func (a *adminService) InitCluster(ctx context.Context, r *clusterv1.InitClusterRequest) (*clusterv1.InitClusterResponse, error) {
	if n := r.GetExpectNodes(); n < 1 || n > expectNodesMax {
		return nil, invalid("expect_nodes: must be 1 to %d, not %d", expectNodesMax, n)
	}
	settings := r.GetSettings()
	if settings == nil {
		settings = &clusterv1.Settings{}
	}
	if err := checkSettings(settings); err != nil {
		return nil, err
	}
	if err := checkNamed("named", r.GetNamed()); err != nil {
		return nil, err
	}
	id, filled, err := a.s.cfg.Admin.InitCluster(ctx, int(r.GetExpectNodes()), settings, r.GetNamed())
	if err != nil {
		return nil, err
	}
	return &clusterv1.InitClusterResponse{ClusterId: id, Settings: filled}, nil
}

// checkSettings refuses what no cluster could have. What depends on the nodes is for Admin to judge.
func checkSettings(s *clusterv1.Settings) error {
	if s.GetShards() > slot.Count {
		return invalid("settings.shards: %d is more than there are slots (%d)", s.GetShards(), slot.Count)
	}
	switch s.GetDefaultAckMode() {
	case cachev1.AckMode_ACK_MODE_UNSPECIFIED, cachev1.AckMode_ACK_MODE_MAJORITY, cachev1.AckMode_ACK_MODE_ASYNC:
	default:
		return invalid("settings.default_ack_mode: %d is not known to this server", s.GetDefaultAckMode())
	}
	switch s.GetDefaultReadMode() {
	case cachev1.ReadMode_READ_MODE_UNSPECIFIED, cachev1.ReadMode_READ_MODE_LEASE, cachev1.ReadMode_READ_MODE_INDEX:
		return nil
	}
	return invalid("settings.default_read_mode: must be LEASE or INDEX; a client that wants stale reads says so")
}

// GetClusterStatus tells how the cluster as a whole is doing.
func (a *adminService) GetClusterStatus(ctx context.Context, _ *clusterv1.GetClusterStatusRequest) (*clusterv1.GetClusterStatusResponse, error) {
	return a.s.cfg.Admin.Status(ctx)
}

// ListNodes lists the members of the cluster.
func (a *adminService) ListNodes(ctx context.Context, _ *clusterv1.ListNodesRequest) (*clusterv1.ListNodesResponse, error) {
	nodes, err := a.s.cfg.Admin.Nodes(ctx)
	if err != nil {
		return nil, err
	}
	return &clusterv1.ListNodesResponse{Nodes: nodes}, nil
}

// ListShards lists the shards with their replicas.
func (a *adminService) ListShards(ctx context.Context, _ *clusterv1.ListShardsRequest) (*clusterv1.ListShardsResponse, error) {
	epoch, shards, err := a.s.cfg.Admin.Shards(ctx)
	if err != nil {
		return nil, err
	}
	return &clusterv1.ListShardsResponse{Epoch: epoch, Shards: shards}, nil
}

// DigestReplicas computes the digests of the replicas on this node.
func (a *adminService) DigestReplicas(context.Context, *clusterv1.DigestReplicasRequest) (*clusterv1.DigestReplicasResponse, error) {
	replicas, err := a.s.cfg.Admin.Digests()
	if err != nil {
		return nil, err
	}
	return &clusterv1.DigestReplicasResponse{Replicas: replicas}, nil
}

// TransferLeadership moves the leadership of a shard.
func (a *adminService) TransferLeadership(ctx context.Context, r *clusterv1.TransferLeadershipRequest) (*clusterv1.TransferLeadershipResponse, error) {
	if to := r.GetToNodeId(); to != "" && !isNodeID(to) {
		return nil, invalid("to_node_id: %q is not a node id, which has %d hexadecimal digits", to, nodeIDDigits)
	}
	leader, term, err := a.s.cfg.Admin.TransferLeadership(ctx, slot.ShardID(r.GetShardId()), r.GetToNodeId())
	if err != nil {
		return nil, err
	}
	return &clusterv1.TransferLeadershipResponse{LeaderNodeId: leader, Term: term}, nil
}

// ListSettings lists what holds for the whole cluster.
func (a *adminService) ListSettings(ctx context.Context, _ *clusterv1.ListSettingsRequest) (*clusterv1.ListSettingsResponse, error) {
	settings, err := a.s.cfg.Admin.Settings(ctx)
	if err != nil {
		return nil, err
	}
	return &clusterv1.ListSettingsResponse{Settings: settings}, nil
}

// settingsMax is far beyond the settings that there are.
const settingsMax = 64

// ChangeSettings changes settings of the whole cluster.
func (a *adminService) ChangeSettings(ctx context.Context, r *clusterv1.ChangeSettingsRequest) (*clusterv1.ChangeSettingsResponse, error) {
	settings := r.GetSettings()
	if len(settings) < 1 {
		return nil, invalid("settings: give at least 1")
	}
	if err := checkNamed("settings", settings); err != nil {
		return nil, err
	}
	if err := a.s.cfg.Admin.ChangeSettings(ctx, settings); err != nil {
		return nil, err
	}
	return &clusterv1.ChangeSettingsResponse{}, nil
}

// checkNamed refuses settings that are too many, or of which one has no name or stands there twice.
func checkNamed(field string, settings []*clusterv1.NamedSetting) error {
	if len(settings) > settingsMax {
		return invalid("%s: give at most %d, not %d", field, settingsMax, len(settings))
	}
	named := map[string]bool{}
	for i, s := range settings {
		if s.GetName() == "" || named[s.GetName()] {
			return invalid("%s[%d]: %.100q is no name, or stands there twice", field, i, s.GetName())
		}
		named[s.GetName()] = true
	}
	return nil
}

// RemoveNode takes a node out of the cluster.
func (a *adminService) RemoveNode(ctx context.Context, r *clusterv1.RemoveNodeRequest) (*clusterv1.RemoveNodeResponse, error) {
	if !isNodeID(r.GetNodeId()) {
		return nil, invalid("node_id: %.100q is not a node id, which has %d hexadecimal digits", r.GetNodeId(), nodeIDDigits)
	}
	if r.GetForce() && r.GetCancel() {
		return nil, invalid("force, cancel: only one of them can be set")
	}
	return a.s.cfg.Admin.RemoveNode(ctx, r.GetNodeId(), r.GetForce(), r.GetCancel())
}

// AcceptDataLoss ends the amnesia guard of this node.
func (a *adminService) AcceptDataLoss(ctx context.Context, r *clusterv1.AcceptDataLossRequest) (*clusterv1.AcceptDataLossResponse, error) {
	node, guarded, err := a.s.cfg.Admin.AcceptDataLoss(ctx, r.GetDryRun())
	if err != nil {
		return nil, err
	}
	return &clusterv1.AcceptDataLossResponse{NodeId: node, Replicas: guarded}, nil
}

func isNodeID(id string) bool {
	_, err := hex.DecodeString(id)
	return err == nil && len(id) == nodeIDDigits
}
