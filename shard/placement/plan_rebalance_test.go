package placement

import (
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/holtcache/holt/proto/slot"
)

// parseRange reads "7" or "0-5460".
func parseRange(t *testing.T, word string) slot.Range {
	first, last, isRange := strings.Cut(word, "-")
	a, err := strconv.Atoi(first)
	b := a
	if err == nil && isRange {
		b, err = strconv.Atoi(last)
	}
	if r := (slot.Range{First: slot.ID(a), Last: slot.ID(b)}); err == nil && r.Valid() {
		return r
	}
	t.Fatalf("%q is no range of slots", word)
	return slot.Range{}
}

// parseRebalance reads the question of a golden case: "nodes a b@zone c!", "replicas 3", "target 4",
// "shard 1 0-5460 10-20 on a b c led by a", "weigh 0-99 5" (all others weigh 1).
func parseRebalance(t *testing.T, question [][]string) RebalanceInput {
	in := RebalanceInput{Replicas: 1}
	for _, line := range question {
		switch line[0] {
		case "nodes":
			in.Nodes = append(in.Nodes, parseNodes(line[1:])...)
		case "replicas":
			in.Replicas, _ = strconv.Atoi(line[1])
		case "target":
			in.Target, _ = strconv.Atoi(line[1])
		case "weigh":
			if in.Weights == nil {
				in.Weights = slices.Repeat(Weights{1}, slot.Count)
			}
			weight, _ := strconv.ParseUint(line[2], 10, 64)
			for r := parseRange(t, line[1]); r.First <= r.Last; r.First++ {
				in.Weights[r.First] = weight
			}
		case "shard":
			id, _ := strconv.ParseUint(line[1], 10, 64)
			s := ShardState{Shard: slot.ShardID(id), Preferred: line[len(line)-1]}
			on, led := slices.Index(line, "on"), slices.Index(line, "led")
			for _, word := range line[2:on] {
				s.Ranges = append(s.Ranges, parseRange(t, word))
			}
			s.Replicas = line[on+1 : led]
			in.Shards = append(in.Shards, s)
		default:
			t.Fatalf("line %v", line)
		}
	}
	return in
}

func TestPlansOfRebalances(t *testing.T) {
	golden(t, "rebalance.txt", func(t *testing.T, question [][]string) string {
		plan, err := PlanRebalance(parseRebalance(t, question))
		if err != nil {
			return err.Error() + "\n"
		}
		if plan.IsEmpty() {
			return "nothing\n"
		}
		var out strings.Builder
		for _, s := range plan.Create {
			fmt.Fprintf(&out, "create shard %d on %s, led by %s\n", s.Shard, strings.Join(s.Replicas, " "), s.PreferredLeader)
		}
		for _, m := range plan.Moves {
			fmt.Fprintf(&out, "move %d slots from %d to %d: %v\n", m.Slots(), m.From, m.To, m.Ranges)
		}
		for _, id := range plan.Dissolve {
			fmt.Fprintf(&out, "dissolve shard %d\n", id)
		}
		return out.String()
	})
}

// drawShards divides all slots among shards at random, in few or many pieces.
func drawShards(t *rapid.T) []ShardSlots {
	count := rapid.IntRange(1, 12).Draw(t, "shards")
	shards := make([]ShardSlots, count)
	for i := range shards {
		shards[i] = ShardSlots{Shard: slot.ShardID(i + 1), Leaving: i > 0 && rapid.IntRange(0, 4).Draw(t, "leaving") == 0}
	}
	cuts := rapid.SliceOfNDistinct(rapid.IntRange(1, slot.Count-1), 0, 40, rapid.ID).Draw(t, "cuts")
	slices.Sort(cuts)
	first := 0
	for _, next := range append(cuts, slot.Count) {
		s := &shards[rapid.IntRange(0, count-1).Draw(t, "owner")]
		s.Ranges = append(s.Ranges, slot.Range{First: slot.ID(first), Last: slot.ID(next - 1)})
		first = next
	}
	return shards
}

// after is the shards once the moves are done; every slot has to be where the moves say it is.
func after(t *rapid.T, shards []ShardSlots, moves []Move) []ShardSlots {
	owners := newBalance(shards, nil).owners
	for _, m := range moves {
		for _, r := range m.Ranges {
			for s := int(r.First); s <= int(r.Last); s++ {
				if owners[s] != m.From || m.From == m.To {
					t.Fatalf("slot %d of shard %d is moved from %d to %d", s, owners[s], m.From, m.To)
				}
				owners[s] = m.To
			}
		}
	}
	b := balance{owners: owners}
	done := slices.Clone(shards)
	for i := range done {
		done[i].Ranges = b.runs(done[i].Shard)
	}
	return done
}

func TestPlannedMovesBalanceSlotsWithAsFewAsPossible(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		shards := drawShards(t)
		moves := PlanMoves(shards, nil)
		done := after(t, shards, moves)
		staying, fewest, most := 0, slot.Count, 0
		for _, s := range done {
			n := countSlots(s.Ranges)
			if s.Leaving {
				if n > 0 {
					t.Fatalf("leaving shard %d keeps %d slots", s.Shard, n)
				}
				continue
			}
			staying++
			fewest, most = min(fewest, n), max(most, n)
		}
		if most-fewest > 1 {
			t.Fatalf("shards own %d to %d slots", fewest, most)
		}
		// A shard that is over its share has to give what is over, and nobody else anything.
		need, moved := 0, 0
		for _, s := range shards {
			n := countSlots(s.Ranges)
			if s.Leaving {
				need += n
			} else if n > fewest {
				need += n - min(n, most)
			}
		}
		for _, m := range moves {
			moved += m.Slots()
		}
		if most == fewest && moved != need || moved > need+staying {
			t.Fatalf("%d slots are moved, %d have to be", moved, need)
		}
		if again := PlanMoves(done, nil); len(again) > 0 {
			t.Fatalf("what has been balanced is not at rest: %v", again)
		}
		shuffled := rapid.Permutation(shards).Draw(t, "order")
		if other := PlanMoves(shuffled, nil); !reflect.DeepEqual(moves, other) {
			t.Fatalf("the order of shards changes the plan from %v to %v", moves, other)
		}
	})
}

// A plan that is carried out in part and made again comes to the same, with no slot moved twice.
func TestPlanThatIsInterruptedGoesOnWhereItWas(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		shards := drawShards(t)
		total, moved := 0, map[slot.ID]bool{}
		for _, m := range PlanMoves(shards, nil) {
			total += m.Slots()
		}
		for range slot.Count {
			moves := PlanMoves(shards, nil)
			if len(moves) == 0 {
				break
			}
			m := moves[rapid.IntRange(0, len(moves)-1).Draw(t, "move")]
			m.Ranges = clipRanges(m.Ranges, rapid.IntRange(1, m.Slots()).Draw(t, "slots"))
			for _, r := range m.Ranges {
				for s := r.First; s <= r.Last; s++ {
					if moved[s] {
						t.Fatalf("slot %d is moved twice", s)
					}
					moved[s] = true
				}
			}
			shards = after(t, shards, []Move{m})
		}
		if len(moved) != total {
			t.Fatalf("%d slots were moved in parts, %d in one go", len(moved), total)
		}
	})
}

func TestMeasuredPlansTakeLoadOffTheHeaviest(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		shards := drawShards(t)
		weights := make(Weights, slot.Count)
		for s := range weights {
			weights[s] = 1000
		}
		for range rapid.IntRange(0, 30).Draw(t, "hot ranges") {
			from := rapid.IntRange(0, slot.Count-1).Draw(t, "first")
			weight := rapid.Uint64Range(0, 1_000_000).Draw(t, "weight")
			for s := from; s < min(slot.Count, from+rapid.IntRange(1, 500).Draw(t, "length")); s++ {
				weights[s] = weight
			}
		}
		heaviest := func(shards []ShardSlots) (most uint64) {
			b := newBalance(shards, weights)
			for _, id := range b.staying {
				most = max(most, b.load[id])
			}
			return most
		}
		moves := PlanMoves(shards, weights)
		done := after(t, shards, moves)
		anyLeaves := slices.ContainsFunc(shards, func(s ShardSlots) bool { return s.Leaving && len(s.Ranges) > 0 })
		if !anyLeaves && heaviest(done) > heaviest(shards) {
			t.Fatalf("the heaviest shard weighs %d instead of %d", heaviest(done), heaviest(shards))
		}
		if again := PlanMoves(done, weights); len(again) > 0 {
			t.Fatalf("what has been balanced is not at rest: %v", again)
		}
		// A shard that is off the mean by more than the tolerance has no slot at an end of its ranges that would suit another.
		b := newBalance(done, weights)
		quotas := b.quotas()
		for _, from := range b.staying {
			over := b.load[from] - min(b.load[from], quotas[from])
			if over <= b.tolerance {
				continue
			}
			_, lacks := b.receiver(quotas, from, over)
			for _, run := range b.runs(from) {
				if w := min(weights.of(run.First), weights.of(run.Last)); w < 2*min(over, lacks) {
					t.Fatalf("shard %d weighs %d too much, another lacks %d, and slots %v end with one of %d", from, over, lacks, run, w)
				}
			}
		}
	})
}
