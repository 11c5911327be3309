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

// parseNode reads "a" or "a@zone", with "!" behind it where it is dead, "!!" where it is gone, "-" where it is draining,
// "-+" where it is draining and holds replicas still.
func parseNode(word string) Node {
	word, holding := strings.CutSuffix(word, "+")
	word, draining := strings.CutSuffix(word, "-")
	word, gone := strings.CutSuffix(word, "!!")
	word, dead := strings.CutSuffix(word, "!")
	id, zone, _ := strings.Cut(word, "@")
	return Node{ID: id, Zone: zone, Alive: !dead && !gone, Gone: gone, Draining: draining, Holding: holding}
}

func parseNodes(words []string) []Node {
	var nodes []Node
	for _, w := range words {
		nodes = append(nodes, parseNode(w))
	}
	return nodes
}

func TestPlansOfShards(t *testing.T) {
	golden(t, "shards.txt", func(t *testing.T, question [][]string) string {
		shards, replicas := 0, 0
		var nodes []Node
		for _, line := range question {
			switch line[0] {
			case "shards":
				shards, _ = strconv.Atoi(line[1])
			case "replicas":
				replicas, _ = strconv.Atoi(line[1])
			case "nodes":
				nodes = append(nodes, parseNodes(line[1:])...)
			default:
				t.Fatalf("line %v", line)
			}
		}
		var out strings.Builder
		for _, p := range PlanShards(nodes, shards, replicas) {
			fmt.Fprintf(&out, "%v on %s, led by %s\n", p.Range, strings.Join(p.Replicas, " "), p.PreferredLeader)
		}
		return out.String()
	})
}

func TestPlansOfShardsAreEvenWhateverTheNodes(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		// Zones of one size each, at least as many as replicas, or just one: then nothing stands against evenness.
		replicas := rapid.SampledFrom([]int{1, 3, 5}).Draw(t, "replicas")
		zones := rapid.SampledFrom([]int{1, replicas, replicas + 1}).Draw(t, "zones")
		perZone := rapid.IntRange(max(1, (replicas+zones-1)/zones), 6).Draw(t, "nodes per zone")
		var nodes []Node
		for i := range zones * perZone {
			nodes = append(nodes, Node{ID: fmt.Sprintf("n%02d", i), Zone: fmt.Sprint("z", i%zones)})
		}
		shards := rapid.IntRange(1, 40).Draw(t, "shards")
		plans := PlanShards(nodes, shards, replicas)

		held, led := map[string]int{}, map[string]int{}
		next := 0
		for _, p := range plans {
			if int(p.Range.First) != next {
				t.Fatalf("range %v does not follow slot %d", p.Range, next)
			}
			next = int(p.Range.Last) + 1
			inZone := map[string]int{}
			for _, id := range p.Replicas {
				held[id]++
				inZone[nodes[slices.IndexFunc(nodes, func(n Node) bool { return n.ID == id })].Zone]++
			}
			led[p.PreferredLeader]++
			if len(slices.Compact(slices.Clone(p.Replicas))) != replicas || !slices.IsSorted(p.Replicas) || !slices.Contains(p.Replicas, p.PreferredLeader) {
				t.Fatalf("plan %+v of %d replicas", p, replicas)
			}
			if zones > 1 && len(inZone) != replicas {
				t.Fatalf("plan %+v shares a zone", p)
			}
		}
		if next != slot.Count {
			t.Fatalf("the plan ends at slot %d", next)
		}
		if lo, hi := span(nodes, held); hi-lo > 1 {
			t.Fatalf("nodes hold from %d to %d replicas: %v", lo, hi, held)
		}
		if lo, hi := span(nodes, led); hi-lo > 1 {
			t.Fatalf("nodes lead from %d to %d shards: %v", lo, hi, led)
		}
		shuffled := rapid.Permutation(nodes).Draw(t, "order")
		if again := PlanShards(shuffled, shards, replicas); !reflect.DeepEqual(plans, again) {
			t.Fatalf("the order of the nodes changes the plan from %v to %v", plans, again)
		}
	})
}

func span(nodes []Node, counts map[string]int) (lo, hi int) {
	lo = counts[nodes[0].ID]
	for _, n := range nodes {
		lo, hi = min(lo, counts[n.ID]), max(hi, counts[n.ID])
	}
	return lo, hi
}

// Where a greedy choice is stuck, leaderships have to move along a chain of shards.
func TestLeadersAreSpreadAsFarAsReplicasAllow(t *testing.T) {
	got := spreadLeaders([][]string{{"a", "b"}, {"b", "c"}, {"a"}, {"a"}, {"b", "a"}, {"c", "b"}})
	led := map[string]int{}
	for _, leader := range got {
		led[leader]++
	}
	if want := map[string]int{"a": 2, "b": 2, "c": 2}; !reflect.DeepEqual(led, want) {
		t.Errorf("leaders %v, counts %v, want %v", got, led, want)
	}
}

func TestReplicasOfAnOddNumberThatFitsTheNodes(t *testing.T) {
	for nodes, want := range map[int]int{1: 1, 2: 1, 3: 3, 4: 3, 5: 3, 100: 3} {
		if got := DefaultReplicas(nodes); got != want {
			t.Errorf("DefaultReplicas(%d) = %d, want %d", nodes, got, want)
		}
	}
	for _, c := range []struct {
		n, nodes int
		want     string
	}{
		{0, 1, ""}, {1, 1, ""}, {3, 3, ""}, {5, 9, ""},
		{2, 5, "--replicas=2: a shard of 2 tolerates no failure; use 1, 3 or 5"},
		{4, 5, "--replicas=4: a shard of 4 tolerates no more failures than one of 3; use 1, 3 or 5"},
		{7, 9, "--replicas=7: use 1, 3 or 5"},
		{-1, 9, "--replicas=-1: use 1, 3 or 5"},
		{5, 3, "--replicas=5: a node holds one replica of a shard and there are 3 nodes; start 2 more, or use 3"},
	} {
		got := ""
		if err := CheckReplicas(c.n, c.nodes); err != nil {
			got = err.Error()
		}
		if got != c.want {
			t.Errorf("CheckReplicas(%d, %d) says %q, want %q", c.n, c.nodes, got, c.want)
		}
	}
}

func TestStepsOfTheMetaGroup(t *testing.T) {
	verbs := map[MetaAction]string{
		MetaDone: "done", MetaAddLearner: "add", MetaAwaitCatchUp: "await", MetaPromote: "promote", MetaRemove: "remove", MetaHandOver: "hand over to",
	}
	golden(t, "meta.txt", func(t *testing.T, question [][]string) string {
		var nodes []Node
		var group Members
		var caughtUp []string
		leader := "a"
		for _, line := range question {
			switch line[0] {
			case "nodes":
				nodes = parseNodes(line[1:])
			case "voters":
				group.Voters = line[1:]
			case "learners":
				group.Learners = line[1:]
			case "caught-up":
				caughtUp = line[1:]
			case "leader":
				leader = line[1]
			default:
				t.Fatalf("line %v", line)
			}
		}
		step := PlanMeta(nodes, group, leader, func(node string) bool { return slices.Contains(caughtUp, node) })
		return strings.Join(append([]string{fmt.Sprintf("%d voters: %s", step.Target, verbs[step.Action])}, step.Nodes...), " ") + "\n"
	})
}

func TestTransfersOfLeaders(t *testing.T) {
	golden(t, "leaders.txt", func(t *testing.T, question [][]string) string {
		var shards []ShardLeader
		dead, behind := map[string]bool{}, map[string]bool{}
		limit := 2
		for _, line := range question {
			switch line[0] {
			case "shard": // shard 1 a b c prefers a led by b [held]
				prefers, led := slices.Index(line, "prefers"), slices.Index(line, "by")
				id, _ := strconv.Atoi(line[1])
				s := ShardLeader{Shard: slot.ShardID(id), Replicas: line[2:prefers], Preferred: line[prefers+1], Leader: line[led+1], Held: line[len(line)-1] == "held"}
				if s.Leader == "nobody" {
					s.Leader = ""
				}
				shards = append(shards, s)
			case "dead":
				for _, id := range line[1:] {
					dead[id] = true
				}
			case "behind": // behind 1/a
				for _, replica := range line[1:] {
					behind[replica] = true
				}
			case "limit":
				limit, _ = strconv.Atoi(line[1])
			default:
				t.Fatalf("line %v", line)
			}
		}
		transfers := PlanLeaders(shards, func(id string) bool { return !dead[id] },
			func(shard slot.ShardID, node string) bool { return !behind[fmt.Sprintf("%d/%s", shard, node)] }, limit)
		if len(transfers) == 0 {
			return "stay\n"
		}
		var out strings.Builder
		for _, tr := range transfers {
			fmt.Fprintf(&out, "shard %d from %s to %s\n", tr.Shard, tr.From, tr.To)
		}
		return out.String()
	})
}

// Whatever the leaders, replicas and dead nodes: carrying out the plans comes to rest, with each shard whose preferred
// replica is alive led by that, and no more than limit shards moved at once.
func TestTransfersComeToRest(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		nodes := []string{"a", "b", "c", "d", "e"}
		dead := rapid.SampledFrom([]string{"", "a", "e"}).Draw(t, "dead")
		alive := func(id string) bool { return id != dead }
		var shards []ShardLeader
		for i := range rapid.IntRange(1, 20).Draw(t, "shards") {
			replicas := rapid.Permutation(nodes).Draw(t, "replicas")[:3]
			led := slices.DeleteFunc(slices.Clone(replicas), func(id string) bool { return !alive(id) })
			shards = append(shards, ShardLeader{
				Shard: slot.ShardID(i + 1), Replicas: slices.Sorted(slices.Values(replicas)),
				Preferred: replicas[0], Leader: rapid.SampledFrom(led).Draw(t, "leader"),
			})
		}
		limit := rapid.IntRange(1, 3).Draw(t, "limit")
		for range 200 {
			transfers := PlanLeaders(shards, alive, func(slot.ShardID, string) bool { return true }, limit)
			if len(transfers) > limit {
				t.Fatalf("%d transfers at once, limit %d", len(transfers), limit)
			}
			if len(transfers) == 0 {
				for _, s := range shards {
					if alive(s.Preferred) && s.Leader != s.Preferred {
						t.Fatalf("at rest, %+v is not led by its preferred replica", s)
					}
				}
				return
			}
			for _, tr := range transfers {
				s := &shards[tr.Shard-1]
				if s.Leader != tr.From || !alive(tr.To) || !slices.Contains(s.Replicas, tr.To) {
					t.Fatalf("transfer %+v of %+v", tr, *s)
				}
				s.Leader = tr.To
			}
		}
		t.Fatal("after 200 rounds leaders still move")
	})
}
