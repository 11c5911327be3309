package placement

import (
	"cmp"
	"slices"

	"github.com/holtcache/holt/proto/slot"
)

// ShardSlots is a shard with the slots that it owns, or will once the migrations that are open have ended.
type ShardSlots struct {
	Shard  slot.ShardID
	Ranges []slot.Range
	// Leaving shards give up all their slots.
	Leaving bool
}

// Weights says what each slot counts in a balance. nil means that every slot counts 1, as long as it is not measured.
type Weights []uint64

func (w Weights) of(s slot.ID) uint64 {
	if w == nil {
		return 1
	}
	return max(w[s], 1) // or empty slots would go to and fro for nothing
}

// Move is slots to be handed from one shard to another.
type Move struct {
	From, To slot.ShardID
	// Ranges are in ascending order, neighbours joined.
	Ranges []slot.Range
}

// Slots is how many slots the move hands over.
func (m Move) Slots() int { return countSlots(m.Ranges) }

func countSlots(ranges []slot.Range) (n int) {
	for _, r := range ranges {
		n += r.Len()
	}
	return n
}

// measuredTolerance is by how much a measured share may differ from the mean before slots are moved for it: one part in
// so many. What is measured is never the same twice, and a plan that follows each change would never end.
const measuredTolerance = 10

// roundsMax bounds how often a plan is gone over again: once is enough where slots are counted, and where they are measured
// what is left after a few rounds is lighter than any slot.
const roundsMax = 8

// PlanMoves tells which slots to hand over, and to whom, so that the shards that stay weigh the same: to the slot where
// slots are counted; where they are measured once a shard is more than a part in measuredTolerance off the mean. It moves as
// few slots as that takes, and those so that there are few ranges afterwards. A plan for shards that are balanced is empty,
// and so is one for what an earlier plan has come to. The order of shards does not matter.
func PlanMoves(shards []ShardSlots, weights Weights) []Move {
	b := newBalance(shards, weights)
	if len(b.staying) == 0 {
		return nil
	}
	before := slices.Clone(b.owners)
	for range roundsMax {
		if !b.isOff() || !b.level() {
			break
		}
	}
	return movesBetween(before, b.owners)
}

// balance is a plan on its way.
type balance struct {
	weights Weights
	// owners are by slot, 0 for slots of nobody.
	owners  []slot.ShardID
	load    map[slot.ShardID]uint64
	staying []slot.ShardID // in ascending order
	leaving []slot.ShardID // in ascending order
	// tolerance is how far a shard may be off its quota before anything is moved.
	tolerance uint64
}

func newBalance(shards []ShardSlots, weights Weights) *balance {
	b := &balance{weights: weights, owners: make([]slot.ShardID, slot.Count), load: map[slot.ShardID]uint64{}}
	var total uint64
	for _, s := range shards {
		for _, r := range s.Ranges {
			for id := int(r.First); id <= int(r.Last); id++ {
				b.owners[id] = s.Shard
				b.load[s.Shard] += weights.of(slot.ID(id))
			}
		}
		total += b.load[s.Shard]
		if s.Leaving {
			b.leaving = append(b.leaving, s.Shard)
		} else {
			b.staying = append(b.staying, s.Shard)
		}
	}
	slices.Sort(b.staying)
	slices.Sort(b.leaving)
	if weights != nil && len(b.staying) > 0 {
		b.tolerance = total / uint64(len(b.staying)) / measuredTolerance
	}
	return b
}

// quotas is what each staying shard shall weigh. What does not divide goes to those that are heaviest already, so that
// nothing is moved for it.
func (b *balance) quotas() map[slot.ShardID]uint64 {
	var total uint64
	for _, load := range b.load {
		total += load
	}
	order := slices.Clone(b.staying)
	slices.SortStableFunc(order, func(x, y slot.ShardID) int { return cmp.Compare(b.load[y], b.load[x]) })
	n := uint64(len(order))
	quotas := make(map[slot.ShardID]uint64, n)
	for i, id := range order {
		quotas[id] = total / n
		if uint64(i) < total%n {
			quotas[id]++
		}
	}
	return quotas
}

// isOff tells whether something has to be moved.
func (b *balance) isOff() bool {
	for _, id := range b.leaving {
		if b.load[id] > 0 {
			return true
		}
	}
	for id, quota := range b.quotas() {
		if distance(b.load[id], quota) > b.tolerance {
			return true
		}
	}
	return false
}

func distance(a, b uint64) uint64 { return max(a, b) - min(a, b) }

// level hands slots from shards that are over their quota to those that are under it, and tells whether it found any. Each
// step takes the sum of the squares of what shards weigh down, or empties a leaving shard, so that steps end.
func (b *balance) level() (moved bool) {
	quotas := b.quotas()
	// stuck are donors none of whose slots is light enough for anybody.
	stuck := map[slot.ShardID]bool{}
	for {
		from, surplus := b.donor(quotas, stuck)
		if from == 0 {
			return moved
		}
		to, deficit := b.receiver(quotas, from, surplus)
		if to == 0 {
			return moved
		}
		isLeaving := slices.Contains(b.leaving, from)
		if !isLeaving && max(surplus, deficit) <= b.tolerance/2 {
			return moved
		}
		if b.take(from, to, min(surplus, deficit), isLeaving) {
			moved = true
		} else {
			stuck[from] = true
		}
	}
}

// donor is the shard that is furthest over its quota, one that leaves before any other.
func (b *balance) donor(quotas map[slot.ShardID]uint64, stuck map[slot.ShardID]bool) (from slot.ShardID, surplus uint64) {
	for _, id := range b.leaving {
		if b.load[id] > 0 {
			return id, b.load[id]
		}
	}
	for _, id := range b.staying {
		if over := b.load[id] - min(b.load[id], quotas[id]); over > surplus && !stuck[id] {
			from, surplus = id, over
		}
	}
	return from, surplus
}

// receiver is a shard that lacks just as much as the donor has to give, or else the one that lacks most; of several the one
// whose slots lie beside the donor's. Where nobody lacks anything it is the lightest.
func (b *balance) receiver(quotas map[slot.ShardID]uint64, from slot.ShardID, surplus uint64) (to slot.ShardID, deficit uint64) {
	beside := b.neighbours(from)
	rank := func(id slot.ShardID) (exact, lacks uint64, adjacent int, load uint64) {
		lacks = quotas[id] - min(quotas[id], b.load[id])
		if lacks == surplus {
			exact = 1
		}
		if beside[id] {
			adjacent = 1
		}
		return exact, lacks, adjacent, b.load[id]
	}
	for _, id := range b.staying {
		if id == from {
			continue
		}
		if to == 0 {
			to = id
			continue
		}
		exact, lacks, adjacent, load := rank(id)
		exactBest, lacksBest, adjacentBest, loadBest := rank(to)
		if cmp.Or(cmp.Compare(exact, exactBest), cmp.Compare(lacks, lacksBest), cmp.Compare(adjacent, adjacentBest), cmp.Compare(loadBest, load)) > 0 {
			to = id
		}
	}
	if to == 0 {
		return 0, 0
	}
	_, deficit, _, _ = rank(to)
	return to, deficit
}

// neighbours are the shards that own a slot beside one of the shard's.
func (b *balance) neighbours(shard slot.ShardID) map[slot.ShardID]bool {
	beside := map[slot.ShardID]bool{}
	for i := 1; i < slot.Count; i++ {
		switch left, right := b.owners[i-1], b.owners[i]; {
		case left == right:
		case left == shard:
			beside[right] = true
		case right == shard:
			beside[left] = true
		}
	}
	return beside
}
