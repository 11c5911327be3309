package node

import (
	"slices"
	"time"

	cachev1 "github.com/holtcache/holt/proto/holt/cache/v1"
	clusterv1 "github.com/holtcache/holt/proto/holt/cluster/v1"
	nodev1 "github.com/holtcache/holt/proto/holt/node/v1"
	storagev1 "github.com/holtcache/holt/proto/holt/storage/v1"
	"github.com/holtcache/holt/proto/slot"
	"github.com/holtcache/holt/raftfsm/meta"
	"github.com/holtcache/holt/shard/host"
)

func nodeOf(info *nodev1.NodeInfo) meta.Node {
	a := info.GetAddresses()
	return meta.Node{
		ID: info.GetId(), StartCount: info.GetStartCount(), Zone: info.GetZone(), Version: info.GetVersion(),
		Addresses: meta.Addresses{RESP: a.GetResp(), GRPC: a.GetGrpc(), Cluster: a.GetCluster(), Gossip: a.GetGossip(), HTTP: a.GetHttp()},
	}
}

func nodeInfo(n meta.Node) *nodev1.NodeInfo {
	return &nodev1.NodeInfo{Id: n.ID, StartCount: n.StartCount, Zone: n.Zone, Version: n.Version, Addresses: addresses(n.Addresses)}
}

func addresses(a meta.Addresses) *clusterv1.Addresses {
	return &clusterv1.Addresses{Resp: a.RESP, Grpc: a.GRPC, Cluster: a.Cluster, Gossip: a.Gossip, Http: a.HTTP}
}

func registerNode(n meta.Node) *storagev1.MetaCommand {
	return &storagev1.MetaCommand{Command: &storagev1.MetaCommand_RegisterNode{RegisterNode: &storagev1.RegisterNode{
		Id: n.ID, StartCount: n.StartCount, Addresses: n.Addresses.Proto(), Zone: n.Zone, Version: n.Version,
	}}}
}

func settingsProto(s meta.Settings) *clusterv1.Settings {
	return &clusterv1.Settings{
		Replicas: uint32(s.Replicas), Shards: uint32(s.Shards),
		LeaseMaxMs: uint64(s.LeaseMax.Milliseconds()), LeaseMs: uint64(s.Lease.Milliseconds()), HeartbeatMs: uint64(s.Heartbeat.Milliseconds()),
		DefaultAckMode: cachev1.AckMode(s.DefaultAck), DefaultReadMode: cachev1.ReadMode(s.DefaultRead),
	}
}

// settingsOf fills what is not set with the defaults.
func settingsOf(p *clusterv1.Settings) meta.Settings {
	s := meta.DefaultSettings()
	s.Replicas, s.Shards = int(p.GetReplicas()), int(p.GetShards())
	for _, d := range []struct {
		value *time.Duration
		ms    uint64
	}{{&s.LeaseMax, p.GetLeaseMaxMs()}, {&s.Lease, p.GetLeaseMs()}, {&s.Heartbeat, p.GetHeartbeatMs()}} {
		if d.ms != 0 {
			*d.value = time.Duration(d.ms) * time.Millisecond
		}
	}
	if p.GetDefaultAckMode() != 0 {
		s.DefaultAck = meta.AckMode(p.GetDefaultAckMode())
	}
	if p.GetDefaultReadMode() != 0 {
		s.DefaultRead = meta.ReadMode(p.GetDefaultReadMode())
	}
	return s
}

func replicaProto(r host.ReplicaStatus) *clusterv1.ReplicaStatus {
	role := clusterv1.ReplicaRole_REPLICA_ROLE_LEARNER
	if slices.Contains(r.Voters, r.Node) {
		role = clusterv1.ReplicaRole_REPLICA_ROLE_VOTER
	}
	return &clusterv1.ReplicaStatus{
		ShardId: uint64(r.Shard), NodeId: r.Node, Role: role, Term: r.Term, LeaderNodeId: r.Leader,
		Serving: r.Serving, LastIndex: r.Last, CommittedIndex: r.Committed, AppliedIndex: r.Applied, Keys: uint64(r.Keys),
		CaughtUpNodeIds: r.CaughtUp, VoterNodeIds: r.Voters, LearnerNodeIds: r.Learners, MembersIndex: r.MembersIndex,
		NodeUnsettled: r.Unsettled,
	}
}

func rangesProto(ranges []slot.Range) []*clusterv1.SlotRange {
	var out []*clusterv1.SlotRange
	for _, r := range ranges {
		out = append(out, &clusterv1.SlotRange{First: uint32(r.First), Last: uint32(r.Last)})
	}
	return out
}

// rangesOf leaves out what is no range of slots.
func rangesOf(list []*clusterv1.SlotRange) []slot.Range {
	var out []slot.Range
	for _, r := range list {
		if r.GetFirst() <= r.GetLast() && r.GetLast() < slot.Count {
			out = append(out, slot.Range{First: slot.ID(r.GetFirst()), Last: slot.ID(r.GetLast())})
		}
	}
	return out
}
