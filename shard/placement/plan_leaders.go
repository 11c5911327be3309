package placement

import (
	"cmp"
	"slices"

	"github.com/holtcache/holt/proto/slot"
)

// ShardLeader is who leads a shard, and who should.
type ShardLeader struct {
	Shard slot.ShardID
	// Replicas are in ascending order.
	Replicas  []string
	Preferred string
	// Leader is empty where none is known.
	Leader string
	// Held shards stay as they are this time.
	Held bool
}

// Transfer is one leadership to be handed over.
type Transfer struct {
	Shard    slot.ShardID
	From, To string
}

// PlanLeaders tells which leaderships to hand over now, at most limit: to the preferred replica where that is alive and
// has caught up; where it is dead, from a node that leads too many to one that leads few. While any shard has no leader,
// or one that seems dead, it moves none, because the cluster has enough to do. shards are in ascending order of id.
func PlanLeaders(shards []ShardLeader, alive func(node string) bool, caughtUp func(shard slot.ShardID, node string) bool, limit int) []Transfer {
	// led is how many shards each node will lead once those with an alive preferred replica have gone there.
	led := map[string]int{}
	for _, s := range shards {
		switch {
		case s.Leader == "" || !alive(s.Leader):
			return nil
		case alive(s.Preferred):
			led[s.Preferred]++
		default:
			led[s.Leader]++
		}
	}
	var transfers []Transfer
	for _, s := range shards {
		if len(transfers) == limit {
			break
		}
		if s.Held {
			continue
		}
		to := s.Preferred
		if !alive(s.Preferred) {
			to = lessLoaded(s, led, alive)
		}
		if to == s.Leader || !slices.Contains(s.Replicas, to) || !caughtUp(s.Shard, to) {
			continue
		}
		if to != s.Preferred {
			led[s.Leader]--
			led[to]++
		}
		transfers = append(transfers, Transfer{Shard: s.Shard, From: s.Leader, To: to})
	}
	return transfers
}

// lessLoaded is the alive replica that leads the fewest shards, if the leader leads at least two more; else the leader.
func lessLoaded(s ShardLeader, led map[string]int, alive func(string) bool) string {
	others := slices.DeleteFunc(slices.Clone(s.Replicas), func(node string) bool { return !alive(node) })
	if len(others) == 0 {
		return s.Leader
	}
	best := slices.MinFunc(others, func(a, b string) int { return cmp.Compare(led[a], led[b]) })
	if led[s.Leader]-led[best] < 2 {
		return s.Leader
	}
	return best
}
