package shard

import (
	"errors"
	"sync"
	"testing"

	"github.com/hashicorp/raft"

	"github.com/holtcache/holt/shard/transport"
)

// memory is an Amnesia without a disk.
type memory struct {
	mu       sync.Mutex
	on       bool
	releases int
}

func (m *memory) Guarded() (bool, string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.on, "test"
}

func (m *memory) Release() error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.on = false
	m.releases++
	return nil
}

// guardOf is the guard of node a among voters a, b and c, whose logs end as told; a node without an end does not answer.
func guardOf(ends map[string]transport.LogEnd) (*guard, *memory) {
	m := &memory{on: true}
	return &guard{
		amnesia: m, node: "a",
		voters: func() ([]raft.ServerID, uint64) { return []raft.ServerID{"a", "b", "c"}, 1 },
		end:    func() (transport.LogEnd, error) { return ends["a"], nil },
		ask: func(node string) (transport.LogEnd, error) {
			end, ok := ends[node]
			if !ok {
				return end, errors.New("unreachable")
			}
			return end, nil
		},
	}, m
}

func ballot(kind transport.BallotKind, term, index uint64) transport.Ballot {
	return transport.Ballot{Kind: kind, LastTerm: term, LastIndex: index}
}

func wantGuarded(t *testing.T, m *memory, want bool, when string) {
	t.Helper()
	if on, _ := m.Guarded(); on != want {
		t.Fatalf("%s: guarded = %v, want %v", when, on, want)
	}
}

// PROTOCOL rule 13. The leader of term 5 held entries up to 20 at the first contact. It was elected a moment ago and has
// committed nothing of its own, so the commit index that its messages carry is far below what is committed, 18 say: a guard
// that ends at the commit index ends here at 10, and this replica could then elect somebody without 11 to 18.
func TestGuardEndsAtTheLeadersLastIndexAndNotAtItsCommitIndex(t *testing.T) {
	g, m := guardOf(nil)
	heard := func(term, leaderLast, matched uint64) {
		t.Helper()
		if err := g.heard(transport.Heard{Term: term, LeaderLast: leaderLast, Matched: matched}); err != nil {
			t.Fatal(err)
		}
	}
	const commit = 10
	heard(5, 20, commit)
	wantGuarded(t, m, true, "the log has reached the commit index")
	heard(5, 21, 19)
	wantGuarded(t, m, true, "one entry is missing")
	if !g.refuses(ballot(transport.BallotVote, 9, 99)) {
		t.Error("a vote passed the guard")
	}
	heard(5, 30, 20)
	wantGuarded(t, m, false, "the log has reached what was last at the first contact, although the leader has more by now")
	if g.refuses(ballot(transport.BallotVote, 1, 1)) || m.releases != 1 {
		t.Errorf("a vote is refused without a guard, or the end was written %d times", m.releases)
	}
}

// Another leader may hold entries that the first one did not.
func TestGuardMeasuresAnewByEveryLeader(t *testing.T) {
	g, m := guardOf(nil)
	for _, h := range []transport.Heard{{Term: 5, LeaderLast: 20, Matched: 8}, {Term: 6, LeaderLast: 25, Matched: 20}, {Term: 6, LeaderLast: 25, Matched: 24}} {
		if err := g.heard(h); err != nil {
			t.Fatal(err)
		}
		wantGuarded(t, m, true, "behind the leader of the term")
	}
	if err := g.heard(transport.Heard{Term: 6, LeaderLast: 40, Matched: 25}); err != nil {
		t.Fatal(err)
	}
	wantGuarded(t, m, false, "the log has reached the second leader's first contact")
}

// PROTOCOL rule 13: that all voters are back ends nothing while a quorum without a guard can elect a leader.
func TestGuardDoesNotEndBecauseAllVotersAreBack(t *testing.T) {
	g, m := guardOf(map[string]transport.LogEnd{"a": {Term: 3, Index: 9}, "b": {Term: 3, Index: 12}, "c": {Term: 3, Index: 12}})
	if err := g.round(); err != nil {
		t.Fatal(err)
	}
	wantGuarded(t, m, true, "all voters answered")
	for _, kind := range []transport.BallotKind{transport.BallotVote, transport.BallotPreVote, transport.BallotTimeoutNow} {
		if !g.refuses(ballot(kind, 3, 12)) {
			t.Errorf("a ballot of kind %d passed", kind)
		}
	}
}

// PROTOCOL rule 23: with too few voters left to elect anybody, the vote goes to a log at least as long as all, once all
// are known.
func TestWithoutAQuorumBallotsPassForTheLongestLogOnly(t *testing.T) {
	ends := map[string]transport.LogEnd{"a": {Term: 3, Index: 9}, "b": {Term: 3, Index: 12, Guarded: true}}
	g, m := guardOf(ends)
	if err := g.round(); !errors.Is(err, errRoundIncomplete) {
		t.Errorf("c is silent: %v, want errRoundIncomplete", err)
	}
	if !g.refuses(ballot(transport.BallotVote, 3, 12)) {
		t.Error("a vote passed although c may hold more")
	}
	ends["c"] = transport.LogEnd{Term: 4, Index: 10}
	if err := g.round(); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		kind        transport.BallotKind
		term, index uint64
		refused     bool
	}{
		{transport.BallotVote, 4, 10, false},
		{transport.BallotPreVote, 4, 10, false},
		{transport.BallotVote, 4, 11, false},
		{transport.BallotVote, 5, 1, false},
		{transport.BallotVote, 4, 9, true},
		{transport.BallotPreVote, 4, 9, true},
		{transport.BallotVote, 3, 99, true},
		{transport.BallotTimeoutNow, 4, 10, true},
	} {
		if got := g.refuses(ballot(c.kind, c.term, c.index)); got != c.refused {
			t.Errorf("kind %d, log ends at %d of term %d: refused = %v, want %v", c.kind, c.index, c.term, got, c.refused)
		}
	}
	wantGuarded(t, m, true, "nobody leads yet")
	if err := g.elected(); err != nil {
		t.Fatal(err)
	}
	wantGuarded(t, m, false, "this replica was elected")
}

func TestRoundCountsForNothingWhenTheMembersChangeMeanwhile(t *testing.T) {
	g, _ := guardOf(map[string]transport.LogEnd{"a": {}, "b": {Guarded: true}, "c": {Guarded: true}})
	changes := uint64(0)
	g.voters = func() ([]raft.ServerID, uint64) { changes++; return []raft.ServerID{"a", "b", "c"}, changes }
	if err := g.round(); !errors.Is(err, errRoundIncomplete) {
		t.Errorf("members changed: %v, want errRoundIncomplete", err)
	}
	g.voters = func() ([]raft.ServerID, uint64) { return nil, 0 }
	if err := g.round(); !errors.Is(err, errRoundIncomplete) {
		t.Errorf("members unknown: %v, want errRoundIncomplete", err)
	}
	if !g.refuses(ballot(transport.BallotVote, 9, 9)) {
		t.Error("a vote passed")
	}
}

// The operator's word ends the guard at once.
func TestGuardEndsByTheOperator(t *testing.T) {
	g, m := guardOf(nil)
	if !g.refuses(ballot(transport.BallotVote, 1, 1)) {
		t.Error("a vote passed the guard")
	}
	if err := m.Release(); err != nil {
		t.Fatal(err)
	}
	if g.refuses(ballot(transport.BallotVote, 1, 1)) {
		t.Error("a vote is refused after the operator's word")
	}
}

// A replica whose data was deleted votes as if it had it still.
func TestVotesOfAReplicaThatCameBackGoToNoShorterLog(t *testing.T) {
	g, m := guardOf(nil)
	m.on = false
	g.floor = transport.LogEnd{Term: 4, Index: 20}
	for _, c := range []struct {
		kind        transport.BallotKind
		term, index uint64
		refused     bool
	}{
		{transport.BallotVote, 4, 19, true},
		{transport.BallotPreVote, 4, 19, true},
		{transport.BallotVote, 3, 99, true},
		{transport.BallotVote, 0, 0, true},
		{transport.BallotVote, 4, 20, false},
		{transport.BallotPreVote, 4, 20, false},
		{transport.BallotVote, 5, 1, false},
		{transport.BallotTimeoutNow, 0, 0, false},
	} {
		if got := g.refuses(ballot(c.kind, c.term, c.index)); got != c.refused {
			t.Errorf("ballot of kind %d for a log that ends at (%d, %d): refused %v, want %v", c.kind, c.term, c.index, got, c.refused)
		}
	}
}
