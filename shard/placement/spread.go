package placement

import (
	"slices"

	"github.com/holtcache/holt/proto/slot"
	"github.com/holtcache/holt/raftfsm/meta"
)

// Spread is what is missing for replicas and leaders to be spread over all nodes.
type Spread struct {
	// Moves are replicas that are to move, at most one of each shard.
	Moves []ReplicaMove
	// Leaders are shards that are to be led by another of their replicas. They are told once no replica moves any more.
	Leaders []LeaderMove
	// UnderWay is how many shards are changing their replicas already.
	UnderWay int
}

// LeaderMove is a shard that is to prefer another leader.
type LeaderMove struct {
	Shard    slot.ShardID
	From, To string
}

// Done tells whether nothing is left to do.
func (s Spread) Done() bool { return len(s.Moves)+len(s.Leaders)+s.UnderWay == 0 }

// PlanSpreading tells what to begin so that every node holds as many replicas and leads as many shards as the others, as far
// as zones allow. What has been begun goes on by itself: a replica is named in the state, and the controller takes another in
// its place. So spreading consists of calls of this until nothing is left.
func PlanSpreading(nodes []Node, state *meta.State) Spread {
	shards := ShardReplicasOf(state)
	var s Spread
	sets := PlanReplicas(nodes, shards)
	changing := map[slot.ShardID]bool{}
	for i, set := range sets {
		changing[set.Shard] = !slices.Equal(set.Replicas, shards[i].Replicas)
		if changing[set.Shard] {
			s.UnderWay++
		}
	}
	for _, m := range PlanSpread(nodes, shards) {
		if !changing[m.Shard] {
			changing[m.Shard] = true
			s.Moves = append(s.Moves, m)
		}
	}
	if len(s.Moves)+s.UnderWay > 0 {
		return s
	}
	replicas, preferred := make([][]string, len(shards)), make([]string, len(shards))
	for i, shard := range shards {
		replicas[i], preferred[i] = shard.Replicas, shard.Preferred
	}
	for i, to := range PlanPreferred(replicas, preferred) {
		if to != preferred[i] {
			s.Leaders = append(s.Leaders, LeaderMove{Shard: shards[i].Shard, From: preferred[i], To: to})
		}
	}
	return s
}
