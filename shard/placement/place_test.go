package placement

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	storagev1 "github.com/holtcache/holt/proto/holt/storage/v1"
	"github.com/holtcache/holt/proto/slot"
	"github.com/holtcache/holt/raftfsm/meta"
)

// formed is a cluster of a, b and c with formed shards, and of spare nodes that hold nothing.
func formed(t *testing.T, w *world, shards int, spares ...string) {
	t.Helper()
	whole(t, w, shards)
	for _, s := range w.machine.State().Shards() {
		w.must(&storagev1.MetaCommand{Command: &storagev1.MetaCommand_ReportFormed{ReportFormed: &storagev1.ReportFormed{Shard: uint64(s.ID), Incarnation: 2}}})
	}
	w.must(&storagev1.MetaCommand{Command: &storagev1.MetaCommand_SetMetaVoters{SetMetaVoters: &storagev1.SetMetaVoters{Expected: []string{"a"}, Voters: []string{"a", "b", "c"}}}})
	w.register(spares...)
}

func (w *world) must(command *storagev1.MetaCommand) {
	w.t.Helper()
	if r := w.apply(command); r.Err != nil {
		w.t.Fatal(r.Err)
	}
}

func (w *world) drain(node string) {
	w.must(&storagev1.MetaCommand{Command: &storagev1.MetaCommand_SetNodeDraining{SetNodeDraining: &storagev1.SetNodeDraining{Id: node, Draining: true}}})
}

// wantPlaced checks that every shard has three voters, those that the state names, and that a node holds nothing.
func wantPlaced(t *testing.T, w *world, without string) {
	t.Helper()
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, s := range w.machine.State().Shards() {
		m := w.group(s.ID)
		if len(m.Voters) != 3 || len(m.Learners) > 0 || !slices.Equal(slices.Sorted(slices.Values(m.Voters)), s.Replicas) {
			t.Errorf("shard %d: members %+v, named %v", s.ID, *m, s.Replicas)
		}
		if slices.Contains(s.Replicas, without) || w.leaders[s.ID] == without || s.PreferredLeader == without {
			t.Errorf("shard %d is still on %s: %v, led by %s, prefers %s", s.ID, without, s.Replicas, w.leaders[s.ID], s.PreferredLeader)
		}
	}
	if voters := w.machine.State().MetaVoters(); len(voters) != 3 || slices.Contains(voters, without) || !sameSet(voters, w.members.Voters) {
		t.Errorf("meta group: noted %v, members %+v", voters, w.members)
	}
}

// A node whose replica is damaged takes it out of the group by itself. Where the shard was as it is to be again, nothing but the
// members tells that something is to be done.
func TestReplicaThatHasLeftByItselfIsGivenAgain(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world, run func(string) (*Controller, *logLines)) {
		formed(t, w, 3)
		c, _ := run("a")
		pass(time.Minute)
		s, _ := w.machine.State().Shard(1)
		leaves := s.Replicas[slices.IndexFunc(s.Replicas, func(id string) bool { return id != s.PreferredLeader })]
		others := slices.DeleteFunc(slices.Clone(s.Replicas), func(id string) bool { return id == leaves })
		w.change(func() {
			m := w.group(1)
			m.Voters, m.Index = slices.DeleteFunc(slices.Clone(m.Voters), func(id string) bool { return id == leaves }), m.Index+1
		})
		w.must(ReplicasCommand(s, others))
		pass(time.Minute)
		wantPlaced(t, w, "")
		wantStatus(t, c)
	})
}

func TestDrainingNodeGivesUpAllThatItHolds(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world, run func(string) (*Controller, *logLines)) {
		formed(t, w, 6, "d")
		c, log := run("a")
		pass(time.Minute)
		wantStatus(t, c)
		if done := w.done(); len(done) > 0 {
			t.Fatalf("a node that has joined is given something: %v", done)
		}
		w.drain("b")
		pass(time.Minute)
		wantPlaced(t, w, "b")
		wantStatus(t, c)
		w.must(&storagev1.MetaCommand{Command: &storagev1.MetaCommand_RemoveNode{RemoveNode: &storagev1.RemoveNode{Id: "b"}}})
		before := len(w.done())
		pass(10 * time.Minute)
		if done := w.done(); len(done) > before {
			t.Errorf("at rest it went on: %v", done[before:])
		}
		if got := log.having("WARN"); len(got) > 0 {
			t.Errorf("warned %v", got)
		}
	})
}

// The controller's own node drains: it hands the meta group over, and the next controller ends the work.
func TestDrainingControllerHandsOver(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world, run func(string) (*Controller, *logLines)) {
		formed(t, w, 3, "d")
		run("a")
		run("b")
		w.drain("a")
		pass(time.Minute)
		wantPlaced(t, w, "a")
		if w.leader != "b" {
			t.Errorf("the meta group is led by %s", w.leader)
		}
	})
}

func TestDeadNodeIsReplacedOnceItIsGone(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world, run func(string) (*Controller, *logLines)) {
		formed(t, w, 4, "d")
		c, _ := run("a")
		w.change(func() { w.dead["c"] = true })
		w.lead(func(s meta.Shard) string {
			if s.PreferredLeader == "c" {
				return "a"
			}
			return s.PreferredLeader
		})
		pass(5*time.Minute - 10*time.Second)
		if got := w.counted("add") + w.counted("SetReplicas"); got > 0 {
			t.Fatalf("before its time was over: %v", w.done())
		}
		w.change(func() { w.dead["c"] = false }) // a moment of life, and its time begins anew
		pass(2 * time.Second)
		w.change(func() { w.dead["c"] = true })
		pass(5*time.Minute - 10*time.Second)
		if got := w.counted("add") + w.counted("SetReplicas"); got > 0 {
			t.Fatalf("its time did not begin anew: %v", w.done())
		}
		pass(time.Minute)
		wantPlaced(t, w, "c")
		wantStatus(t, c)
		if w.counted("remove silent c") != 4 || w.counted("remove c") != 1 { // four shards, and the meta group
			t.Errorf("removed by %v", w.done())
		}

		// It comes back: it gets nothing by itself.
		before := len(w.done())
		w.change(func() { w.dead["c"] = false })
		pass(time.Minute)
		if done := w.done()[before:]; len(done) > 0 {
			t.Errorf("when it came back: %v", done)
		}
	})
}

func TestDeadNodesAreLeftAloneWhereTheSettingSaysSo(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world, run func(string) (*Controller, *logLines)) {
		formed(t, w, 2, "d")
		w.must(&storagev1.MetaCommand{Command: &storagev1.MetaCommand_ChangeSetting{ChangeSetting: &storagev1.ChangeSetting{
			Setting: &storagev1.ChangeSetting_NodeDeadAfterMs{NodeDeadAfterMs: 0},
		}}})
		w.dead["c"] = true
		w.lead(func(meta.Shard) string { return "a" })
		run("a")
		pass(20 * time.Minute)
		if got := w.counted("add") + w.counted("SetReplicas"); got > 0 {
			t.Errorf("did %v", w.done())
		}
	})
}

func TestStatusTellsThatNodesAreMissing(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world, run func(string) (*Controller, *logLines)) {
		formed(t, w, 1)
		c, _ := run("a")
		w.drain("c")
		pass(time.Minute)
		status := strings.Join(c.Status().Waiting, "\n")
		if want := "shard 1: no node for 1 of its 3 replicas: 2 nodes are alive and are to stay; start another"; !strings.Contains(status, want) {
			t.Errorf("status %q, want %q in it", status, want)
		}
		if m := w.group(1); len(m.Voters) != 3 {
			t.Errorf("members %+v", *m)
		}
		w.register("d")
		pass(time.Minute)
		wantPlaced(t, w, "c")
		wantStatus(t, c)
	})
}

// The controller of a is paused within each of its actions in turn, and that of b ends the work; then the action of a, long
// out of date, takes effect.
func TestReplicasArePlacedWhateverControllerDies(t *testing.T) {
	for _, action := range []string{"SetSomethingElse", "SetReplicas", "add learner d 1", "promote d 1", "remove c 1", "SetPreferredLeader", "transfer 3 to"} {
		t.Run(action, func(t *testing.T) {
			inWorld(t, func(t *testing.T, w *world, run func(string) (*Controller, *logLines)) {
				formed(t, w, 3, "d")
				release := make(chan struct{})
				for _, name := range []string{action, action + " a", action + " b"} {
					w.pauses["a: "+name] = release
				}
				w.drain("c")
				run("a")
				pass(10 * time.Second)
				if action != "SetSomethingElse" && w.counted(action) == 0 {
					t.Fatalf("a is not paused: %v", w.done())
				}
				w.change(func() { w.leader = "b" })
				run("b")
				pass(time.Minute)
				wantPlaced(t, w, "c")
				close(release)
				pass(time.Minute)
				wantPlaced(t, w, "c")
				w.change(func() { w.leader = "a"; clear(w.pauses) })
				pass(time.Minute)
				wantPlaced(t, w, "c")
			})
		})
	}
}

// Steps follow each other in one round, and each may take seconds.
func TestControllerThatLeadsNoMoreTakesNoFurtherStep(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world, run func(string) (*Controller, *logLines)) {
		formed(t, w, 1, "d")
		w.drain("c")
		taken := -1
		w.after = func(action string) {
			if action == "SetReplicas" {
				w.leader = "b"
				taken = len(w.actions)
			}
		}
		run("a")
		pass(time.Minute)
		if actions := w.done(); len(actions) != taken {
			t.Errorf("actions %q, want none after the first %d", actions, taken)
		}
	})
}

func TestShardsOnTheSameNodesChangeTheirReplicasOneByOne(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world, run func(string) (*Controller, *logLines)) {
		formed(t, w, 3*movingMax, "d")
		most := 0
		w.after = func(string) {
			learning := 0
			for _, m := range w.groups {
				if len(m.Learners) > 0 || len(m.Voters) > 3 {
					learning++
				}
			}
			most = max(most, learning)
		}
		run("a")
		w.drain("c")
		pass(time.Minute)
		wantPlaced(t, w, "c")
		if most != 1 {
			t.Errorf("%d shards changed their replicas at a time, want 1", most)
		}
	})
}

func TestShardsWithoutACommonNodeChangeTheirReplicasTogether(t *testing.T) {
	state := meta.New().State()
	set := func(id slot.ShardID, nodes ...string) ReplicaSet { return ReplicaSet{Shard: id, Replicas: nodes} }
	todo := []ReplicaSet{set(1, "a", "b"), set(2, "b", "c"), set(3, "c", "d"), set(4, "d", "e"), set(5, "e", "f")}
	shards := func(sets []ReplicaSet) (ids []slot.ShardID) {
		for _, s := range sets {
			ids = append(ids, s.Shard)
		}
		return ids
	}
	c := &Controller{}
	if got, want := shards(c.apart(state, todo)), []slot.ShardID{1, 3, 5}; !slices.Equal(got, want) {
		t.Errorf("shards %v go on, want %v", got, want)
	}
	// The first does not come to its end.
	c.moving = map[slot.ShardID]time.Time{1: time.Now().Add(-2 * movingAlone)}
	if got, want := shards(c.apart(state, todo)), []slot.ShardID{1, 2, 4}; !slices.Equal(got, want) {
		t.Errorf("shards %v go on beside one that takes long, want %v", got, want)
	}
}

// A shard that fails takes nobody's turn.
func TestShardWhoseReplicasCannotMoveDoesNotHoldUpTheOthers(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world, run func(string) (*Controller, *logLines)) {
		formed(t, w, movingMax+2, "d")
		for id := range movingMax {
			w.failing[fmt.Sprintf("group %d", id+1)] = errors.New("no answer")
		}
		c, _ := run("a")
		w.drain("c")
		pass(time.Minute)
		for id := slot.ShardID(movingMax + 1); id <= movingMax+2; id++ {
			if s, _ := w.machine.State().Shard(id); slices.Contains(s.Replicas, "c") {
				t.Errorf("shard %d is held up", id)
			}
		}
		if got := c.Status().Waiting; len(got) < movingMax || !strings.Contains(strings.Join(got, "\n"), "shard 1: no answer") {
			t.Errorf("status %q", got)
		}
	})
}

func TestClusterThatGrowsFromOneNodeGetsItsReplicas(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world, run func(string) (*Controller, *logLines)) {
		w.init(1)
		run("a")
		pass(10 * time.Second)
		w.lead(func(meta.Shard) string { return "a" })
		w.must(&storagev1.MetaCommand{Command: &storagev1.MetaCommand_ReportFormed{ReportFormed: &storagev1.ReportFormed{Shard: 1, Incarnation: 2}}})
		w.register("b")
		pass(time.Minute)
		if m := w.group(1); len(m.Voters) != 1 || len(m.Learners) != 0 {
			t.Fatalf("with two nodes: %+v", *m)
		}
		w.register("c")
		pass(time.Minute)
		wantPlaced(t, w, "")
	})
}

func TestSpreadingMovesReplicasAndThenLeaders(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world, run func(string) (*Controller, *logLines)) {
		formed(t, w, 8, "d")
		run("a")
		for range 20 {
			s := PlanSpreading(NodesOf(w.machine.State(), seat{w, "a"}), w.machine.State())
			if s.Done() {
				break
			}
			for _, m := range s.Moves {
				shard, _ := w.machine.State().Shard(m.Shard)
				w.must(ReplicasCommand(shard, append(slices.Clone(shard.Replicas), m.To)))
			}
			for _, m := range s.Leaders {
				shard, _ := w.machine.State().Shard(m.Shard)
				w.must(PreferCommand(shard, m.To))
			}
			pass(20 * time.Second)
		}
		wantPlaced(t, w, "")
		held, led := map[string]int{}, map[string]int{}
		for _, s := range w.machine.State().Shards() {
			for _, id := range s.Replicas {
				held[id]++
			}
			led[w.leaders[s.ID]]++
		}
		for _, id := range []string{"a", "b", "c", "d"} {
			if held[id] != 6 || led[id] != 2 {
				t.Errorf("%s holds %d replicas and leads %d shards, want 6 and 2", id, held[id], led[id])
			}
		}
	})
}
