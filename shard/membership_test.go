package shard_test

import (
	"context"
	"slices"
	"testing"
	"time"
)

// A change of members is conditional on the index of the configuration that it was planned on, so members carry it.
func TestMembersCarryTheIndexOfTheirConfiguration(t *testing.T) {
	c := newTrio(t)
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	leader := c.leader()
	before := leader.replica.Members()
	if want := []string{"a", "b", "c"}; !slices.Equal(before.Voters, want) || before.Index != 1 {
		t.Fatalf("members at the start: %+v, want voters %v at index 1", before, want)
	}
	if err := leader.replica.AddLearner(ctx, "d", before.Index); err != nil {
		t.Fatal(err)
	}
	after := leader.replica.Members()
	if !slices.Equal(after.Learners, []string{"d"}) || after.Index <= before.Index || after.Index > leader.replica.LastIndex() {
		t.Errorf("members after a learner was added: %+v, log ends at %d", after, leader.replica.LastIndex())
	}

	if err := leader.replica.AddLearner(ctx, "e", before.Index); err == nil {
		t.Error("a change planned on an old configuration was made")
	}

	// The same where the entries are in a snapshot or were there before the start.
	for i := range 5 {
		if err := leader.set(ctx, "k", string(rune('a'+i))); err != nil {
			t.Fatal(err)
		}
	}
	if err := leader.replica.Snapshot(ctx); err != nil {
		t.Fatal(err)
	}
	if got := leader.replica.Members(); got.Index != after.Index {
		t.Errorf("index after a snapshot: %d, want %d", got.Index, after.Index)
	}
	disk := leader.disk
	c.stop(leader.id)
	c.start(leader.id, disk)
	if got := c.nodes[leader.id].replica.Members(); got.Index != after.Index || !slices.Equal(got.Learners, []string{"d"}) {
		t.Errorf("members after a restart: %+v, want index %d", got, after.Index)
	}
}
