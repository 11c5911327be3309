package node

import (
	"cmp"
	"slices"

	"github.com/holtcache/holt/gateway/router"
	clusterv1 "github.com/holtcache/holt/proto/holt/cluster/v1"
	"github.com/holtcache/holt/proto/slot"
)

// elsewhere is a cluster as one who is no node of it knows it: by the slot maps that nodes tell.
type elsewhere struct{ latestView }

var _ router.Cluster = (*elsewhere)(nil)

func newElsewhere() *elsewhere {
	e := &elsewhere{}
	e.init("")
	return e
}

func (e *elsewhere) Replica(slot.ShardID) (router.Replica, bool) { return nil, false }

// told takes a slot map, unless it is older than the one that is known. It is called by one goroutine at a time.
func (e *elsewhere) told(m *clusterv1.SlotMap) {
	before := e.View()
	next, err := viewOf(m)
	if err != nil || m.GetEpoch() < before.Map.Epoch() {
		return
	}
	for i := range next.Shards {
		s := &next.Shards[i]
		if known, ok := before.Shard(s.ID); ok && known.Term > s.Term {
			s.Leader, s.Term = known.Leader, known.Term // a node that has not heard of the newer term
		}
	}
	e.show(next)
}

// viewOf is what a slot map says.
func viewOf(m *clusterv1.SlotMap) (*router.View, error) {
	v := &router.View{ClusterID: m.GetClusterId()}
	for _, n := range m.GetNodes() {
		a := n.GetAddresses()
		node := router.Node{ID: n.GetId(), RESP: a.GetResp(), GRPC: a.GetGrpc(), Gossip: a.GetGossip(), Cluster: a.GetCluster(), HTTP: a.GetHttp()}
		switch n.GetHealth() {
		case clusterv1.NodeHealth_NODE_HEALTH_SUSPECT:
			node.State = router.NodeSuspect
		case clusterv1.NodeHealth_NODE_HEALTH_DEAD:
			node.State = router.NodeDead
		}
		v.Nodes = append(v.Nodes, node)
	}
	slices.SortFunc(v.Nodes, func(a, b router.Node) int { return cmp.Compare(a.ID, b.ID) })
	var assignments []slot.Assignment
	for _, s := range m.GetShards() {
		shard := router.Shard{ID: slot.ShardID(s.GetId()), Leader: s.GetLeaderNodeId(), Term: s.GetTerm()}
		for _, r := range s.GetSlots() {
			own := slot.Range{First: slot.ID(r.GetFirst()), Last: slot.ID(r.GetLast())}
			shard.Ranges = append(shard.Ranges, own)
			assignments = append(assignments, slot.Assignment{Range: own, Shard: shard.ID})
		}
		for _, r := range s.GetReplicas() {
			shard.Replicas = append(shard.Replicas, r.GetNodeId())
		}
		v.Shards = append(v.Shards, shard)
	}
	slices.SortFunc(v.Shards, func(a, b router.Shard) int { return cmp.Compare(a.ID, b.ID) })
	var err error
	v.Map, err = slot.NewMap(m.GetEpoch(), assignments)
	return v, err
}
