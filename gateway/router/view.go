package router

import (
	"slices"

	"github.com/holtcache/holt/proto/slot"
)

// NodeState is what gossip suspects of a node; a hint, never the truth.
type NodeState uint8

const (
	NodeAlive   NodeState = iota
	NodeSuspect           // PFAIL in CLUSTER NODES
	NodeDead              // FAIL
)

// Node is one node of the cluster.
type Node struct {
	ID      string
	RESP    string // advertised host:port
	GRPC    string
	Gossip  string
	Cluster string
	HTTP    string
	Zone    string
	State   NodeState
}

// Shard is one shard and who serves it.
type Shard struct {
	ID       slot.ShardID
	Ranges   []slot.Range
	Replicas []string // node ids
	// Leader is the node that leads in Term as far as this node knows, "" where no leader is known.
	Leader    string
	Term      uint64
	Preferred string
}

// View is what this node knows of the cluster at one moment. It is immutable.
type View struct {
	ClusterID string
	Self      string
	Map       *slot.Map // never nil
	Nodes     []Node    // sorted by id
	Shards    []Shard   // sorted by id
}

// Node finds a node by id.
func (v *View) Node(id string) (Node, bool) {
	for _, n := range v.Nodes {
		if n.ID == id {
			return n, true
		}
	}
	return Node{}, false
}

// Shard finds a shard by id.
func (v *View) Shard(id slot.ShardID) (Shard, bool) {
	i := slices.IndexFunc(v.Shards, func(s Shard) bool { return s.ID == id })
	if i < 0 {
		return Shard{}, false
	}
	return v.Shards[i], true
}

// Led lists the slots that a node leads, neighbours joined.
func (v *View) Led(node string) []slot.Range {
	var ranges []slot.Range
	for _, s := range v.Shards {
		if s.Leader == node {
			ranges = append(ranges, s.Ranges...)
		}
	}
	return slot.Normalize(ranges)
}

// Served tells whether every slot has an owner whose leader is known.
func (v *View) Served() bool {
	if !v.Map.Complete() {
		return false
	}
	for _, s := range v.Shards {
		if len(s.Ranges) > 0 && s.Leader == "" {
			return false
		}
	}
	return true
}
