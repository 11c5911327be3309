package placement

import (
	"cmp"
	"slices"

	"github.com/holtcache/holt/proto/slot"
)

// cut is slots that could go together: part of a run of slots that one shard owns.
type cut struct {
	slot.Range
	weight uint64
	// joins: the slots lie beside some that the receiver owns. whole: nothing of the run is left.
	joins, whole bool
}

// take hands slots of about that weight to another shard and tells whether it found any. Every one comes along from a shard
// that leaves if nothing else does.
func (b *balance) take(from, to slot.ShardID, weight uint64, leaving bool) bool {
	best, found := cut{}, false
	for _, run := range b.runs(from) {
		for _, c := range b.cuts(run, to, weight, leaving) {
			if !found || c.better(best) {
				best, found = c, true
			}
		}
	}
	if !found {
		return false
	}
	for s := int(best.First); s <= int(best.Last); s++ {
		b.owners[s] = to
	}
	b.load[from] -= best.weight
	b.load[to] += best.weight
	return true
}

// better prefers what leaves the fewest ranges behind, then what weighs most, then the higher slots.
func (c cut) better(other cut) bool {
	return cmp.Or(
		cmp.Compare(c.joined(), other.joined()), cmp.Compare(c.weight, other.weight), cmp.Compare(c.First, other.First),
	) > 0
}

// joined is by how many ranges there are less afterwards, compared with a cut that joins nothing.
func (c cut) joined() (n int) {
	if c.joins {
		n++
	}
	if c.whole {
		n++
	}
	return n
}

// runs lists the slots of a shard as maximal ranges.
func (b *balance) runs(shard slot.ShardID) []slot.Range {
	var runs []slot.Range
	for s, owner := range b.owners {
		switch n := len(runs); {
		case owner != shard:
		case n > 0 && int(runs[n-1].Last) == s-1:
			runs[n-1].Last = slot.ID(s)
		default:
			runs = append(runs, slot.Range{First: slot.ID(s), Last: slot.ID(s)})
		}
	}
	return runs
}

// cuts are the two ends of a run, each as long as the weight allows.
func (b *balance) cuts(run slot.Range, to slot.ShardID, weight uint64, leaving bool) []cut {
	var cuts []cut
	for _, step := range []int{1, -1} {
		at, neighbour := int(run.First), int(run.First)-1
		if step < 0 {
			at, neighbour = int(run.Last), int(run.Last)+1
		}
		count, taken := b.fill(at, step, run.Len(), weight, leaving)
		if count == 0 {
			continue
		}
		c := cut{Range: slot.Range{First: run.First, Last: run.First + slot.ID(count-1)}, weight: taken, whole: count == run.Len()}
		if step < 0 {
			c.Range = slot.Range{First: run.Last - slot.ID(count-1), Last: run.Last}
		}
		c.joins = neighbour >= 0 && neighbour < slot.Count && b.owners[neighbour] == to
		cuts = append(cuts, c)
	}
	return cuts
}

// fill counts slots from one end of a run until their weight is as near to the one that is wanted as it gets.
func (b *balance) fill(at, step, length int, weight uint64, leaving bool) (count int, taken uint64) {
	for count < length {
		w := b.weights.of(slot.ID(at))
		if !(leaving && count == 0) && taken+w > weight && taken+w-weight >= weight-min(taken, weight) {
			break
		}
		taken += w
		count++
		at += step
		if taken >= weight {
			break
		}
	}
	return count, taken
}

// movesBetween is what has to be moved to get from one assignment to another, in the order of shards.
func movesBetween(before, after []slot.ShardID) []Move {
	type pair struct{ from, to slot.ShardID }
	ranges := map[pair][]slot.Range{}
	for first := 0; first < len(before); {
		p, last := pair{before[first], after[first]}, first
		for last+1 < len(before) && p == (pair{before[last+1], after[last+1]}) {
			last++
		}
		if p.from != p.to {
			ranges[p] = append(ranges[p], slot.Range{First: slot.ID(first), Last: slot.ID(last)})
		}
		first = last + 1
	}
	var moves []Move
	for p, r := range ranges {
		moves = append(moves, Move{From: p.from, To: p.to, Ranges: r})
	}
	slices.SortFunc(moves, func(a, b Move) int { return cmp.Or(cmp.Compare(a.From, b.From), cmp.Compare(a.To, b.To)) })
	return moves
}

// clipRanges is the first slots of ranges, at most n.
func clipRanges(ranges []slot.Range, n int) []slot.Range {
	var clipped []slot.Range
	for _, r := range ranges {
		if n <= 0 {
			break
		}
		r.Last = min(r.Last, r.First+slot.ID(n-1))
		clipped = append(clipped, r)
		n -= r.Len()
	}
	return clipped
}
