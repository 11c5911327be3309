package node

import (
	"cmp"
	"context"
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/holtcache/holt/gateway/grpcserver"
	"github.com/holtcache/holt/gateway/router"
	"github.com/holtcache/holt/proto/apierr"
	clusterv1 "github.com/holtcache/holt/proto/holt/cluster/v1"
	storagev1 "github.com/holtcache/holt/proto/holt/storage/v1"
	"github.com/holtcache/holt/proto/slot"
	"github.com/holtcache/holt/raftfsm/meta"
	"github.com/holtcache/holt/shard"
	"github.com/holtcache/holt/shard/host"
	"github.com/holtcache/holt/shard/placement"
)

// admin does what AdminService asks of this node.
type admin struct{ n *Node }

var _ grpcserver.Admin = admin{}

// initMax bounds how long the first member waits until the cluster exists.
const initMax = 20 * time.Second

// InitCluster creates a cluster with this node as its first member.
func (a admin) InitCluster(ctx context.Context, expectNodes int, wanted *clusterv1.Settings, named []*clusterv1.NamedSetting) (string, *clusterv1.Settings, error) {
	settings := settingsOf(wanted)
	settings.ExpectNodes = expectNodes
	settings.AppendFsync = cmp.Or(a.n.cfg.AppendFsync, settings.AppendFsync)
	settings, err := withNamed(settings, named)
	if err != nil {
		return "", nil, err
	}
	if settings.Replicas != 0 {
		if err := placement.CheckReplicas(settings.Replicas, expectNodes); err != nil {
			return "", nil, apierr.New(apierr.KindInvalid, "%w", err)
		}
	}
	if err := settings.Check(); err != nil {
		return "", nil, err
	}
	id, err := a.found(settings)
	if err != nil {
		return "", nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, initMax)
	defer cancel()
	for {
		h := a.n.host.Load()
		changed := h.Changed()
		if state := h.State(); state.Initialized() {
			return id, settingsProto(state.Settings()), nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return "", nil, apierr.New(apierr.KindUnknownOutcome, "the cluster %s has begun and is not ready yet; watch holt cluster status", id)
		}
	}
}

// withNamed is settings with those that are given by name.
func withNamed(settings meta.Settings, named []*clusterv1.NamedSetting) (meta.Settings, error) {
	for _, s := range named {
		if live, known := meta.LiveSetting(s.Name); known && !live {
			return settings, apierr.New(apierr.KindInvalid, "setting %s is not given by its name; not applied, it has a field of its own", s.Name)
		}
		command, err := meta.ParseSetting(s.Name, s.Value)
		if err == nil {
			settings, err = settings.With(command.GetChangeSetting())
		}
		if err != nil {
			return settings, err
		}
	}
	return settings, nil
}

// found makes this node the first of a new cluster.
func (a admin) found(settings meta.Settings) (string, error) {
	a.n.begin.Lock()
	defer a.n.begin.Unlock()
	if old := a.n.folder.ClusterID(); old != "" {
		return "", apierr.New(apierr.KindExists, "this node belongs to cluster %s already; nothing was changed", old)
	}
	random := make([]byte, 20)
	if _, err := rand.Read(random); err != nil {
		return "", fmt.Errorf("make a random id: %w", err)
	}
	id := hex.EncodeToString(random)
	if err := a.n.folder.Belong(id, settings.Proto(), true); err != nil {
		return "", err
	}
	if err := a.n.openHost(a.n.ctx); err != nil {
		return "", apierr.New(apierr.KindUnknownOutcome, "cluster %s has begun and this node could not open it: %w; start the node again, it goes on by itself", id, err)
	}
	return id, nil
}

func (a admin) host() (*host.Host, error) {
	if h := a.n.host.Load(); h != nil {
		return h, nil
	}
	if err := a.loading(); err != nil {
		return nil, err
	}
	return nil, apierr.New(apierr.KindClusterDown, "this node belongs to no cluster yet: run holt cluster init at one node, or start this one with --join")
}

// latest is the host with a state that holds everything committed before the call.
func (a admin) latest(ctx context.Context) (*host.Host, *meta.State, error) {
	h, err := a.host()
	if err != nil {
		return nil, nil, err
	}
	state, err := h.Latest(ctx)
	return h, state, err
}

// loading is an error while this node knows nothing of its cluster because it is reading its log.
func (a admin) loading() error {
	if !a.n.load.active.Load() || a.n.host.Load() != nil {
		return nil
	}
	return apierr.New(apierr.KindLoading, "this node is loading its data (%.1f%%); nothing was changed, retry, or ask another node", a.n.folder.Loading().Stats().Percent())
}

// Status tells how the cluster is doing, as far as this node knows.
func (a admin) Status(ctx context.Context) (*clusterv1.GetClusterStatusResponse, error) {
	reply := &clusterv1.GetClusterStatusResponse{NodeId: a.n.folder.NodeID(), Phase: clusterv1.ClusterPhase_CLUSTER_PHASE_UNINITIALIZED}
	if err := a.loading(); err != nil {
		return nil, err
	}
	h := a.n.host.Load()
	if h == nil || !h.State().Initialized() {
		return reply, nil
	}
	state, view, leaders := h.State(), a.n.cluster.View(), h.Leaders(h.State().Shards())
	reply.ClusterId, reply.Epoch, reply.Settings = state.ClusterID(), state.Epoch(), settingsProto(state.Settings())
	reply.NodesExpected, reply.NodesJoined, reply.Shards = uint32(state.Settings().ExpectNodes), uint32(len(state.Nodes())), uint32(len(state.Shards()))
	reply.MetaVoterNodeIds, reply.MetaLeaderNodeId = state.MetaVoters(), h.MetaLeader()
	for _, n := range view.Nodes {
		if n.State == router.NodeAlive {
			reply.NodesAlive++
		}
	}
	creating := false
	for _, s := range state.Shards() {
		if s.Phase == meta.ShardCreating {
			creating = true
			continue
		}
		if leaders[s.ID].Node != "" {
			for _, r := range s.Ranges {
				reply.SlotsServed += uint32(r.Len())
			}
		}
	}
	reply.Waiting = a.waiting(ctx, h)
	switch {
	case len(state.Shards()) == 0:
		reply.Phase = clusterv1.ClusterPhase_CLUSTER_PHASE_WAITING_FOR_NODES
	case creating:
		reply.Phase = clusterv1.ClusterPhase_CLUSTER_PHASE_CREATING_SHARDS
	default:
		reply.Phase = clusterv1.ClusterPhase_CLUSTER_PHASE_RUNNING
	}
	return reply, nil
}

// Nodes lists the members.
func (a admin) Nodes(context.Context) ([]*clusterv1.NodeStatus, error) {
	h, err := a.host()
	if err != nil {
		return nil, err
	}
	state := h.State()
	var list []*clusterv1.NodeStatus
	for _, n := range a.n.cluster.View().Nodes {
		known, _ := state.Node(n.ID)
		status := &clusterv1.NodeStatus{
			Node: &clusterv1.Node{
				Id: n.ID, Health: clusterv1.NodeHealth(n.State) + clusterv1.NodeHealth_NODE_HEALTH_ALIVE,
				Addresses: &clusterv1.Addresses{Resp: n.RESP, Grpc: n.GRPC, Cluster: n.Cluster, Gossip: n.Gossip, Http: n.HTTP},
			},
			StartCount: known.StartCount, Version: known.Version, Zone: known.Zone, Draining: known.Draining,
			MetaVoter: slices.Contains(state.MetaVoters(), n.ID),
		}
		for _, s := range a.n.cluster.View().Shards {
			for _, replica := range s.Replicas {
				if replica == n.ID {
					status.Replicas++
				}
			}
			if s.Leader == n.ID {
				status.ShardsLed++
			}
		}
		list = append(list, status)
	}
	return list, nil
}

// askMax bounds how long one replica is waited for in a list of all.
const askMax = time.Second

// Shards lists the shards with what each replica says of itself. A replica that does not answer is left out.
func (a admin) Shards(ctx context.Context) (uint64, []*clusterv1.ShardStatus, error) {
	h, err := a.host()
	if err != nil {
		return 0, nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, askMax)
	defer cancel()
	state := h.State()
	leaders := h.Leaders(state.Shards())
	list := make([]*clusterv1.ShardStatus, 0, len(state.Shards()))
	var wg sync.WaitGroup
	for _, s := range state.Shards() {
		status := &clusterv1.ShardStatus{Shard: &clusterv1.Shard{Id: uint64(s.ID)}, PreferredLeaderNodeId: s.PreferredLeader}
		for _, r := range s.Ranges {
			status.Shard.Slots = append(status.Shard.Slots, &clusterv1.SlotRange{First: uint32(r.First), Last: uint32(r.Last)})
		}
		status.Shard.LeaderNodeId, status.Shard.Term = leaders[s.ID].Node, leaders[s.ID].Term
		status.Replicas = make([]*clusterv1.ReplicaStatus, len(s.Replicas))
		for i, id := range s.Replicas {
			status.Shard.Replicas = append(status.Shard.Replicas, &clusterv1.Replica{NodeId: id, Role: clusterv1.ReplicaRole_REPLICA_ROLE_VOTER})
			wg.Go(func() {
				if r, err := h.ReplicaAt(ctx, id, s.ID); err == nil {
					status.Replicas[i] = replicaProto(r)
				}
			})
		}
		status.State = clusterv1.ShardState_SHARD_STATE_NO_LEADER
		switch {
		case s.Phase == meta.ShardCreating:
			status.State = clusterv1.ShardState_SHARD_STATE_CREATING
		case leaders[s.ID].Node != "":
			status.State = clusterv1.ShardState_SHARD_STATE_STARTING
		}
		list = append(list, status)
	}
	wg.Wait()
	for _, status := range list {
		answered := status.Replicas[:0]
		for _, r := range status.Replicas {
			if r == nil {
				continue
			}
			answered = append(answered, r)
			if r.Serving && status.State == clusterv1.ShardState_SHARD_STATE_STARTING {
				status.State = clusterv1.ShardState_SHARD_STATE_SERVING
			}
			if r.Serving {
				setRoles(status.Shard.Replicas, r.VoterNodeIds)
			}
		}
		status.Replicas = answered
	}
	return state.Epoch(), list, nil
}

// setRoles notes which replicas have no vote yet, as their leader says.
func setRoles(replicas []*clusterv1.Replica, voters []string) {
	for _, r := range replicas {
		if !slices.Contains(voters, r.NodeId) {
			r.Role = clusterv1.ReplicaRole_REPLICA_ROLE_LEARNER
		}
	}
}

// transferMax bounds a transfer: raft gives up after two election timeouts, and draining takes no longer than 2 s.
const transferMax = 15 * time.Second

// TransferLeadership hands over a shard and makes the new leader the preferred one, so that it is not taken back.
func (a admin) TransferLeadership(ctx context.Context, id slot.ShardID, to string) (string, uint64, error) {
	h, err := a.host()
	if err != nil {
		return "", 0, err
	}
	ctx, cancel := context.WithTimeout(ctx, transferMax)
	defer cancel()
	if id == 0 {
		return a.transferMeta(ctx, h, to)
	}
	known, ok := h.State().Shard(id)
	if !ok {
		return "", 0, apierr.New(apierr.KindNotFound, "there is no shard %d; holt cluster shards lists them", id)
	}
	leader, term, ok := h.Leader(id)
	if !ok {
		return "", 0, apierr.New(apierr.KindClusterDown, "shard %d has no leader now; nothing was changed, retry", id)
	}
	if leader != to {
		if err := a.transfer(ctx, h, leader, id, to); err != nil {
			return "", 0, err
		}
		if leader, term, err = a.awaitLeader(ctx, h, id, leader); err != nil {
			return "", 0, err
		}
	}
	if leader != known.PreferredLeader {
		result, err := h.Propose(ctx, &storagev1.MetaCommand{Command: &storagev1.MetaCommand_SetPreferredLeader{
			SetPreferredLeader: &storagev1.SetPreferredLeader{Shard: uint64(id), Expected: known.PreferredLeader, Preferred: leader},
		}})
		if err == nil {
			err = result.Err
		}
		if err != nil {
			e := apierr.New(apierr.KindOf(err), "shard %d is led by %s now, but could not be made its preferred one, so that it may go back: %w", id, leader, err)
			e.Outcome = apierr.OutcomeApplied
			return "", 0, e
		}
	}
	return leader, term, nil
}

func (a admin) transfer(ctx context.Context, h *host.Host, leader string, id slot.ShardID, to string) error {
	if leader == a.n.folder.NodeID() {
		return h.TransferHere(ctx, id, 0, to)
	}
	return a.n.nodes.Transfer(ctx, leader, id, 0, to)
}

func (a admin) transferMeta(ctx context.Context, h *host.Host, to string) (string, uint64, error) {
	leader := h.MetaLeader()
	if leader == "" {
		return "", 0, apierr.New(apierr.KindClusterDown, "the meta group has no leader now; nothing was changed, retry")
	}
	if leader == to {
		return leader, 0, nil
	}
	if err := a.transfer(ctx, h, leader, 0, to); err != nil {
		return "", 0, err
	}
	for {
		changed := h.Changed()
		// A node that is no member learns of the leader by asking for it.
		if _, err := h.Latest(ctx); err == nil && h.MetaLeader() != leader {
			return h.MetaLeader(), 0, nil
		}
		select {
		case <-changed:
		case <-time.After(leaderPause):
		case <-ctx.Done():
			return "", 0, handedOver("the meta group was handed over; who leads it now is not known yet")
		}
	}
}

// leaderPause is how often a node asks for the new leader of the meta group where nothing tells it.
const leaderPause = 100 * time.Millisecond

// handedOver is the error of a transfer that took place and whose end was not seen.
func handedOver(format string, args ...any) error {
	err := apierr.New(apierr.KindDeadline, format, args...)
	err.Outcome = apierr.OutcomeApplied
	return err
}

// awaitLeader waits until somebody else leads.
func (a admin) awaitLeader(ctx context.Context, h *host.Host, id slot.ShardID, old string) (string, uint64, error) {
	for {
		changed := h.Changed()
		if leader, term, ok := h.Leader(id); ok && leader != old {
			return leader, term, nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return "", 0, handedOver("shard %d was handed over; who leads it now is not known yet; see holt cluster shards", id)
		}
	}
}

// AcceptDataLoss lists the replicas of this node that are guarded and, unless it is a dry run, ends that.
func (a admin) AcceptDataLoss(_ context.Context, dryRun bool) (string, []*clusterv1.GuardedReplica, error) {
	h, err := a.host()
	if err != nil {
		return "", nil, err
	}
	if a.n.load.active.Load() {
		return "", nil, apierr.New(apierr.KindLoading, "this node is loading its data, so not all its replicas are known yet; nothing was changed, retry when /readyz says that it has loaded")
	}
	guarded := h.Guarded()
	var list []*clusterv1.GuardedReplica
	for _, g := range guarded {
		r := &clusterv1.GuardedReplica{ShardId: uint64(g.Group), Reason: g.Reason, WaitingFor: g.Waiting, LastIndex: g.Last, LastTerm: g.LastTerm}
		if g.Group == shard.MetaGroup {
			r.ShardId = 0
		}
		list = append(list, r)
	}
	if dryRun || len(guarded) == 0 {
		return a.n.folder.NodeID(), list, nil
	}
	if err := h.AcceptDataLoss(); err != nil {
		return "", nil, apierr.New(apierr.KindInternal, "the end of the guard could not be written: %w; nothing was changed, look at the disk", err)
	}
	for _, g := range guarded {
		a.n.log.Warn("an operator accepted that acknowledged entries may be lost; the replica votes again", "group", host.GroupText(g.Group), "last", g.Last, "reason", g.Reason)
	}
	return a.n.folder.NodeID(), list, nil
}
