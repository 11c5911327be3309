package meta

import (
	"slices"

	"github.com/holtcache/holt/proto/slot"
)

// Budget is how many bytes the keys of a shard may take: the smallest share that any node of its replicas gives it, so
// that every replica has room for what the leader lets in. A node gives each of its shards the same share of what it
// may hold. 0 means no limit: none of the nodes has one.
func (s *State) Budget(id slot.ShardID) int64 {
	shard, ok := s.Shard(id)
	if !ok {
		return 0
	}
	budget := int64(0)
	for _, node := range shard.Replicas {
		if share := s.share(node); share > 0 && (budget == 0 || share < budget) {
			budget = share
		}
	}
	return budget
}

// share is what a node gives each shard that it holds a replica of; 0 where it has no limit.
func (s *State) share(node string) int64 {
	n, ok := s.Node(node)
	if !ok || n.MaxMemoryBytes == 0 {
		return 0
	}
	held := int64(0)
	for _, shard := range s.shards {
		if slices.Contains(shard.Replicas, node) {
			held++
		}
	}
	return max(n.MaxMemoryBytes/max(held, 1), 1) // a share of 0 would mean no limit
}
