package placement

import (
	"context"
	"errors"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/holtcache/holt/raftfsm/meta"
)

// inWorld runs a test in a bubble whose clock is the test's own, and waits for the controllers at its end.
func inWorld(t *testing.T, test func(t *testing.T, w *world, run func(id string) (*Controller, *logLines))) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		var group sync.WaitGroup
		w := newWorld(t)
		test(t, w, func(id string) (*Controller, *logLines) { return w.run(ctx, &group, id) })
		cancel()
		group.Wait()
	})
}

// pass lets time go by until nothing moves.
func pass(d time.Duration) {
	time.Sleep(d)
	synctest.Wait()
}

func TestClusterOfThreeComesToLifeInOrder(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world, run func(string) (*Controller, *logLines)) {
		c, log := run("a")
		pass(0)
		wantStatus(t, c, "waiting for the cluster to begin: run holt cluster init")
		w.init(3)
		pass(gap)
		wantStatus(t, c, "waiting for nodes: 1 of 3 registered")
		w.register("b")
		pass(time.Minute)
		wantStatus(t, c, "waiting for nodes: 2 of 3 registered")
		if done := w.done(); len(done) > 0 {
			t.Fatalf("with two nodes it did %v", done)
		}

		w.register("c")
		pass(catchUpTime / 2)
		wantStatus(t, c, "the meta group has 1 of 3 voters: waiting for b, c to catch up",
			"waiting for the meta group to grow before shards are created")
		pass(catchUpTime + tick)
		if want := []string{"add b", "add c", "promote b", "promote c", "SetMetaVoters", "CreateShards"}; !reflect.DeepEqual(w.done(), want) {
			t.Errorf("did %v, want %v", w.done(), want)
		}
		wantStatus(t, c, "waiting for leaders: 3 of 3 shards have none")

		w.lead(func(s meta.Shard) string { return s.PreferredLeader })
		pass(time.Minute)
		wantStatus(t, c)
		if want := 6; len(w.done()) != want {
			t.Errorf("at rest it went on: %v", w.done()[want:])
		}
		if got := w.machine.State().MetaVoters(); !reflect.DeepEqual(got, []string{"a", "b", "c"}) {
			t.Errorf("noted voters %v", got)
		}
		if warnings := log.having("WARN"); len(warnings) > 0 {
			t.Errorf("warned %v", warnings)
		}
	})
}

func wantStatus(t *testing.T, c *Controller, waiting ...string) {
	t.Helper()
	if got := c.Status(); !got.Acting || !slices.Equal(got.Waiting, waiting) {
		t.Errorf("status %+v, want acting, waiting %q", got, waiting)
	}
}

// The controller of a is paused within each of its actions in turn. Leadership goes to b, which finishes the work; then
// the action of a, long out of date, takes effect, and a leads again.
func TestControllerThatWasPausedDoesNoHarm(t *testing.T) {
	for _, action := range []string{"add b", "add c", "promote b", "promote c", "SetMetaVoters", "CreateShards"} {
		t.Run(action, func(t *testing.T) {
			inWorld(t, func(t *testing.T, w *world, run func(string) (*Controller, *logLines)) {
				release := make(chan struct{})
				w.pauses["a: "+action] = release
				w.init(3)
				w.register("b", "c")
				a, _ := run("a")
				b, _ := run("b")
				pass(5 * time.Second)
				if w.counted(action) != 1 || b.Status().Acting {
					t.Fatalf("before the change of leader: %v, status of b %+v", w.done(), b.Status())
				}
				w.change(func() { w.leader = "b" })
				pass(5 * time.Second)
				wantWhole(t, w)
				before := w.machine.State().Epoch()

				close(release)
				pass(5 * time.Second)
				wantWhole(t, w)
				if a.Status().Acting || !b.Status().Acting {
					t.Errorf("status of a %+v, of b %+v", a.Status(), b.Status())
				}
				w.change(func() { w.leader = "a"; delete(w.pauses, "a: "+action) })
				pass(time.Minute)
				wantWhole(t, w)
				if after := w.machine.State().Epoch(); after != before {
					t.Errorf("the late action changed the state from epoch %d to %d", before, after)
				}
			})
		})
	}
}

// wantWhole checks that the cluster has come to life, once.
func wantWhole(t *testing.T, w *world) {
	t.Helper()
	s := w.machine.State()
	members, _ := seat{w, "a"}.Members()
	slices.Sort(members.Voters)
	if want := []string{"a", "b", "c"}; !reflect.DeepEqual(members.Voters, want) || len(members.Learners) > 0 || !reflect.DeepEqual(s.MetaVoters(), want) {
		t.Errorf("members %+v, noted voters %v", members, s.MetaVoters())
	}
	if len(s.Shards()) != 3 || s.Shards()[2].ID != 3 || !s.SlotMap().Complete() {
		t.Errorf("shards %+v", s.Shards())
	}
}

// whole is a cluster of a, b and c with that many shards, each led by its preferred node.
func whole(t *testing.T, w *world, shards int) {
	w.init(3)
	w.register("b", "c")
	w.members = Members{Voters: []string{"a", "b", "c"}, Index: 9}
	nodes := []Node{{ID: "a"}, {ID: "b"}, {ID: "c"}}
	if r := w.apply(createCommand(w.machine.State().Epoch(), PlanShards(nodes, shards, 3))); r.Err != nil {
		t.Fatal(r.Err)
	}
	w.lead(func(s meta.Shard) string { return s.PreferredLeader })
}

func TestLeadersReturnAFewAtATime(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world, run func(string) (*Controller, *logLines)) {
		whole(t, w, 12)
		w.lead(func(meta.Shard) string { return "a" })
		c, _ := run("a")
		pass(time.Minute)
		wantStatus(t, c)
		for _, s := range w.machine.State().Shards() {
			if got := w.leaders[s.ID]; got != s.PreferredLeader {
				t.Errorf("shard %d is led by %s, not %s", s.ID, got, s.PreferredLeader)
			}
		}
		if got := w.counted("transfer"); got != 8 {
			t.Errorf("%d transfers for 8 shards that were astray", got)
		}
	})
}

func TestRoundMovesNoMoreLeadersThanItsLimit(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world, run func(string) (*Controller, *logLines)) {
		whole(t, w, 12)
		w.lead(func(meta.Shard) string { return "a" })
		c, _ := run("a")
		for round := 1; round <= 4; round++ {
			// Whatever wakes it.
			for range 10 {
				c.Wake()
				pass(transferPause / 20)
			}
			if got, want := w.counted("transfer"), round*transfersMax; got != want {
				t.Errorf("%d transfers after round %d, want %d", got, round, want)
			}
			pass(transferPause / 2)
		}
	})
}

func TestLeadersStayWhileAShardHasNone(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world, run func(string) (*Controller, *logLines)) {
		whole(t, w, 3)
		w.lead(func(meta.Shard) string { return "a" })
		delete(w.leaders, 3)
		c, _ := run("a")
		pass(time.Minute)
		wantStatus(t, c, "waiting for leaders: 1 of 3 shards have none")
		if got := w.counted("transfer"); got != 0 {
			t.Errorf("%d transfers", got)
		}
	})
}

func TestLeadersSpreadWhileTheirNodeIsDeadAndReturnWithIt(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world, run func(string) (*Controller, *logLines)) {
		whole(t, w, 6)
		w.dead["a"], w.leader = true, "b"
		w.members.Voters = []string{"a", "b", "c"}
		w.lead(func(s meta.Shard) string {
			if s.PreferredLeader == "a" {
				return "b"
			}
			return s.PreferredLeader
		})
		c, _ := run("b")
		pass(time.Minute)
		led := map[string]int{}
		for _, leader := range w.leaders {
			led[leader]++
		}
		if want := map[string]int{"b": 3, "c": 3}; !reflect.DeepEqual(led, want) {
			t.Errorf("leaders %v, want %v", led, want)
		}
		wantStatus(t, c, "2 of 6 shards are not led by their preferred replica")
		w.change(func() { w.dead["a"], w.behind["a"] = false, true })
		pass(time.Minute)
		if led["a"] > 0 {
			t.Errorf("a leads %d shards although it is behind", led["a"])
		}
		w.change(func() { w.behind["a"] = false })
		c.Wake()
		pass(time.Minute)
		wantStatus(t, c)
	})
}

func TestNodeThatComesAndGoesDoesNotTakeLeadersToAndFro(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world, run func(string) (*Controller, *logLines)) {
		whole(t, w, 3)
		run("a")
		rounds := 60
		for i := range rounds {
			// Whenever b seems alive its shard is led by another, as after an election.
			w.change(func() {
				w.dead["b"] = i%2 == 0
				if w.dead["b"] {
					w.leaders[2] = "c"
					w.terms[2]++
				}
			})
			pass(time.Second)
		}
		if got, most := w.counted("transfer"), rounds/int(transferRest/time.Second)+1; got == 0 || got > most {
			t.Errorf("%d transfers in a minute, want 1 to %d", got, most)
		}
	})
}

func TestFailingStepIsTriedEverMoreSeldomAndLoggedOnce(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world, run func(string) (*Controller, *logLines)) {
		w.init(3)
		w.register("b", "c")
		w.failing["add b"] = errors.New("no route")
		c, log := run("a")
		pass(2 * time.Minute)
		var waits []time.Duration
		for i := range w.times[1:] {
			waits = append(waits, w.times[i+1].Sub(w.times[i]))
		}
		if len(waits) < 10 || waits[0] > 2*backoffMin || waits[len(waits)-1] < backoffMax || !slices.IsSorted(waits) {
			t.Errorf("waited %v", waits)
		}
		if got := log.having("WARN"); len(got) != 1 || !strings.Contains(got[0], "add learner b in the meta group: no route") {
			t.Errorf("warned %q, want one line", got)
		}
		if got := c.Status().Waiting; len(got) == 0 || got[0] != "grow the meta group: add learner b in the meta group: no route" {
			t.Errorf("waiting for %q", got)
		}

		w.change(func() { w.failing["add b"] = errors.New("no space") })
		pass(2 * backoffMax)
		if got := log.having("no space"); len(got) != 1 {
			t.Errorf("another error is logged %d times, want once", len(got))
		}
		w.change(func() { delete(w.failing, "add b") })
		pass(2 * backoffMax)
		wantWhole(t, w)
		if got := log.having("works again"); len(got) != 1 {
			t.Errorf("the end of the failure is logged %d times, want once", len(got))
		}
	})
}

func TestQuestionsThatFailAreFailures(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world, run func(string) (*Controller, *logLines)) {
		w.init(3)
		w.register("b", "c")
		w.failing["CaughtUp c"] = errors.New("not the leader")
		c, log := run("a")
		pass(time.Minute)
		if got := w.counted("promote"); got != 0 {
			t.Errorf("%d promotions though c may be behind", got)
		}
		want := "ask whether learner c of the meta group has caught up: not the leader"
		if got := log.having(want); len(got) != 1 || !strings.Contains(c.Status().Waiting[0], want) {
			t.Errorf("logged %q, status %+v", got, c.Status())
		}
		w.change(func() { w.failing = map[string]error{"Members": errors.New("closed")} })
		pass(time.Minute)
		if got := log.having("read members of the meta group: closed"); len(got) != 1 {
			t.Errorf("logged %q", got)
		}
	})
}

func TestShardWhoseTransferFailsDoesNotHoldUpTheOthers(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world, run func(string) (*Controller, *logLines)) {
		whole(t, w, 6)
		w.failing["transfer 2 to b"] = errors.New("log too far behind")
		w.failing["ask 3"] = errors.New("no answer")
		w.lead(func(meta.Shard) string { return "a" })
		c, log := run("a")
		pass(time.Minute)
		for shard, want := range map[int]string{2: "a", 3: "a", 5: "b", 6: "c"} {
			if got := w.leaders[w.machine.State().Shards()[shard-1].ID]; got != want {
				t.Errorf("shard %d is led by %s, want %s", shard, got, want)
			}
		}
		wantStatus(t, c, "2 of 6 shards are not led by their preferred replica: transfer shard 2 from a to b: log too far behind")
		if got := log.having("WARN"); len(got) != 2 {
			t.Errorf("warned %q, want once for each shard", got)
		}
	})
}

func TestLostLeadershipIsNoFailure(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world, run func(string) (*Controller, *logLines)) {
		release := make(chan struct{})
		w.pauses["a: add b"], w.failing["add b"] = release, errors.New("leadership lost")
		w.init(3)
		w.register("b", "c")
		c, log := run("a")
		pass(time.Second)
		w.change(func() { w.leader = "nobody" })
		close(release)
		pass(time.Minute)
		if got := log.having("WARN"); len(got) > 0 || c.Status().Acting || w.counted("add") != 1 {
			t.Errorf("warned %q, status %+v, did %v", got, c.Status(), w.done())
		}
	})
}

func TestShardsAreNotPlacedOnNodesThatSeemDead(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world, run func(string) (*Controller, *logLines)) {
		w.init(3)
		w.register("b", "c")
		w.dead["c"] = true
		c, _ := run("a")
		pass(time.Minute)
		wantStatus(t, c, "waiting for nodes: 3 of 3 registered, 2 of them alive")
		// Its folder was wiped, so it came back as another node.
		w.register("d")
		pass(time.Minute)
		for _, s := range w.machine.State().Shards() {
			if !reflect.DeepEqual(s.Replicas, []string{"a", "b", "d"}) {
				t.Errorf("shard %d is on %v", s.ID, s.Replicas)
			}
		}
		if len(w.machine.State().Shards()) != 3 {
			t.Errorf("%d shards", len(w.machine.State().Shards()))
		}
	})
}

// Someone else changes the group between the plan and its first change, which must not be made on the new configuration.
func TestMembersAreChangedOnTheConfigurationOfThePlanOnly(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world, run func(string) (*Controller, *logLines)) {
		w.init(3)
		w.register("b", "c")
		w.mu.Lock()
		w.asked = func() {
			if time.Since(w.added["c"]) >= catchUpTime && len(w.members.Learners) > 0 {
				w.members = Members{Voters: []string{"a", "b", "c"}, Index: w.members.Index + 2}
			}
		}
		w.mu.Unlock()
		_, log := run("a")
		pass(time.Minute)
		wantWhole(t, w)
		if got := log.having("WARN"); w.counted("promote") != 1 || len(got) != 1 || !strings.Contains(got[0], errStale.Error()) {
			t.Errorf("did %v, warned %q", w.done(), got)
		}
	})
}

// Someone else changes the group between two changes of the controller's.
func TestMembersAreChangedOnlyAsPlanned(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world, run func(string) (*Controller, *logLines)) {
		w.init(3)
		w.register("b", "c", "d", "e")
		w.mu.Lock()
		w.after = func(action string) {
			if action == "promote b" {
				w.members.Index++
				w.members.Learners, w.members.Voters = nil, append(w.members.Voters, "c")
			}
		}
		w.mu.Unlock()
		_, log := run("a")
		pass(time.Minute)
		members, _ := seat{w, "a"}.Members()
		if slices.Sort(members.Voters); !reflect.DeepEqual(members.Voters, []string{"a", "b", "c", "d", "e"}) {
			t.Errorf("members %+v", members)
		}
		if w.counted("promote c") != 0 {
			t.Errorf("did %v", w.done())
		}
		if got := log.having("WARN"); len(got) > 0 {
			t.Errorf("warned %q", got)
		}
	})
}

// A node registers between the plan and its application.
func TestPlanThatCameTooLateIsMadeAgain(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world, run func(string) (*Controller, *logLines)) {
		release := make(chan struct{})
		w.pauses["a: CreateShards"] = release
		w.init(3)
		w.register("b", "c")
		_, log := run("a")
		pass(5 * time.Second)
		w.register("d")
		close(release)
		pass(5 * time.Second)
		if got := len(w.machine.State().Shards()); got != 4 {
			t.Errorf("%d shards, want one for each of 4 nodes", got)
		}
		if got := log.having("WARN"); len(got) > 0 || w.counted("CreateShards") != 2 {
			t.Errorf("warned %q, did %v", got, w.done())
		}
	})
}
