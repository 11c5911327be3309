package grpcserver

import (
	"sync/atomic"

	"github.com/holtcache/holt/gateway/router"
	clusterv1 "github.com/holtcache/holt/proto/holt/cluster/v1"
	"github.com/holtcache/holt/proto/slot"
)

// slotMaps turns views into messages. It keeps the latest, which every watcher sends.
type slotMaps struct{ latest atomic.Pointer[slotMapOf] }

// slotMapOf is a view with its message. Nobody changes either.
type slotMapOf struct {
	view    *router.View
	message *clusterv1.SlotMap
}

func (m *slotMaps) of(v *router.View) *clusterv1.SlotMap {
	if latest := m.latest.Load(); latest != nil && latest.view == v {
		return latest.message
	}
	message := slotMap(v)
	m.latest.Store(&slotMapOf{v, message})
	return message
}

func slotMap(v *router.View) *clusterv1.SlotMap {
	message := &clusterv1.SlotMap{Epoch: v.Map.Epoch(), ClusterId: v.ClusterID}
	for _, n := range v.Nodes {
		message.Nodes = append(message.Nodes, &clusterv1.Node{
			Id:        n.ID,
			Addresses: &clusterv1.Addresses{Resp: n.RESP, Grpc: n.GRPC, Cluster: n.Cluster, Gossip: n.Gossip},
			Health:    health(n.State),
		})
	}
	ranges := map[slot.ShardID][]*clusterv1.SlotRange{}
	for _, a := range v.Map.Assignments() {
		ranges[a.Shard] = append(ranges[a.Shard], &clusterv1.SlotRange{First: uint32(a.Range.First), Last: uint32(a.Range.Last)})
	}
	for _, s := range v.Shards {
		shard := &clusterv1.Shard{Id: uint64(s.ID), Slots: ranges[s.ID]}
		if s.Leader != "" {
			shard.LeaderNodeId, shard.Term = s.Leader, s.Term
		}
		for _, node := range s.Replicas {
			shard.Replicas = append(shard.Replicas, &clusterv1.Replica{NodeId: node, Role: clusterv1.ReplicaRole_REPLICA_ROLE_VOTER})
		}
		message.Shards = append(message.Shards, shard)
	}
	return message
}

func health(state router.NodeState) clusterv1.NodeHealth {
	switch state {
	case router.NodeSuspect:
		return clusterv1.NodeHealth_NODE_HEALTH_SUSPECT
	case router.NodeDead:
		return clusterv1.NodeHealth_NODE_HEALTH_DEAD
	}
	return clusterv1.NodeHealth_NODE_HEALTH_ALIVE
}
