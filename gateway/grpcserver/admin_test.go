package grpcserver

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"google.golang.org/grpc/codes"

	"github.com/holtcache/holt/proto/apierr"
	cachev1 "github.com/holtcache/holt/proto/holt/cache/v1"
	clusterv1 "github.com/holtcache/holt/proto/holt/cluster/v1"
)

func TestAdminCallsReachTheNodeAndComeBack(t *testing.T) {
	n := start(t, 1, Limits{})[0]
	ctx := within(t, testTime)
	created := must[*clusterv1.InitClusterResponse](t)(n.adminClient.InitCluster(ctx, &clusterv1.InitClusterRequest{ExpectNodes: 3}))
	if created.ClusterId != "new" || created.Settings.GetReplicas() != 3 || n.admin.expectNodes != 3 || n.admin.settings == nil {
		t.Errorf("init: %v, asked %+v", created, n.admin)
	}
	if got := must[*clusterv1.GetClusterStatusResponse](t)(n.adminClient.GetClusterStatus(ctx, nil)); got.NodeId != nodeID(0) {
		t.Errorf("status: %v", got)
	}
	if got := must[*clusterv1.ListNodesResponse](t)(n.adminClient.ListNodes(ctx, nil)); len(got.Nodes) != 1 || got.Nodes[0].Version != "v" {
		t.Errorf("nodes: %v", got)
	}
	if got := must[*clusterv1.ListShardsResponse](t)(n.adminClient.ListShards(ctx, nil)); got.Epoch != 7 || got.Shards[0].PreferredLeaderNodeId != "p" {
		t.Errorf("shards: %v", got)
	}
	if got := must[*clusterv1.DigestReplicasResponse](t)(n.adminClient.DigestReplicas(ctx, nil)); len(got.Replicas) != 1 || got.Replicas[0].Digest != 5 {
		t.Errorf("digests: %v", got)
	}
	moved := must[*clusterv1.TransferLeadershipResponse](t)(n.adminClient.TransferLeadership(ctx, &clusterv1.TransferLeadershipRequest{ShardId: 2, ToNodeId: nodeID(1)}))
	if moved.LeaderNodeId != nodeID(1) || moved.Term != 9 || n.admin.transferred != 2 || n.admin.to != nodeID(1) {
		t.Errorf("transfer: %v, asked %+v", moved, n.admin)
	}
	if got := must[*clusterv1.ListSettingsResponse](t)(n.adminClient.ListSettings(ctx, nil)); len(got.Settings) != 1 || got.Settings[0].Value != "60 1" {
		t.Errorf("settings: %v", got)
	}
	must[*clusterv1.ChangeSettingsResponse](t)(n.adminClient.ChangeSettings(ctx, changeOf("save", "maxmemory-policy")))
	if len(n.admin.changed) != 2 || n.admin.changed[1].Name != "maxmemory-policy" {
		t.Errorf("change of settings: asked %+v", n.admin)
	}
	left := must[*clusterv1.RemoveNodeResponse](t)(n.adminClient.RemoveNode(ctx, &clusterv1.RemoveNodeRequest{NodeId: nodeID(1), Force: true}))
	if want := nodeID(1) + " true false"; left.Replicas != 2 || n.admin.removed != want {
		t.Errorf("removal of a node: %v, asked %q, want %q", left, n.admin.removed, want)
	}
	for _, dry := range []bool{true, false} {
		got := must[*clusterv1.AcceptDataLossResponse](t)(n.adminClient.AcceptDataLoss(ctx, &clusterv1.AcceptDataLossRequest{DryRun: dry}))
		if got.NodeId != nodeID(1) || len(got.Replicas) != 1 || got.Replicas[0].Reason != fmt.Sprint("dry run: ", dry) {
			t.Errorf("accept data loss: %v", got)
		}
	}
}

func changeOf(names ...string) *clusterv1.ChangeSettingsRequest {
	r := &clusterv1.ChangeSettingsRequest{}
	for _, name := range names {
		r.Settings = append(r.Settings, &clusterv1.NamedSetting{Name: name, Value: "1"})
	}
	return r
}

func TestAdminRefusesArgumentsThatNoClusterTakes(t *testing.T) {
	n := start(t, 1, Limits{})[0]
	ctx := within(t, testTime)
	for name, r := range map[string]*clusterv1.InitClusterRequest{
		"0 nodes":         {},
		"too many nodes":  {ExpectNodes: 1001},
		"too many shards": {ExpectNodes: 1, Settings: &clusterv1.Settings{Shards: 16385}},
		"ack mode 9":      {ExpectNodes: 1, Settings: &clusterv1.Settings{DefaultAckMode: 9}},
		"stale reads":     {ExpectNodes: 1, Settings: &clusterv1.Settings{DefaultReadMode: cachev1.ReadMode_READ_MODE_STALE}},
		"no name":         {ExpectNodes: 1, Named: changeOf("").Settings},
		"a name twice":    {ExpectNodes: 1, Named: changeOf("a", "b", "a").Settings},
		"too many names":  {ExpectNodes: 1, Named: changeOf(make([]string, 65)...).Settings},
		"read mode 9":     {ExpectNodes: 1, Settings: &clusterv1.Settings{DefaultReadMode: 9}},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := n.adminClient.InitCluster(ctx, r)
			expect(t, err, codes.InvalidArgument, "invalid", notApplied)
		})
	}
	for _, to := range []string{"node-1", nodeID(0)[1:], nodeID(0) + "0", strings.Repeat("g", 40)} {
		_, err := n.adminClient.TransferLeadership(ctx, &clusterv1.TransferLeadershipRequest{ToNodeId: to})
		expect(t, err, codes.InvalidArgument, "invalid", notApplied)
	}
	for name, r := range map[string]*clusterv1.RemoveNodeRequest{
		"no node": {}, "no id": {NodeId: "node-1"}, "force and cancel": {NodeId: nodeID(1), Force: true, Cancel: true},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := n.adminClient.RemoveNode(ctx, r)
			expect(t, err, codes.InvalidArgument, "invalid", notApplied)
		})
	}
	for name, r := range map[string]*clusterv1.ChangeSettingsRequest{
		"no setting": {}, "no name": changeOf(""), "a name twice": changeOf("a", "b", "a"), "too many": changeOf(make([]string, 65)...),
	} {
		t.Run(name, func(t *testing.T) {
			_, err := n.adminClient.ChangeSettings(ctx, r)
			expect(t, err, codes.InvalidArgument, "invalid", notApplied)
		})
	}
	if n.admin.expectNodes != 0 || n.admin.to != "" || n.admin.changed != nil || n.admin.removed != "" {
		t.Errorf("the node was asked: %+v", n.admin)
	}
}

func TestErrorsOfTheNodeKeepTheirKind(t *testing.T) {
	n := start(t, 1, Limits{})[0]
	ctx := within(t, testTime)
	calls := []func() error{
		func() error {
			_, err := n.adminClient.InitCluster(ctx, &clusterv1.InitClusterRequest{ExpectNodes: 1})
			return err
		},
		func() error { _, err := n.adminClient.GetClusterStatus(ctx, nil); return err },
		func() error { _, err := n.adminClient.ListNodes(ctx, nil); return err },
		func() error { _, err := n.adminClient.ListShards(ctx, nil); return err },
		func() error { _, err := n.adminClient.DigestReplicas(ctx, nil); return err },
		func() error { _, err := n.adminClient.TransferLeadership(ctx, nil); return err },
		func() error { _, err := n.adminClient.ListSettings(ctx, nil); return err },
		func() error { _, err := n.adminClient.ChangeSettings(ctx, changeOf("a")); return err },
	}
	for _, call := range calls {
		n.admin.err = apierr.New(apierr.KindExists, "this node belongs to a cluster already")
		expect(t, call(), codes.AlreadyExists, "exists", notApplied)
		n.admin.err = callErrorOfAnotherNode()
		expect(t, call(), codes.FailedPrecondition, "not-leader", notApplied)
		n.admin.err = errors.New("disk on fire")
		expect(t, call(), codes.Internal, "internal", unknown)
	}
}

// callErrorOfAnotherNode is an error as it comes back from a call to another node.
func callErrorOfAnotherNode() error {
	return (&failure{err: apierr.New(apierr.KindNotLeader, "shard 0: not the leader; not applied, retry there")}).GRPCStatus().Err()
}
