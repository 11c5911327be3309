package shard_test

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/holtcache/holt/shard/executor"
	"github.com/holtcache/holt/shard/logstore/crashstore"
	"github.com/holtcache/holt/shard/transport"
)

// spare starts a node that is no member yet.
func (c *trio) spare(id string) *node {
	c.votesFrom[id] = transport.LogEnd{}
	c.start(id, crashstore.New(crashstore.Config{}))
	return c.nodes[id]
}

// wipe ends a node and starts it empty, as one whose replica was removed.
func (c *trio) wipe(id string, end transport.LogEnd) {
	c.stop(id)
	c.votesFrom[id] = end
	c.start(id, crashstore.New(crashstore.Config{}))
}

// followers are the nodes that do not lead.
func (c *trio) followers(leader *node) []*node {
	var list []*node
	for _, id := range members {
		if n := c.nodes[id]; n != nil && n != leader {
			list = append(list, n)
		}
	}
	return list
}

func refused(t *testing.T, err error, want string) {
	t.Helper()
	if err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), "nothing was changed") {
		t.Errorf("got %v, want %q and that nothing was changed", err, want)
	}
}

// A node takes the place of the leader: learner, vote, then the leadership and the vote of the old one. The old one, which
// still runs, disturbs nobody.
func TestNodeTakesThePlaceOfTheLeader(t *testing.T) {
	c := newCalmTrio(t)
	ctx, cancel := context.WithTimeout(t.Context(), 60*time.Second)
	defer cancel()
	leader := c.leader()
	for i := range 50 {
		if err := leader.set(ctx, fmt.Sprint("k", i), "v"); err != nil {
			t.Fatal(err)
		}
	}
	c.spare("d")
	if err := leader.replica.AddLearner(ctx, "d", leader.replica.Members().Index); err != nil {
		t.Fatal(err)
	}
	c.until(ctx, "d gets its vote", func() bool {
		return leader.replica.Promote(ctx, "d", leader.replica.Members().Index) == nil
	})
	if got := leader.replica.Members(); len(got.Voters) != 4 || len(got.Learners) > 0 {
		t.Fatalf("members %+v", got)
	}
	refused(t, leader.replica.Remove(ctx, leader.id, leader.replica.Members().Index), "hand the leadership over first")
	c.until(ctx, "the leadership goes to d", func() bool { return leader.replica.Transfer(ctx, "d") == nil })
	next := c.nodes["d"]
	c.until(ctx, "d serves", func() bool { _, serves := next.replica.Executor().Serving(); return serves })
	if err := next.replica.Remove(ctx, leader.id, next.replica.Members().Index); err != nil {
		t.Fatal(err)
	}
	if got := next.replica.Members(); len(got.Voters) != 3 || slices.Contains(got.Voters, leader.id) {
		t.Fatalf("members %+v", got)
	}

	// The removed replica hears of no leader and gives itself no rest.
	c.until(ctx, "the removed replica has lost its leader", func() bool { known, _ := leader.replica.KnownLeader(); return known == "" })
	term, _ := next.replica.Leader()
	for i := range 100 {
		if err := next.set(ctx, fmt.Sprint("k", i), "after"); err != nil {
			t.Fatal(err)
		}
	}
	if now, leads := next.replica.Leader(); !leads || now != term {
		t.Errorf("the removed replica deposed the leader of term %d; now it is term %d, leads %v", term, now, leads)
	}
	if got, err := next.get(ctx, "k42", executor.ReadIndex); err != nil || got != "after" {
		t.Errorf("got %q, %v", got, err)
	}
}

func TestLearnerThatIsBehindGetsNoVote(t *testing.T) {
	c := newCalmTrio(t)
	ctx, cancel := context.WithTimeout(t.Context(), 60*time.Second)
	defer cancel()
	leader := c.leader()
	index := leader.replica.Members().Index
	refused(t, leader.replica.Promote(ctx, "d", index), "it is no learner of the group")
	if err := leader.replica.AddLearner(ctx, "d", index); err != nil { // it does not run
		t.Fatal(err)
	}
	refused(t, leader.replica.Promote(ctx, "d", leader.replica.Members().Index), "it has not caught up")
	if got := leader.replica.Members(); len(got.Voters) != 3 {
		t.Errorf("members %+v", got)
	}
}

// A node was a member in this very term, left, and comes back empty: what it acknowledged before counts for nothing.
func TestNodeThatComesBackEmptyCatchesUpAnew(t *testing.T) {
	c := newCalmTrio(t)
	ctx, cancel := context.WithTimeout(t.Context(), 60*time.Second)
	defer cancel()
	leader := c.leader()
	term, _ := leader.replica.Leader()
	c.spare("d")
	add := func() {
		t.Helper()
		if err := leader.replica.AddLearner(ctx, "d", leader.replica.Members().Index); err != nil {
			t.Fatal(err)
		}
	}
	add()
	c.until(ctx, "d has caught up", func() bool { return leader.replica.CaughtUp("d") })
	if err := leader.replica.Remove(ctx, "d", leader.replica.Members().Index); err != nil {
		t.Fatal(err)
	}
	c.stop("d")
	add()
	if leader.replica.CaughtUp("d") {
		t.Error("a node counts as caught up that holds nothing")
	}
	refused(t, leader.replica.Promote(ctx, "d", leader.replica.Members().Index), "it has not caught up")
	if now, leads := leader.replica.Leader(); !leads || now != term {
		t.Fatalf("the term has changed from %d to %d, so this shows nothing", term, now)
	}
	c.start("d", crashstore.New(crashstore.Config{}))
	c.until(ctx, "d has caught up again", func() bool { return leader.replica.CaughtUp("d") })
}

func TestChangesThatWouldStopTheGroupAreRefused(t *testing.T) {
	c := newCalmTrio(t)
	ctx, cancel := context.WithTimeout(t.Context(), 60*time.Second)
	defer cancel()
	leader := c.leader()
	others := c.followers(leader)
	dead, alive := others[0].id, others[1].id
	index := leader.replica.Members().Index
	if err := leader.replica.RemoveSilent(ctx, alive, index); err == nil || !strings.Contains(err.Error(), "it answers") {
		t.Errorf("a node that answers is removed as a dead one: %v", err)
	}
	c.stop(dead)
	refused(t, leader.replica.Remove(ctx, alive, index), "of the voters")
	if got := leader.replica.Members(); len(got.Voters) != 3 {
		t.Fatalf("members %+v", got)
	}
	c.until(ctx, "the dead node is removed", func() bool {
		return leader.replica.RemoveSilent(ctx, dead, leader.replica.Members().Index) == nil
	})
	if err := leader.set(ctx, "k", "v"); err != nil {
		t.Error(err)
	}
}

func TestOfTwoChangesPlannedTogetherOneIsMade(t *testing.T) {
	c := newCalmTrio(t)
	ctx, cancel := context.WithTimeout(t.Context(), 60*time.Second)
	defer cancel()
	leader := c.leader()
	index := leader.replica.Members().Index
	errs := make(chan error, 2)
	for _, id := range []string{"d", "e"} {
		go func() { errs <- leader.replica.AddLearner(ctx, id, index) }()
	}
	first, second := <-errs, <-errs
	if (first == nil) == (second == nil) {
		t.Errorf("got %v and %v, want one of them made", first, second)
	}
	if got := leader.replica.Members(); len(got.Learners) != 1 {
		t.Errorf("members %+v", got)
	}
}

// Two of three hold a write. One of these loses its data by a removal, and comes back empty; the third, which was away all the
// time, still counts on its vote. It must not get it: together they would elect a leader without the write.
func TestNodeThatComesBackEmptyElectsNobodyWithoutWhatItHad(t *testing.T) {
	c := newCalmTrio(t)
	ctx, cancel := context.WithTimeout(t.Context(), 60*time.Second)
	defer cancel()
	leader := c.leader()
	others := c.followers(leader)
	stale, holder := others[0], others[1]
	disk := stale.disk
	c.stop(stale.id)
	for i := range 20 {
		if err := leader.set(ctx, fmt.Sprint("k", i), "acknowledged"); err != nil {
			t.Fatal(err)
		}
	}
	c.until(ctx, "the other one holds it all", func() bool {
		return leader.replica.CaughtUp(holder.id) && holder.replica.LastIndex() == leader.replica.LastIndex()
	})
	term, _ := leader.replica.Leader()
	end := transport.LogEnd{Term: term, Index: leader.replica.LastIndex()}
	leaderDisk := leader.disk
	c.stop(leader.id)
	c.wipe(holder.id, end)
	c.start(stale.id, disk)
	elected := func() string {
		for _, id := range []string{stale.id, holder.id} {
			if _, leads := c.nodes[id].replica.Leader(); leads {
				return id
			}
		}
		return ""
	}
	c.until(ctx, "the empty one is asked for its vote", func() bool {
		return c.nodes[holder.id].transport.Stats().GuardRefused > 0 || elected() != ""
	})
	if id := elected(); id != "" {
		t.Fatalf("%s leads without what was acknowledged", id)
	}
	c.start(leader.id, leaderDisk)
	next := c.leader()
	if got, err := next.get(ctx, "k19", executor.ReadIndex); err != nil || got != "acknowledged" {
		t.Errorf("led by %s: got %q, %v", next.id, got, err)
	}
}

// A node that has started again holds the log at once, and has to apply it before it can serve.
func TestLeadershipGoesToNobodyWhoHasNotAppliedTheLog(t *testing.T) {
	c := newCalmTrio(t)
	ctx, cancel := context.WithTimeout(t.Context(), 60*time.Second)
	defer cancel()
	leader := c.leader()
	behind := c.followers(leader)[0]
	c.until(ctx, "all are warm", func() bool {
		return leader.replica.Warm() && behind.replica.Warm() && leader.replica.CaughtUp(behind.id)
	})
	behind.wire.SetApplied(func() uint64 { return 1 })
	for i := range 100 {
		if err := leader.set(ctx, "k", strconv.Itoa(i)); err != nil {
			t.Fatal(err)
		}
	}
	last := leader.replica.LastIndex()
	c.until(ctx, "the log is there", func() bool { return leader.wire.MatchIndex(behind.id) >= last })
	if leader.replica.CaughtUp(behind.id) {
		t.Error("who has applied nothing counts as caught up")
	}
	refused(t, leader.replica.Transfer(ctx, behind.id), "has not caught up")
	behind.wire.SetApplied(func() uint64 { return behind.replica.State().Applied })
	c.until(ctx, "it has caught up", func() bool { return leader.replica.CaughtUp(behind.id) })
	if err := leader.replica.Transfer(ctx, behind.id); err != nil {
		t.Error(err)
	}
}
