package placement

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/holtcache/holt/proto/slot"
)

// ShardState is a shard as the plan of a rebalance sees it.
type ShardState struct {
	Shard slot.ShardID
	// Ranges are the slots that it owns, or will once the migrations that are open have ended.
	Ranges    []slot.Range
	Replicas  []string
	Preferred string
}

// RebalanceInput is what a rebalance is planned from.
type RebalanceInput struct {
	// Nodes are those that are to hold shards: registered, and not draining.
	Nodes  []Node
	Shards []ShardState
	// Target is how many shards there are to be; 0 means one for each node.
	Target int
	// Replicas is how many each new shard gets.
	Replicas int
	Weights  Weights
}

// NewShardPlan is a shard to be created without slots.
type NewShardPlan struct {
	// Shard is a stand-in for the id that it will get, by which Moves name it.
	Shard slot.ShardID
	// Replicas are in ascending order.
	Replicas        []string
	PreferredLeader string
}

// RebalancePlan is how to get from a cluster as it is to one that is balanced: create, move, dissolve.
type RebalancePlan struct {
	Create []NewShardPlan
	Moves  []Move
	// Dissolve are shards that are one too many, in ascending order; their slots are among the moves.
	Dissolve []slot.ShardID
}

// IsEmpty tells whether the cluster is balanced.
func (p RebalancePlan) IsEmpty() bool { return len(p.Create)+len(p.Moves)+len(p.Dissolve) == 0 }

// PlanRebalance tells how many shards too few or too many there are, and which slots go where. A shard that is too many is one
// whose preferred leader is leaving, or leads another, and of those one with few slots. The order of nodes and shards does not
// matter. The error says why the shards that lack cannot be created.
func PlanRebalance(in RebalanceInput) (RebalancePlan, error) {
	var plan RebalancePlan
	target := cmp.Or(in.Target, len(in.Nodes))
	kept, surplus := keepShards(in, target)
	for _, s := range surplus {
		plan.Dissolve = append(plan.Dissolve, s.Shard)
	}
	slices.Sort(plan.Dissolve)
	if missing := target - len(kept); missing > 0 {
		created, err := planNewShards(in, kept, missing)
		if err != nil {
			return RebalancePlan{}, err
		}
		plan.Create = created
	}
	var shards []ShardSlots
	for _, s := range kept {
		shards = append(shards, ShardSlots{Shard: s.Shard, Ranges: s.Ranges})
	}
	for _, s := range plan.Create {
		shards = append(shards, ShardSlots{Shard: s.Shard})
	}
	for _, s := range surplus {
		shards = append(shards, ShardSlots{Shard: s.Shard, Ranges: s.Ranges, Leaving: true})
	}
	plan.Moves = PlanMoves(shards, in.Weights)
	return plan, nil
}

// keepShards chooses the shards that stay, at most target: those first whose preferred leader stays and is that of no other.
func keepShards(in RebalanceInput, target int) (kept, surplus []ShardState) {
	left := slices.Clone(in.Shards)
	slices.SortFunc(left, func(a, b ShardState) int {
		return cmp.Or(
			cmp.Compare(countSlots(b.Ranges), countSlots(a.Ranges)),
			cmp.Compare(a.Shard, b.Shard),
		)
	})
	led := map[string]int{}
	for len(left) > 0 && len(kept) < target {
		best := 0
		for i := range left {
			if in.compareLeaders(led, left[i], left[best]) < 0 {
				best = i
			}
		}
		led[left[best].Preferred]++
		kept = append(kept, left[best])
		left = slices.Delete(left, best, best+1)
	}
	return kept, left
}

// compareLeaders tells of which shard the preferred leader speaks more for keeping it.
func (in RebalanceInput) compareLeaders(led map[string]int, a, b ShardState) int {
	leaves := func(s ShardState) int {
		if in.hasNode(s.Preferred) {
			return 0
		}
		return 1
	}
	return cmp.Or(cmp.Compare(leaves(a), leaves(b)), cmp.Compare(led[a.Preferred], led[b.Preferred]))
}

func (in RebalanceInput) hasNode(id string) bool {
	return slices.ContainsFunc(in.Nodes, func(n Node) bool { return n.ID == id })
}

// planNewShards places shards on the nodes that are alive: each is led by a node that leads fewest, and its other replicas go
// where there are few, over as many zones as there are.
func planNewShards(in RebalanceInput, kept []ShardState, count int) ([]NewShardPlan, error) {
	alive := slices.DeleteFunc(slices.Clone(in.Nodes), func(n Node) bool { return !n.Alive })
	if len(alive) < in.Replicas {
		return nil, fmt.Errorf("%d more shards of %d replicas each are wanted, and %d nodes are alive: start more, or wait", count, in.Replicas, len(alive))
	}
	spread, led := newSpread(alive), map[string]int{}
	next := slot.ShardID(1)
	for _, s := range in.Shards {
		next = max(next, s.Shard+1)
		for _, node := range s.Replicas {
			spread.count(node)
		}
	}
	for _, s := range kept {
		led[s.Preferred]++
	}
	var plans []NewShardPlan
	for i := range count {
		leader := slices.MinFunc(spread.ring, func(a, b Node) int {
			return cmp.Or(cmp.Compare(led[a.ID], led[b.ID]), cmp.Compare(spread.load[a.ID], spread.load[b.ID]), cmp.Compare(a.ID, b.ID))
		})
		led[leader.ID]++
		replicas := spread.pick(i, in.Replicas, leader)
		plans = append(plans, NewShardPlan{
			Shard: next + slot.ShardID(i), Replicas: slices.Sorted(slices.Values(replicas)), PreferredLeader: leader.ID,
		})
	}
	return plans, nil
}
