package transport

import (
	"errors"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hashicorp/raft"
)

// The amnesia guard stops votes, pre-votes and TimeoutNow in both directions, and nothing else.
func TestVoteGuardWorksInBothDirections(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, a, b := twoNodes(t)
		answer(a, agree)
		answer(b, agree)
		try := func(from *Group, to string, want error) {
			t.Helper()
			h := header(from.t.cfg.NodeID)
			_, vote := sendVote(from, to, 2)
			preVote := from.RequestPreVote(raft.ServerID(to), "", &raft.RequestPreVoteRequest{RPCHeader: h}, &raft.RequestPreVoteResponse{})
			timeoutNow := from.TimeoutNow(raft.ServerID(to), "", &raft.TimeoutNowRequest{RPCHeader: h}, &raft.TimeoutNowResponse{})
			for what, err := range map[string]error{"vote": vote, "pre-vote": preVote, "TimeoutNow": timeoutNow} {
				if !errors.Is(err, want) {
					t.Errorf("%s to %s: error %v, want %v", what, to, err, want)
				}
			}
			if want != nil {
				checkNotPreVoteGrant(t, preVote)
			}
			if _, err := sendAppend(from, to, appendRequest(string(h.ID), 2, 1, 1)); err != nil {
				t.Errorf("append to %s: %v", to, err)
			}
			if _, err := sendHeartbeat(from, to, 2); err != nil {
				t.Errorf("heartbeat to %s: %v", to, err)
			}
		}
		try(a, "b", nil)
		guarded := true
		b.SetVoteGuard(func(Ballot) bool { return guarded })
		try(a, "b", ErrVoteGuard)
		try(b, "a", ErrVoteGuard)
		if got := b.t.Stats().GuardRefused; got != 6 {
			t.Errorf("GuardRefused = %d, want 6", got)
		}
		guarded = false
		try(a, "b", nil)
		try(b, "a", nil)
	})
}

// The guard sees where the candidate's log ends, and may let a vote for a whole log through.
func TestVoteGuardKnowsTheCandidatesLog(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, a, b := twoNodes(t)
		answer(a, agree)
		answer(b, agree)
		b.SetVoteGuard(func(x Ballot) bool { return x.Kind == BallotTimeoutNow || x.LastTerm < 3 || x.LastIndex < 7 })
		for _, c := range []struct {
			term, index uint64
			want        error
		}{{3, 7, nil}, {3, 8, nil}, {3, 6, ErrVoteGuard}, {2, 9, ErrVoteGuard}} {
			for from, to := range map[*Group]string{a: "b", b: "a"} {
				h := header(from.t.cfg.NodeID)
				vote := from.RequestVote(raft.ServerID(to), "", &raft.RequestVoteRequest{RPCHeader: h, Term: 4, LastLogTerm: c.term, LastLogIndex: c.index}, &raft.RequestVoteResponse{})
				preVote := from.RequestPreVote(raft.ServerID(to), "", &raft.RequestPreVoteRequest{RPCHeader: h, Term: 4, LastLogTerm: c.term, LastLogIndex: c.index}, &raft.RequestPreVoteResponse{})
				if !errors.Is(vote, c.want) || !errors.Is(preVote, c.want) {
					t.Errorf("to %s, log ends at %d of term %d: vote %v, pre-vote %v, want %v", to, c.index, c.term, vote, preVote, c.want)
				}
			}
		}
	})
}

// A follower hears the leader's last index with every append that raft accepted, and with no other.
func TestFollowerHearsTheLeadersLastIndex(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, a, b := twoNodes(t)
		accept := true
		answer(b, func(rpc raft.RPC) (any, error) {
			r := rpc.Command.(*raft.AppendEntriesRequest)
			return &raft.AppendEntriesResponse{RPCHeader: header("b"), Term: r.Term, Success: accept}, nil
		})
		a.SetLastIndex(func() uint64 { return 40 })
		var heard []Heard
		b.SetHeard(func(h Heard) { heard = append(heard, h) })
		send := func(prev uint64, n int) {
			t.Helper()
			if _, err := sendAppend(a, "b", appendRequest("a", 2, prev, 0, entries(prev, n, 1)...)); err != nil {
				t.Fatal(err)
			}
		}
		send(3, 2)
		accept = false
		send(9, 1)
		accept = true
		send(41, 0) // more than the leader's raft has told yet
		want := []Heard{{2, 40, 5}, {2, 41, 41}}
		if !slices.Equal(heard, want) {
			t.Errorf("heard %v, want %v", heard, want)
		}
	})
}

func TestNodesTellEachOtherWhereTheirLogsEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, a, b := twoNodes(t)
		if _, err := a.AskLogEnd("b", time.Second); !errors.Is(err, ErrUnknownGroup) {
			t.Errorf("a group that does not say: %v, want ErrUnknownGroup", err)
		}
		want := LogEnd{Term: 3, Index: 12, Guarded: true}
		b.SetLogEnd(func() (LogEnd, error) { return want, nil })
		if got, err := a.AskLogEnd("b", time.Second); got != want || err != nil {
			t.Errorf("got %+v, %v, want %+v", got, err, want)
		}
		if err := b.Close(); err != nil {
			t.Fatal(err)
		}
		if _, err := a.AskLogEnd("b", time.Second); !errors.Is(err, ErrUnknownGroup) {
			t.Errorf("a group that is closed: %v, want ErrUnknownGroup", err)
		}
	})
}

// A node that is about to stop votes for others, and can neither be made to stand for election nor ask for votes.
func TestRetiredNodeVotesButNeverStands(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, a, b := twoNodes(t)
		answer(a, agree)
		answer(b, agree)
		b.t.Retire()
		if _, err := sendVote(a, "b", 2); err != nil {
			t.Errorf("vote for a: %v", err)
		}
		if _, err := sendVote(b, "a", 2); !errors.Is(err, ErrRetired) {
			t.Errorf("vote for b: %v, want %v", err, ErrRetired)
		}
		err := a.TimeoutNow("b", "", &raft.TimeoutNowRequest{RPCHeader: header("a")}, &raft.TimeoutNowResponse{})
		if !errors.Is(err, ErrRetired) {
			t.Errorf("TimeoutNow to b: %v, want %v", err, ErrRetired)
		}
	})
}

// A node that loads its data votes for others. It does not stand for election, but for the groups that are not named, and
// does again once it has loaded.
func TestNodeThatLoadsVotesAndDoesNotStand(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, a, b := twoNodes(t)
		answer(a, agree)
		answer(b, agree)
		b.t.HoldBack(func(g GroupID) bool { return g == b.id })
		if _, err := sendVote(a, "b", 2); err != nil {
			t.Errorf("vote for a: %v", err)
		}
		if _, err := sendVote(b, "a", 2); !errors.Is(err, ErrLoading) {
			t.Errorf("vote for b: %v, want %v", err, ErrLoading)
		}
		err := a.TimeoutNow("b", "", &raft.TimeoutNowRequest{RPCHeader: header("a")}, &raft.TimeoutNowResponse{})
		if !errors.Is(err, ErrLoading) {
			t.Errorf("TimeoutNow to b: %v, want %v", err, ErrLoading)
		}
		b.t.HoldBack(func(GroupID) bool { return false })
		if _, err := sendVote(b, "a", 3); err != nil {
			t.Errorf("vote for b, another group is held back: %v", err)
		}
		b.t.HoldBack(nil)
		if _, err := sendVote(b, "a", 4); err != nil {
			t.Errorf("vote for b, which has loaded: %v", err)
		}
	})
}
