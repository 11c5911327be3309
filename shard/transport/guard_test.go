package transport

import (
	"errors"
	"testing"
	"testing/synctest"

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
		b.SetVoteGuard(func() bool { return guarded })
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
