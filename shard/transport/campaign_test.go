package transport

import (
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hashicorp/raft"
)

func question(node string, term, lastIndex uint64) *raft.RequestPreVoteRequest {
	return &raft.RequestPreVoteRequest{RPCHeader: header(node), Term: term, LastLogTerm: 1, LastLogIndex: lastIndex}
}

func ask(g *Group, to string, args *raft.RequestPreVoteRequest) (raft.RequestPreVoteResponse, error) {
	var resp raft.RequestPreVoteResponse
	err := g.RequestPreVote(raft.ServerID(to), raft.ServerAddress(to), args, &resp)
	return resp, err
}

// voter answers pre-votes as f does, and counts them.
type voter struct{ asked int }

func (v *voter) answer(g *Group, f func(q *raft.RequestPreVoteRequest) *raft.RequestPreVoteResponse) {
	answer(g, func(rpc raft.RPC) (any, error) {
		if q, ok := rpc.Command.(*raft.RequestPreVoteRequest); ok {
			v.asked++
			return f(q), nil
		}
		return agree(rpc)
	})
}

func (v *voter) refuse(g *Group) {
	v.answer(g, func(q *raft.RequestPreVoteRequest) *raft.RequestPreVoteResponse {
		return &raft.RequestPreVoteResponse{Term: q.Term - 1}
	})
}

// A candidate that notices first gets its peer's pre-vote as soon as that one has noticed, too.
func TestRefusedCandidateAsksAgainUntilItIsGranted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, a, b := twoNodes(t)
		var v voter
		noticed := time.Now().Add(130 * time.Millisecond)
		v.answer(b, func(q *raft.RequestPreVoteRequest) *raft.RequestPreVoteResponse {
			return &raft.RequestPreVoteResponse{Term: q.Term - 1, Granted: !time.Now().Before(noticed)}
		})
		resp, err := ask(a, "b", question("a", 2, 1))
		if late := time.Since(noticed); err != nil || !resp.Granted || late > a.askEvery() || v.asked != 8 {
			t.Errorf("granted %v, error %v, %v late, asked %d times; want granted within %v, asked 8 times", resp.Granted, err, late, v.asked, a.askEvery())
		}
		if got := a.t.Stats().PreVotesRepeated; got != 7 {
			t.Errorf("PreVotesRepeated = %d, want 7", got)
		}
	})
}

// What ends a campaign ends the asking: raft is told of a refusal, or of the newer term.
func TestCandidateStopsAskingWhenItsCampaignEnds(t *testing.T) {
	for name, c := range map[string]struct {
		end  func(a *Group) // 50 ms after the first question; nil: the answer is of a newer term, or nothing happens
		term uint64         // of b's answers
		want error
		most int // questions
	}{
		"newer term":        {term: 3, most: 1},
		"same term":         {term: 2, most: 31}, // another node's candidacy raised it; b may grant yet
		"nothing":           {term: 1, most: 31},
		"closed":            {term: 1, end: func(a *Group) { a.stop() }, want: ErrClosed, most: 3},
		"a later campaign":  {term: 1, end: func(a *Group) { a.stand(question("a", 2, 1)) }, most: 3},
		"a leader is heard": {term: 1, end: func(a *Group) { a.appended(&raft.AppendEntriesResponse{Term: 1, Success: true}) }, most: 3},
		"a later term":      {term: 1, end: func(a *Group) { a.sawTerm(2) }, most: 3},
		"about to stop":     {term: 1, end: func(a *Group) { a.t.Retire() }, want: ErrRetired, most: 3},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				_, a, b := twoNodes(t)
				var v voter
				v.answer(b, func(*raft.RequestPreVoteRequest) *raft.RequestPreVoteResponse {
					return &raft.RequestPreVoteResponse{Term: c.term}
				})
				if c.end != nil {
					time.AfterFunc(50*time.Millisecond, func() { c.end(a) })
				}
				resp, err := ask(a, "b", question("a", 2, 1))
				if !errors.Is(err, c.want) || resp.Granted || resp.Term != c.term || v.asked != c.most {
					t.Errorf("%+v, error %v after %d questions; want a refusal of term %d, error %v, %d questions", resp, err, v.asked, c.term, c.want, c.most)
				}
			})
		})
	}
}

// A replica that only its leader cannot reach campaigns on and on: in the end it asks as often as raft does.
func TestCampaignsInARowAskLessAndLess(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, a, b := twoNodes(t)
		var v voter
		v.refuse(b)
		for i, want := range []int{31, 16, 8, 4, 1, 1, 1, 1, 1, 1, 1, 1} {
			before := v.asked
			if _, err := ask(a, "b", question("a", 2, 1)); err != nil {
				t.Fatal(err)
			}
			if got := v.asked - before; got != want {
				t.Errorf("campaign %d asked %d times, want %d", i+1, got, want)
			}
		}
		a.appended(&raft.AppendEntriesResponse{Term: 1, Success: true})
		before := v.asked
		if _, err := ask(a, "b", question("a", 2, 1)); err != nil || v.asked-before != 31 {
			t.Errorf("the first campaign after a leader was heard asked %d times, error %v; want 31", v.asked-before, err)
		}
	})
}

// Two replicas stand at once and would each grant the other's pre-vote: only the one with precedence gets it, by its log or else by
// its node id. The other one gets it when the first one has not made use of it in time.
func TestOnlyOneOfTwoCandidatesIsGrantedAPreVote(t *testing.T) {
	for name, c := range map[string]struct {
		aTerm, aLast, bTerm, bLast uint64
		first                      string
	}{
		"equal":             {2, 5, 2, 5, "a"},
		"a's log is longer": {2, 6, 2, 5, "a"},
		"b's log is longer": {2, 5, 2, 6, "b"},
		"b is a term ahead": {2, 5, 3, 5, "b"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				_, a, b := twoNodes(t)
				answer(a, agree)
				answer(b, agree)
				began := time.Now()
				granted := make(chan string, 2)
				stand := func(g *Group, to string, args *raft.RequestPreVoteRequest) {
					if resp, err := ask(g, to, args); err == nil && resp.Granted {
						granted <- g.t.cfg.NodeID
					}
				}
				go stand(a, "b", question("a", c.aTerm, c.aLast))
				go stand(b, "a", question("b", c.bTerm, c.bLast))
				first := <-granted
				if took := time.Since(began); first != c.first || took != 0 {
					t.Errorf("%s was granted first, after %v; want %s at once", first, took, c.first)
				}
				second := <-granted
				if took := time.Since(began); second == first || took != a.claimFor() {
					t.Errorf("%s was granted second, after %v; want the other after %v", second, took, a.claimFor())
				}
			})
		})
	}
}

// A candidate that asks for votes by now keeps its precedence: the other one's pre-vote would split them.
func TestCandidateKeepsItsPrecedenceWhileItAsksForVotes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, a, b := twoNodes(t)
		answer(a, agree)
		answer(b, func(rpc raft.RPC) (any, error) {
			if _, ok := rpc.Command.(*raft.RequestVoteRequest); ok {
				return nil, errors.New("busy with its disk, and still in its old term")
			}
			return agree(rpc)
		})
		if resp, err := ask(a, "b", question("a", 2, 1)); err != nil || !resp.Granted {
			t.Fatalf("%+v, %v", resp, err)
		}
		time.Sleep(a.claimFor() * 3 / 4) // its disk is slow
		if _, err := sendVote(a, "b", 2); err == nil {
			t.Fatal("b voted")
		}
		time.Sleep(a.claimFor() * 3 / 4)
		b.mu.Lock()
		clear(b.campaign.rivals) // as if a's question had been lost: a alone must see to it
		b.mu.Unlock()
		began := time.Now()
		resp, err := ask(b, "a", question("b", 2, 1))
		if took := time.Since(began); err != nil || !resp.Granted || took < a.claimFor()/4 {
			t.Errorf("%+v, %v after %v; want a grant once a has not asked for %v", resp, err, took, a.claimFor())
		}
		if got := a.t.Stats().PreVotesWithheld; got == 0 {
			t.Error("nothing was withheld")
		}
	})
}

// Who has precedence and asks in vain, because the answers do not reach it, holds a rival up once and not for ever.
func TestCandidateThatCannotWinHoldsNobodyUpForLong(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, a, b := twoNodes(t)
		answer(b, agree)
		own := question("b", 2, 1)
		for began := time.Now(); time.Since(began) < time.Second; time.Sleep(20 * time.Millisecond) {
			b.precedesRival("a", question("a", 2, 1))
			a.stand(question("a", 2, 1))
			if got, want := b.yields(own), time.Since(began) < b.claimFor(); got != want {
				t.Errorf("after %v b yields: %v, want %v", time.Since(began), got, want)
			}
			if got, want := a.precedesRival("b", own), time.Since(began) < a.claimFor(); got != want {
				t.Errorf("after %v a withholds: %v, want %v", time.Since(began), got, want)
			}
		}
	})
}
