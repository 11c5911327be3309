package transport

import (
	"testing"
	"testing/synctest"

	"github.com/hashicorp/raft"
)

func TestNodesTellTheirLeaderHowFarTheyHaveApplied(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, a, b := twoNodes(t)
		applied, success := uint64(7), true
		b.SetApplied(func() uint64 { return applied })
		answer(b, func(rpc raft.RPC) (any, error) {
			q := rpc.Command.(*raft.AppendEntriesRequest)
			return &raft.AppendEntriesResponse{Term: q.Term, Success: success}, nil
		})
		want := func(want uint64) {
			t.Helper()
			if got := a.AppliedIndex("b"); got != want {
				t.Errorf("AppliedIndex = %d, want %d", got, want)
			}
		}
		must := func(_ raft.AppendEntriesResponse, err error) {
			t.Helper()
			if err != nil {
				t.Fatal(err)
			}
		}
		want(0)
		must(sendAppend(a, "b", appendRequest("a", 3, 9, 0, entries(9, 2, 1)...)))
		want(7)
		applied = 10
		must(sendHeartbeat(a, "b", 3))
		want(10)
		applied = 2 // it has started again
		must(sendHeartbeat(a, "b", 3))
		want(2)
		success, applied = false, 11
		must(sendAppend(a, "b", appendRequest("a", 3, 20, 0)))
		want(2) // of another leader's, perhaps
		success = true
		must(sendHeartbeat(a, "b", 4))
		want(11)
		must(sendAppend(a, "b", appendRequest("a", 4, 9, 0)))
		a.ForgetMatch("b")
		want(0)
	})
}

// Its answer was right until it went; what comes back begins with its snapshot.
func TestNodeThatDoesNotAnswerCountsAsNotApplied(t *testing.T) {
	for name, ask := range map[string]func(a *Group) error{
		"append":    func(a *Group) error { _, err := sendAppend(a, "b", appendRequest("a", 3, 9, 0)); return err },
		"heartbeat": func(a *Group) error { _, err := sendHeartbeat(a, "b", 3); return err },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				_, a, b := twoNodes(t)
				b.SetApplied(func() uint64 { return 7 })
				answer(b, agree)
				if err := ask(a); err != nil || a.AppliedIndex("b") != 7 {
					t.Fatalf("applied %d, %v", a.AppliedIndex("b"), err)
				}
				if err := b.Close(); err != nil {
					t.Fatal(err)
				}
				if err := ask(a); err == nil {
					t.Fatal("a closed group has answered")
				}
				if got := a.AppliedIndex("b"); got != 0 {
					t.Errorf("AppliedIndex = %d of a node that does not answer, want 0", got)
				}
			})
		})
	}
}
