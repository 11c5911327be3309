package placement

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/holtcache/holt/proto/slot"
)

// parseShard reads "shard 1 a b c prefers a want 3".
func parseShard(line []string) ShardReplicas {
	prefers, want := slices.Index(line, "prefers"), slices.Index(line, "want")
	id, _ := strconv.Atoi(line[1])
	n, _ := strconv.Atoi(line[want+1])
	return ShardReplicas{Shard: slot.ShardID(id), Replicas: line[2:prefers], Preferred: line[prefers+1], Want: n}
}

func TestPlansOfReplicas(t *testing.T) {
	golden(t, "replicas.txt", func(t *testing.T, question [][]string) string {
		var nodes []Node
		var shards []ShardReplicas
		for _, line := range question {
			switch line[0] {
			case "nodes":
				nodes = parseNodes(line[1:])
			case "shard":
				shards = append(shards, parseShard(line))
			default:
				t.Fatalf("line %v", line)
			}
		}
		var out strings.Builder
		for _, set := range PlanReplicas(nodes, shards) {
			fmt.Fprintf(&out, "%d on %s", set.Shard, strings.Join(set.Replicas, " "))
			if set.Missing > 0 {
				fmt.Fprintf(&out, ", %d missing", set.Missing)
			}
			out.WriteByte('\n')
		}
		for _, m := range PlanSpread(nodes, shards) {
			fmt.Fprintf(&out, "spread %d from %s to %s\n", m.Shard, m.From, m.To)
		}
		return out.String()
	})
}

func TestStepsOfAShard(t *testing.T) {
	golden(t, "members.txt", func(t *testing.T, question [][]string) string {
		var nodes []Node
		s := ShardSituation{Group: Group{Serving: true}}
		for _, line := range question {
			switch line[0] {
			case "nodes":
				nodes = parseNodes(line[1:])
			case "named":
				s.Replicas = line[1:]
			case "final":
				s.Final = line[1:]
			case "prefers":
				s.Preferred = line[1]
			case "voters":
				s.Group.Members.Voters = line[1:]
			case "learners":
				s.Group.Members.Learners = line[1:]
			case "caught-up":
				s.Group.CaughtUp = line[1:]
			case "leader":
				s.Group.Leader = line[1]
			case "starting":
				s.Group.Serving = false
			default:
				t.Fatalf("line %v", line)
			}
		}
		is := func(what func(Node) bool) func(string) bool {
			return func(id string) bool {
				return slices.ContainsFunc(nodes, func(n Node) bool { return n.ID == id && what(n) })
			}
		}
		s.Alive, s.Gone = is(func(n Node) bool { return n.Alive }), is(func(n Node) bool { return n.Gone })
		s.Prefers = func(string) int { return 0 }
		step := NextStep(s)
		if step.Action == ShardDone {
			return "done\n"
		}
		verb := map[ShardAction]string{ShardAwait: "await", ShardName: "name", ShardUnname: "unname", ShardPrefer: "prefer", ShardChange: "change", ShardTransfer: "transfer"}[step.Action]
		return verb + ": " + step.Waiting + "\n"
	})
}

// Whatever nodes and replicas there are: the plan gives every shard what it should have where nodes suffice, touches no more
// replicas than it has to, and a second plan on its result changes nothing.
func TestPlansOfReplicasHealWithTheFewestChanges(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		nodes, shards := drawReplicas(t)
		usable := 0
		byID := map[string]Node{}
		for _, n := range nodes {
			byID[n.ID] = n
			if n.Alive && !n.Leaving() {
				usable++
			}
		}
		sets := PlanReplicas(nodes, shards)
		for i, set := range sets {
			s := shards[i]
			good := 0
			for _, id := range set.Replicas {
				if !byID[id].Leaving() {
					good++
				}
				if !slices.Contains(s.Replicas, id) && (!byID[id].Alive || byID[id].Leaving()) {
					t.Fatalf("shard %d: %s is given a replica: %+v", s.Shard, id, byID[id])
				}
			}
			if good != s.Want-set.Missing || set.Missing > 0 && usable >= s.Want || !slices.IsSorted(set.Replicas) || len(slices.Compact(slices.Clone(set.Replicas))) != len(set.Replicas) {
				t.Fatalf("shard %d of %v, want %d: %+v on %+v", s.Shard, s.Replicas, s.Want, set, nodes)
			}
			staying := len(slices.DeleteFunc(slices.Clone(s.Replicas), func(id string) bool { return byID[id].Leaving() }))
			if added := countNew(set.Replicas, s.Replicas); added > max(s.Want-staying, 0) {
				t.Fatalf("shard %d of %v: %d replicas are added in %v", s.Shard, s.Replicas, added, set.Replicas)
			}
			shards[i].Replicas = set.Replicas
		}
		for i, again := range PlanReplicas(nodes, shards) {
			if !slices.Equal(again.Replicas, sets[i].Replicas) {
				t.Fatalf("shard %d: %v, planned again %v", again.Shard, sets[i].Replicas, again.Replicas)
			}
		}
	})
}

// Spreading comes to rest, with loads that differ by at most one where all nodes are of one zone.
func TestSpreadReplicasAreEven(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		nodes, shards := drawReplicas(t)
		for i := range nodes {
			nodes[i] = Node{ID: nodes[i].ID, Alive: true}
		}
		for i := range shards {
			shards[i].Replicas = PlanReplicas(nodes, shards[i:i+1])[0].Replicas
		}
		for _, m := range PlanSpread(nodes, shards) {
			s := &shards[slices.IndexFunc(shards, func(s ShardReplicas) bool { return s.Shard == m.Shard })]
			if !slices.Contains(s.Replicas, m.From) || slices.Contains(s.Replicas, m.To) {
				t.Fatalf("%+v of %v", m, s.Replicas)
			}
			s.Replicas = append(slices.DeleteFunc(slices.Clone(s.Replicas), func(id string) bool { return id == m.From }), m.To)
		}
		load := map[string]int{}
		for _, s := range shards {
			for _, id := range s.Replicas {
				load[id]++
			}
		}
		for _, s := range shards { // no shard may have its replicas on all nodes, or evenness is out of reach
			if lo, hi := span(nodes, load); hi-lo > 1 && len(s.Replicas) < len(nodes) && load[s.Replicas[0]] == hi {
				for _, n := range nodes {
					if load[n.ID] == lo && !slices.Contains(s.Replicas, n.ID) {
						t.Fatalf("loads %v, and shard %d could still move from %s to %s", load, s.Shard, s.Replicas[0], n.ID)
					}
				}
			}
		}
		if again := PlanSpread(nodes, shards); len(again) > 0 {
			t.Fatalf("spread shards would move again: %v", again)
		}
	})
}

func drawReplicas(t *rapid.T) ([]Node, []ShardReplicas) {
	var nodes []Node
	var ids []string
	for i := range rapid.IntRange(3, 7).Draw(t, "nodes") {
		n := Node{ID: fmt.Sprint("n", i), Zone: rapid.SampledFrom([]string{"x", "y", "z"}).Draw(t, "zone"), Alive: true}
		switch rapid.IntRange(0, 5).Draw(t, "state") {
		case 0:
			n.Draining = true
		case 1:
			n.Alive, n.Gone = false, true
		case 2:
			n.Alive = false
		}
		nodes, ids = append(nodes, n), append(ids, n.ID)
	}
	var shards []ShardReplicas
	for i := range rapid.IntRange(1, 8).Draw(t, "shards") {
		held := rapid.Permutation(ids).Draw(t, "replicas")[:rapid.IntRange(1, min(4, len(ids))).Draw(t, "held")]
		shards = append(shards, ShardReplicas{
			Shard: slot.ShardID(i + 1), Replicas: slices.Sorted(slices.Values(held)), Preferred: held[0],
			Want: rapid.SampledFrom([]int{1, 3}).Draw(t, "want"),
		})
	}
	return nodes, shards
}

func countNew(now, before []string) int {
	return len(slices.DeleteFunc(slices.Clone(now), func(id string) bool { return slices.Contains(before, id) }))
}

// Spreading is begun by naming replicas in the state; who gives way to them is planned later, perhaps by another controller.
// Whatever the order, it ends, and leaves nothing to move.
func TestSpreadingInStepsComesToRest(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		nodes, shards := drawReplicas(t)
		for i := range nodes {
			nodes[i].Alive, nodes[i].Gone = true, false
		}
		for range 50 {
			sets := PlanReplicas(nodes, shards)
			busy := 0
			for i, set := range sets {
				if !slices.Equal(set.Replicas, shards[i].Replicas) {
					busy++
					if rapid.Bool().Draw(t, "finishes") {
						shards[i].Replicas = set.Replicas
					}
				}
			}
			moves := PlanSpread(nodes, shards)
			if busy == 0 && len(moves) == 0 {
				return
			}
			for _, m := range moves {
				i := slices.IndexFunc(shards, func(s ShardReplicas) bool { return s.Shard == m.Shard })
				if slices.Equal(sets[i].Replicas, shards[i].Replicas) {
					shards[i].Replicas = slices.Sorted(slices.Values(append(slices.Clone(shards[i].Replicas), m.To)))
				}
			}
		}
		t.Fatalf("it never comes to rest: %+v on %+v", shards, nodes)
	})
}

func TestPreferredLeadersAreSpreadWithFewChanges(t *testing.T) {
	replicas := [][]string{{"a", "b", "d"}, {"a", "b", "c"}, {"a", "c", "d"}, {"b", "c", "d"}}
	got := PlanPreferred(replicas, []string{"a", "a", "c", "b"})
	if want := []string{"d", "a", "c", "b"}; !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	if again := PlanPreferred(replicas, got); !slices.Equal(again, got) {
		t.Errorf("planned again: %v, want %v", again, got)
	}
}
