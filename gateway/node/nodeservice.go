package node

import (
	"context"
	"time"

	nodev1 "github.com/holtcache/holt/proto/holt/node/v1"

	"github.com/holtcache/holt/proto/apierr"
	cachev1 "github.com/holtcache/holt/proto/holt/cache/v1"
	clusterv1 "github.com/holtcache/holt/proto/holt/cluster/v1"
	"github.com/holtcache/holt/proto/slot"
	"github.com/holtcache/holt/raftfsm/meta"
	"github.com/holtcache/holt/shard/host"
	"github.com/holtcache/holt/shard/placement"
)

// nodeService is what this node answers to other nodes, on the cluster port.
type nodeService struct {
	nodev1.UnimplementedNodeServiceServer
	n *Node
}

// host returns this node's host, or the error that it has none yet.
func (s *nodeService) host() (*host.Host, error) {
	if h := s.n.host.Load(); h != nil {
		return h, nil
	}
	return nil, toStatus(apierr.New(apierr.KindLoading, "this node belongs to no cluster yet, or is opening its data; not applied, retry"))
}

// Join tells a node what cluster this is and where its nodes are, and registers it where it is new.
func (s *nodeService) Join(ctx context.Context, request *nodev1.JoinRequest) (*nodev1.JoinResponse, error) {
	h, err := s.host()
	if err != nil {
		return nil, err
	}
	own := s.n.folder.ClusterID()
	if request.ClusterId != "" && request.ClusterId != own {
		return nil, toStatus(apierr.New(apierr.KindInvalid, "the node's data folder belongs to cluster %s, this is cluster %s: not joined; use an empty folder, or join the other cluster", request.ClusterId, own))
	}
	if request.Node == nil || request.Node.Id == "" || request.Node.Addresses == nil {
		return nil, toStatus(apierr.New(apierr.KindInvalid, "the node names neither id nor addresses: not joined"))
	}
	if known, used := max(request.CommandVersion, meta.VersionUnsaid), h.State().CommandVersion(); known < used {
		return nil, toStatus(apierr.New(apierr.KindInvalid, "the cluster uses meta commands of version %d, the node's build %q knows them up to %d: not joined; run the newer build on it", used, request.Node.Version, known))
	}
	joining := nodeOf(request.Node)
	if request.ClusterId == "" {
		if !h.State().Initialized() {
			// The settings of the cluster are not known here yet, and a new node takes what it is told for good.
			return nil, toStatus(apierr.New(apierr.KindLoading, "this node does not know the cluster's state yet; not joined, retry"))
		}
		// A new node is registered before it is told that it belongs; one that comes back registers by itself.
		result, err := h.Propose(ctx, registerNode(joining))
		if err == nil {
			err = result.Err
		}
		if err != nil {
			return nil, toStatus(err)
		}
	}
	s.n.book.Note(joining)
	state := h.State()
	reply := &nodev1.JoinResponse{ClusterId: own, Settings: settingsProto(state.Settings()), HashSeed: state.HashSeed(), Nodes: []*nodev1.NodeInfo{nodeInfo(s.n.self())}}
	for _, n := range s.n.book.Nodes() {
		if n.ID != s.n.folder.NodeID() {
			reply.Nodes = append(reply.Nodes, nodeInfo(n))
		}
	}
	for _, id := range state.MetaVoters() {
		addr, _ := h.ClusterAddr(id)
		reply.MetaMembers = append(reply.MetaMembers, &nodev1.MetaMember{NodeId: id, ClusterAddr: addr, Role: clusterv1.ReplicaRole_REPLICA_ROLE_VOTER})
	}
	return reply, nil
}

// ProposeMeta commits a meta command if this node leads the meta group.
func (s *nodeService) ProposeMeta(ctx context.Context, request *nodev1.ProposeMetaRequest) (*nodev1.ProposeMetaResponse, error) {
	h, err := s.host()
	if err != nil {
		return nil, err
	}
	if err := meta.CheckCommand(request.Command); err != nil {
		return nil, toStatus(err)
	}
	result, err := h.ProposeHere(ctx, request.Command)
	if err != nil {
		return nil, toStatus(err)
	}
	return resultProto(result), nil
}

// readMetaMax bounds a wait for an index, whatever the asking node would bear.
const readMetaMax = 10 * time.Second

// GetVersions tells what this build knows, whether or not the node belongs to a cluster yet.
func (s *nodeService) GetVersions(context.Context, *nodev1.GetVersionsRequest) (*nodev1.GetVersionsResponse, error) {
	return &nodev1.GetVersionsResponse{CommandVersion: meta.CommandVersion}, nil
}

// ReadMeta returns the meta state, with READ_MODE_INDEX the latest one.
func (s *nodeService) ReadMeta(ctx context.Context, request *nodev1.ReadMetaRequest) (*nodev1.ReadMetaResponse, error) {
	h, err := s.host()
	if err != nil {
		return nil, err
	}
	state := h.State()
	if request.ReadMode != cachev1.ReadMode_READ_MODE_STALE {
		if state, err = h.LatestHere(ctx); err != nil {
			return nil, toStatus(err)
		}
	}
	ctx, cancel := context.WithTimeout(ctx, readMetaMax)
	defer cancel()
	for state.Applied() < request.MinIndex {
		changed := h.Changed()
		if state = h.State(); state.Applied() >= request.MinIndex {
			break
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return nil, toStatus(apierr.New(apierr.KindDeadline, "meta state: index %d has not been applied here in time; retry", request.MinIndex))
		}
	}
	return &nodev1.ReadMetaResponse{Index: state.Applied(), State: state.Snapshot()}, nil
}

// WatchMeta sends the meta state whenever it is newer than the one before.
func (s *nodeService) WatchMeta(request *nodev1.WatchMetaRequest, stream nodev1.NodeService_WatchMetaServer) error {
	h, err := s.host()
	if err != nil {
		return err
	}
	sent := request.AfterIndex
	for {
		changed := h.Changed()
		if state := h.State(); state.Applied() > sent {
			sent = state.Applied()
			change := &nodev1.WatchMetaResponse{Index: sent, Change: &nodev1.WatchMetaResponse_State{State: state.Snapshot()}}
			if err := stream.Send(change); err != nil {
				return err
			}
		}
		select {
		case <-changed:
		case <-stream.Context().Done():
			return stream.Context().Err()
		case <-s.n.closing:
			return toStatus(apierr.New(apierr.KindShutdown, "this node is shutting down; watch another"))
		}
	}
}

// Forward runs a call that another node received and this one leads.
func (s *nodeService) Forward(ctx context.Context, request *nodev1.ForwardRequest) (*nodev1.ForwardResponse, error) {
	return s.n.grpc.ServeForward(ctx, request)
}

// TransferLeadership hands over a shard that this node leads.
func (s *nodeService) TransferLeadership(ctx context.Context, request *nodev1.TransferLeadershipRequest) (*nodev1.TransferLeadershipResponse, error) {
	h, err := s.host()
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, transferMax)
	defer cancel()
	if err := h.TransferHere(ctx, slot.ShardID(request.ShardId), request.Term, request.ToNodeId); err != nil {
		return nil, toStatus(err)
	}
	leader, term, _ := h.Leader(slot.ShardID(request.ShardId))
	return &nodev1.TransferLeadershipResponse{LeaderNodeId: leader, Term: term}, nil
}

// memberChanges are the changes as they travel.
var memberChanges = map[placement.ChangeKind]nodev1.MemberChange{
	placement.AddLearner:   nodev1.MemberChange_MEMBER_CHANGE_ADD_LEARNER,
	placement.Promote:      nodev1.MemberChange_MEMBER_CHANGE_PROMOTE,
	placement.Remove:       nodev1.MemberChange_MEMBER_CHANGE_REMOVE,
	placement.RemoveSilent: nodev1.MemberChange_MEMBER_CHANGE_REMOVE_SILENT,
}

// ChangeMembers changes the members of a shard's group that this node leads.
func (s *nodeService) ChangeMembers(ctx context.Context, request *nodev1.ChangeMembersRequest) (*nodev1.ChangeMembersResponse, error) {
	h, err := s.host()
	if err != nil {
		return nil, err
	}
	change := placement.MemberChange{Node: request.NodeId, Index: request.Index}
	for kind, travelled := range memberChanges {
		if travelled == request.Change {
			change.Kind = kind
		}
	}
	ctx, cancel := context.WithTimeout(ctx, transferMax)
	defer cancel()
	if err := h.ChangeMembersHere(ctx, slot.ShardID(request.ShardId), request.Term, change); err != nil {
		return nil, toStatus(err)
	}
	return &nodev1.ChangeMembersResponse{}, nil
}

// GetController tells what this node's controller is about.
func (s *nodeService) GetController(context.Context, *nodev1.GetControllerRequest) (*nodev1.GetControllerResponse, error) {
	if _, err := s.host(); err != nil {
		return nil, err
	}
	status := s.n.controllerStatus()
	return &nodev1.GetControllerResponse{Acting: status.Acting, Waiting: status.Waiting}, nil
}

// GetReplicaStatus describes this node's replicas of the named shards, or of all.
func (s *nodeService) GetReplicaStatus(_ context.Context, request *nodev1.GetReplicaStatusRequest) (*nodev1.GetReplicaStatusResponse, error) {
	h, err := s.host()
	if err != nil {
		return nil, err
	}
	ids := request.ShardIds
	if len(ids) > meta.ShardsMax {
		return nil, toStatus(apierr.New(apierr.KindTooLarge, "%d shards are asked about, at most %d can be (limit ShardsMax)", len(ids), meta.ShardsMax))
	}
	if len(ids) == 0 {
		for _, r := range h.Replicas() {
			ids = append(ids, uint64(r.Group()))
		}
	}
	reply := &nodev1.GetReplicaStatusResponse{}
	for _, id := range ids {
		status, err := h.ReplicaHere(slot.ShardID(id))
		if err != nil {
			return nil, toStatus(err)
		}
		reply.Replicas = append(reply.Replicas, replicaProto(status))
	}
	return reply, nil
}
