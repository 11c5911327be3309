package client

import (
	"time"

	clusterv1 "github.com/holtcache/holt/proto/holt/cluster/v1"
	"github.com/holtcache/holt/proto/slot"
)

// slotMap is what the client knows of the cluster at one moment. Nobody changes it.
type slotMap struct {
	epoch  uint64
	owners [slot.Count]slot.ShardID
	shards map[slot.ShardID]leader
	// addrs are the gRPC addresses of the nodes.
	addrs []string
	// ahead is by how much the servers' clock is ahead of ours.
	ahead time.Duration
}

// leader is who leads a shard, in which term; an empty address where that is not known.
type leader struct {
	term uint64
	addr string
}

// leaderOf is the address of the node that leads a slot's shard.
func (m *slotMap) leaderOf(s slot.ID) (addr string, known bool) {
	addr = m.shards[m.owners[s]].addr
	return addr, addr != ""
}

// merged is the map that a node has sent, with what is known better from before: of two claims to lead a shard that of the
// higher term counts, and of two maps that of the higher epoch.
func merged(before *slotMap, sent *clusterv1.SlotMap, ahead time.Duration) *slotMap {
	m := &slotMap{epoch: sent.GetEpoch(), shards: map[slot.ShardID]leader{}, ahead: ahead}
	addrs := map[string]string{}
	for _, n := range sent.GetNodes() {
		if addr := n.GetAddresses().GetGrpc(); addr != "" {
			addrs[n.GetId()] = addr
			m.addrs = append(m.addrs, addr)
		}
	}
	for _, s := range sent.GetShards() {
		id := slot.ShardID(s.GetId())
		m.shards[id] = leader{term: s.GetTerm(), addr: addrs[s.GetLeaderNodeId()]}
		for _, r := range s.GetSlots() {
			for i := r.GetFirst(); i <= r.GetLast() && i < slot.Count; i++ {
				m.owners[i] = id
			}
		}
	}
	if before == nil {
		return m
	}
	if before.epoch > m.epoch {
		m.epoch, m.owners, m.addrs = before.epoch, before.owners, before.addrs
	}
	for id, l := range before.shards {
		if now, there := m.shards[id]; l.term > now.term || !there && before.epoch > sent.GetEpoch() {
			m.shards[id] = l
		}
	}
	return m
}
