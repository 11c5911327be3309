package cluster

import (
	"context"
	"errors"
	"fmt"

	clusterv1 "github.com/holtcache/holt/proto/holt/cluster/v1"
)

// SameEverywhere is nil if all replicas of each shard have applied the same entries and hold the same. It wants every node
// to run, and nobody to write.
func (c *Cluster) SameEverywhere() error {
	first := map[uint64]*clusterv1.ReplicaDigest{}
	count := map[uint64]int{}
	for _, n := range c.Nodes {
		replicas, err := n.Digests()
		if err != nil {
			return fmt.Errorf("node %d: %w", n.Number, err)
		}
		for _, r := range replicas {
			count[r.ShardId]++
			one := first[r.ShardId]
			switch {
			case !r.Settled:
				return fmt.Errorf("node %d still applies entries of shard %d", n.Number, r.ShardId)
			case one == nil:
				first[r.ShardId] = r
			case one.AppliedIndex != r.AppliedIndex:
				return fmt.Errorf("shard %d: applied up to %d here, to %d at node %d", r.ShardId, one.AppliedIndex, r.AppliedIndex, n.Number)
			case one.Digest != r.Digest:
				return fmt.Errorf("shard %d: replicas %w at index %d: %d keys with digest %x here, %d with %x at node %d",
					r.ShardId, ErrDiverged, r.AppliedIndex, one.Keys, one.Digest, r.Keys, r.Digest, n.Number)
			}
		}
	}
	shards, err := c.Nodes[0].Shards()
	if err != nil {
		return err
	}
	for _, s := range shards {
		if got, want := count[s.Shard.Id], len(s.Shard.Replicas); got != want {
			return fmt.Errorf("shard %d: %d of %d replicas answer", s.Shard.Id, got, want)
		}
	}
	return nil
}

// Digests tells what the replicas on a node hold.
func (n *Node) Digests() ([]*clusterv1.ReplicaDigest, error) {
	ctx, cancel := context.WithTimeout(context.Background(), callMax)
	defer cancel()
	return n.Admin().Digests(ctx)
}

// ErrDiverged says that two replicas hold different things though they have applied the same entries.
var ErrDiverged = errors.New("have diverged")
