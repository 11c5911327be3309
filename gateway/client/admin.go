package client

import (
	"context"
	"errors"
	"fmt"

	"google.golang.org/grpc"
	"google.golang.org/grpc/peer"
	"google.golang.org/grpc/status"

	clusterv1 "github.com/holtcache/holt/proto/holt/cluster/v1"
)

// Admin changes and inspects a cluster through one of its nodes.
type Admin struct {
	addr string
	conn *grpc.ClientConn
	rpc  clusterv1.AdminServiceClient
}

// DialAdmin prepares a connection to the gRPC address of a node. It connects with the first call.
func DialAdmin(addr string, options ...Option) (*Admin, error) {
	conn, err := grpc.NewClient("passthrough:///"+addr, accessOf(options).dialOptions()...)
	if err != nil {
		return nil, fmt.Errorf("gRPC address %s: %w", addr, err)
	}
	return &Admin{addr: addr, conn: conn, rpc: clusterv1.NewAdminServiceClient(conn)}, nil
}

// InitCluster creates a cluster with the node as its first member. Settings that are zero, or are not named, take their defaults.
func (a *Admin) InitCluster(ctx context.Context, expectNodes uint32, settings *clusterv1.Settings, named ...*clusterv1.NamedSetting) (*clusterv1.InitClusterResponse, error) {
	var to peer.Peer
	reply, err := a.rpc.InitCluster(ctx, &clusterv1.InitClusterRequest{ExpectNodes: expectNodes, Settings: settings, Named: named}, grpc.Peer(&to))
	return reply, a.explainChange(err, to)
}

// Status tells how the cluster is doing, as far as the node knows.
func (a *Admin) Status(ctx context.Context) (*clusterv1.GetClusterStatusResponse, error) {
	reply, err := a.rpc.GetClusterStatus(ctx, &clusterv1.GetClusterStatusRequest{})
	return reply, a.explain(err)
}

// Nodes lists the nodes of the cluster.
func (a *Admin) Nodes(ctx context.Context) ([]*clusterv1.NodeStatus, error) {
	reply, err := a.rpc.ListNodes(ctx, &clusterv1.ListNodesRequest{})
	return reply.GetNodes(), a.explain(err)
}

// Shards lists the shards of the cluster.
func (a *Admin) Shards(ctx context.Context) (*clusterv1.ListShardsResponse, error) {
	reply, err := a.rpc.ListShards(ctx, &clusterv1.ListShardsRequest{})
	return reply, a.explain(err)
}

// Digests tells what the replicas on the node that is asked hold: it reads all of it.
func (a *Admin) Digests(ctx context.Context) ([]*clusterv1.ReplicaDigest, error) {
	reply, err := a.rpc.DigestReplicas(ctx, &clusterv1.DigestReplicasRequest{})
	return reply.GetReplicas(), a.explain(err)
}

// Transfer moves the leadership of a shard (0: the meta group) to a node, or with "" to the voter that is furthest.
func (a *Admin) Transfer(ctx context.Context, shard uint64, to string) (*clusterv1.TransferLeadershipResponse, error) {
	var there peer.Peer
	reply, err := a.rpc.TransferLeadership(ctx, &clusterv1.TransferLeadershipRequest{ShardId: shard, ToNodeId: to}, grpc.Peer(&there))
	return reply, a.explainChange(err, there)
}

// Settings lists what holds for the whole cluster.
func (a *Admin) Settings(ctx context.Context) ([]*clusterv1.NamedSetting, error) {
	reply, err := a.rpc.ListSettings(ctx, &clusterv1.ListSettingsRequest{})
	return reply.GetSettings(), a.explain(err)
}

// ChangeSettings changes settings of the whole cluster, all or none.
func (a *Admin) ChangeSettings(ctx context.Context, settings ...*clusterv1.NamedSetting) error {
	var there peer.Peer
	_, err := a.rpc.ChangeSettings(ctx, &clusterv1.ChangeSettingsRequest{Settings: settings}, grpc.Peer(&there))
	return a.explainChange(err, there)
}

// RemoveNode takes the steps that can be taken now towards taking a node out of the cluster, and tells what is left: it is
// called until the node is removed. force takes one out that does not answer, cancel keeps it after all.
func (a *Admin) RemoveNode(ctx context.Context, node string, force, cancel bool) (*clusterv1.RemoveNodeResponse, error) {
	var there peer.Peer
	reply, err := a.rpc.RemoveNode(ctx, &clusterv1.RemoveNodeRequest{NodeId: node, Force: force, Cancel: cancel}, grpc.Peer(&there))
	return reply, a.explainChange(err, there)
}

// AcceptDataLoss lists the replicas of the node that neither vote nor campaign and, unless it is a dry run, ends that.
func (a *Admin) AcceptDataLoss(ctx context.Context, dryRun bool) (*clusterv1.AcceptDataLossResponse, error) {
	var to peer.Peer
	reply, err := a.rpc.AcceptDataLoss(ctx, &clusterv1.AcceptDataLossRequest{DryRun: dryRun}, grpc.Peer(&to))
	return reply, a.explainChange(err, to)
}

// StartMigrations begins to hand slots over to other shards, all of it or none.
func (a *Admin) StartMigrations(ctx context.Context, moves ...*clusterv1.SlotMove) ([]uint64, error) {
	var there peer.Peer
	reply, err := a.rpc.StartMigrations(ctx, &clusterv1.StartMigrationsRequest{Moves: moves}, grpc.Peer(&there))
	return reply.GetMigrationIds(), a.explainChange(err, there)
}

// Migrations lists the migrations that run and those that ended last, and the rebalance that runs.
func (a *Admin) Migrations(ctx context.Context) (*clusterv1.ListMigrationsResponse, error) {
	reply, err := a.rpc.ListMigrations(ctx, &clusterv1.ListMigrationsRequest{})
	return reply, a.explain(err)
}

// CancelMigration aborts a migration that is not decided yet, or with 0 all of them, and stops a rebalance.
func (a *Admin) CancelMigration(ctx context.Context, id uint64) (*clusterv1.CancelMigrationResponse, error) {
	var there peer.Peer
	reply, err := a.rpc.CancelMigration(ctx, &clusterv1.CancelMigrationRequest{MigrationId: id}, grpc.Peer(&there))
	return reply, a.explainChange(err, there)
}

// EndLostMigration notes the end of a migration in place of a shard that is lost.
func (a *Admin) EndLostMigration(ctx context.Context, id, lost uint64) error {
	var there peer.Peer
	_, err := a.rpc.EndLostMigration(ctx, &clusterv1.EndLostMigrationRequest{MigrationId: id, LostShardId: lost}, grpc.Peer(&there))
	return a.explainChange(err, there)
}

// PlanRebalance tells what a rebalance would do.
func (a *Admin) PlanRebalance(ctx context.Context, goal *clusterv1.RebalanceGoal) (*clusterv1.PlanRebalanceResponse, error) {
	reply, err := a.rpc.PlanRebalance(ctx, &clusterv1.PlanRebalanceRequest{Goal: goal})
	return reply, a.explain(err)
}

// StartRebalance has the cluster rebalanced, which goes on by itself.
func (a *Admin) StartRebalance(ctx context.Context, goal *clusterv1.RebalanceGoal) error {
	var there peer.Peer
	_, err := a.rpc.StartRebalance(ctx, &clusterv1.StartRebalanceRequest{Goal: goal}, grpc.Peer(&there))
	return a.explainChange(err, there)
}

// explain is a server's error without the decoration of gRPC. Whether a change may have taken effect is in the text.
func (a *Admin) explain(err error) error {
	if err == nil {
		return nil
	}
	if st, ok := status.FromError(err); ok {
		if len(st.Details()) == 0 {
			return fmt.Errorf("node at %s: %s: %s; is the address that of a node's gRPC port?", a.addr, st.Code(), st.Message())
		}
		return errors.New(st.Message())
	}
	return err
}

// explainChange is explain for a call that changes something: where the node gave no answer of its own, the text tells
// whether the call had been given a connection, and so may have had its effect.
func (a *Admin) explainChange(err error, to peer.Peer) error {
	explained := a.explain(err)
	st, ok := status.FromError(err)
	switch {
	case err == nil, !ok, len(st.Details()) > 0:
		return explained
	case to.Addr == nil:
		return fmt.Errorf("%w; nothing was changed", explained)
	}
	return fmt.Errorf("%w; outcome unknown, look at holt cluster status before you repeat it", explained)
}

// Close ends the connection.
func (a *Admin) Close() error { return a.conn.Close() }
