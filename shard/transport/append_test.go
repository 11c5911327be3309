package transport

import (
	"errors"
	"reflect"
	"testing"
	"testing/synctest"

	"github.com/hashicorp/raft"
)

// twoNodes starts nodes a and b with group 1 on both.
func twoNodes(t *testing.T, change ...func(*Config)) (n *pipeNet, a, b *Group) {
	n = newPipeNet()
	ta, tb := n.start(t, "a", change...), n.start(t, "b", change...)
	return n, group(t, ta, 1), group(t, tb, 1)
}

// PROTOCOL rule 0, sending end: what arrives never says more than it carries.
func TestCommitIndexIsClampedToTheEntriesOfItsMessage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, a, b := twoNodes(t)
		got := make(chan *raft.AppendEntriesRequest, 1)
		answer(b, func(rpc raft.RPC) (any, error) {
			got <- rpc.Command.(*raft.AppendEntriesRequest)
			return agree(rpc)
		})
		for _, c := range []struct {
			prev, commit uint64
			entries      int
			want         uint64
		}{
			{prev: 2, commit: 7, entries: 0, want: 2},
			{prev: 2, commit: 7, entries: 3, want: 5},
			{prev: 2, commit: 4, entries: 3, want: 4},
			{prev: 0, commit: 7, entries: 0, want: 0},
			{prev: 9, commit: 0, entries: 0, want: 0},
		} {
			args := appendRequest("a", 3, c.prev, c.commit, entries(c.prev, c.entries, 1)...)
			if _, err := sendAppend(a, "b", args); err != nil {
				t.Fatalf("%+v: %v", c, err)
			}
			if r := <-got; r.LeaderCommitIndex != c.want {
				t.Errorf("%+v: commit index arrived as %d", c, r.LeaderCommitIndex)
			}
			if args.LeaderCommitIndex != c.commit {
				t.Errorf("%+v: the caller's request was changed to commit index %d", c, args.LeaderCommitIndex)
			}
		}
		if got := a.t.Stats().Clamped; got != 3 {
			t.Errorf("Clamped = %d, want 3", got)
		}
	})
}

// PROTOCOL rule 0, receiving end: a node that does not clamp is refused, and raft never sees the request.
func TestUnclampedAppendIsRefused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n, _, b := twoNodes(t)
		c := n.rawDial(t, "x", "b", data)
		send := func(id uint64, r *raft.AppendEntriesRequest) {
			c.send(frameAppend, id, func(buf []byte) []byte {
				return appendAppendRequest(appendUint64s(buf, 1), r, r.LeaderCommitIndex, 0)
			})
		}
		send(1, appendRequest("x", 3, 2, 4))
		c.wantError(1, ErrNotClamped)
		send(2, appendRequest("x", 3, 2, 4, entries(2, 1, 1)...))
		c.wantError(2, ErrNotClamped)
		send(3, appendRequest("x", 3, 2, 4, entries(3, 2, 1)...)) // entry 3 is missing
		c.wantError(3, ErrMalformed)
		send(4, appendRequest("y", 3, 2, 2)) // on the connection of x
		c.wantError(4, ErrMalformed)
		if len(b.Consumer()) != 0 {
			t.Error("raft was given a refused request")
		}
		if got := b.t.Stats().NotClampedRefused; got != 2 {
			t.Errorf("NotClampedRefused = %d, want 2", got)
		}
	})
}

func TestAppendIsShortenedInPlaceToTheByteBudget(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, a, b := twoNodes(t, func(c *Config) { c.AppendBytesMax = 1000 })
		answer(b, agree)
		for _, c := range []struct{ n, dataBytes, want int }{
			{n: 10, dataBytes: 10, want: 10},
			{n: 10, dataBytes: 300, want: 3},
			{n: 3, dataBytes: 5000, want: 1}, // at least one always goes
			{n: 1, dataBytes: 5000, want: 1},
		} {
			args := appendRequest("a", 3, 2, 100, entries(2, c.n, c.dataBytes)...)
			resp, err := sendAppend(a, "b", args)
			if err != nil || len(args.Entries) != c.want || resp.LastLog != uint64(2+c.want) {
				t.Errorf("%+v: %d entries left, %d arrived, error %v", c, len(args.Entries), resp.LastLog-2, err)
			}
		}
	})
}

func TestResponseIsOverwrittenAsAWhole(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, a, b := twoNodes(t)
		want := raft.AppendEntriesResponse{RPCHeader: header("b"), Term: 9}
		answer(b, func(raft.RPC) (any, error) { r := want; return &r, nil })
		for _, args := range []*raft.AppendEntriesRequest{
			appendRequest("a", 3, 2, 2),                            // data connection
			{RPCHeader: header("a"), Leader: []byte("a"), Term: 3}, // heartbeat
		} {
			resp := raft.AppendEntriesResponse{Term: 1, LastLog: 77, Success: true, NoRetryBackoff: true}
			if err := a.AppendEntries("b", "b", args, &resp); err != nil {
				t.Fatal(err)
			}
			if !reflect.DeepEqual(resp, want) {
				t.Errorf("response %+v, want %+v", resp, want)
			}
		}
	})
}

func TestErrorOfRaftComesBackButNeverGrantsAPreVote(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, a, b := twoNodes(t)
		answer(b, func(raft.RPC) (any, error) { return nil, errors.New("unexpected command, disk is on fire") })
		var resp raft.RequestPreVoteResponse
		err := a.RequestPreVote("b", "b", &raft.RequestPreVoteRequest{RPCHeader: header("a"), Term: 2}, &resp)
		checkNotPreVoteGrant(t, err)
		var remote *RemoteError
		if !errors.As(err, &remote) || remote.Node != "b" {
			t.Errorf("error %v, want a RemoteError of node b", err)
		}
	})
}

func TestUnknownGroupIsAnErrorThatGrantsNoPreVote(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, a, _ := twoNodes(t)
		g := group(t, a.t, 2)
		var preVote raft.RequestPreVoteResponse
		err := g.RequestPreVote("b", "b", &raft.RequestPreVoteRequest{RPCHeader: header("a"), Term: 2}, &preVote)
		checkNotPreVoteGrant(t, err)
		_, voteErr := sendVote(g, "b", 2)
		_, appendErr := sendAppend(g, "b", appendRequest("a", 3, 2, 2))
		_, heartbeatErr := sendHeartbeat(g, "b", 2)
		for what, err := range map[string]error{"pre-vote": err, "vote": voteErr, "append": appendErr, "heartbeat": heartbeatErr} {
			if !errors.Is(err, ErrUnknownGroup) {
				t.Errorf("%s: error %v, want ErrUnknownGroup", what, err)
			}
		}
	})
}

func TestMatchIndexIsWhatTheNodeAcknowledgedInThisTerm(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, a, b := twoNodes(t)
		success := true
		answer(b, func(rpc raft.RPC) (any, error) {
			q := rpc.Command.(*raft.AppendEntriesRequest)
			return &raft.AppendEntriesResponse{Term: q.Term, Success: success}, nil
		})
		step := func(args *raft.AppendEntriesRequest, want uint64) {
			t.Helper()
			if _, err := sendAppend(a, "b", args); err != nil {
				t.Fatal(err)
			}
			if got := a.MatchIndex("b"); got != want {
				t.Errorf("MatchIndex = %d, want %d", got, want)
			}
		}
		step(appendRequest("a", 3, 5, 0, entries(5, 2, 1)...), 7)
		step(appendRequest("a", 3, 4, 0, entries(4, 1, 1)...), 7) // an older request, late
		step(appendRequest("a", 3, 0, 0), 7)                      // a heartbeat says nothing
		success = false
		step(appendRequest("a", 3, 20, 0), 7)
		step(appendRequest("a", 4, 20, 0), 0) // a new term begins with nothing known
		success = true
		step(appendRequest("a", 4, 2, 0), 2)
		if _, err := sendAppend(b, "a", appendRequest("b", 9, 2, 2)); err == nil {
			t.Fatal("a's raft does not answer, want a timeout")
		}
		if got := a.MatchIndex("x"); got != 0 {
			t.Errorf("MatchIndex of an unknown node = %d, want 0", got)
		}
	})
}

// A node that was a member before comes back empty. What it acknowledged in its earlier life says nothing, also where the
// answer comes late.
func TestMatchIndexIsOfTheNodesPresentLife(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, a, b := twoNodes(t)
		release := make(chan struct{})
		answer(b, func(rpc raft.RPC) (any, error) {
			q := rpc.Command.(*raft.AppendEntriesRequest)
			if len(q.Entries) == 2 {
				<-release
			}
			return &raft.AppendEntriesResponse{Term: q.Term, Success: true}, nil
		})
		done := make(chan error)
		go func() {
			_, err := sendAppend(a, "b", appendRequest("a", 3, 5, 0, entries(5, 2, 1)...))
			done <- err
		}()
		synctest.Wait()
		a.ForgetMatch("b")
		close(release)
		if err := <-done; err != nil {
			t.Fatal(err)
		}
		if got := a.MatchIndex("b"); got != 0 {
			t.Errorf("MatchIndex = %d after an answer to a message of before, want 0", got)
		}
		if _, err := sendAppend(a, "b", appendRequest("a", 3, 0, 0, entries(0, 1, 1)...)); err != nil {
			t.Fatal(err)
		}
		if got := a.MatchIndex("b"); got != 1 {
			t.Errorf("MatchIndex = %d, want 1", got)
		}
	})
}

// The log that was acknowledged in an earlier term may have been cut since.
func TestAnswersThatAreLateByATermSayNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, a, _ := twoNodes(t)
		a.matched("b", 0, 4, 2)
		a.matched("b", 0, 3, 20)
		if got := a.MatchIndex("b"); got != 2 {
			t.Errorf("MatchIndex = %d, want the 2 of the latest term", got)
		}
	})
}

func TestPlaceholderOfTheLogStoreIsNeverSent(t *testing.T) {
	g := &Group{t: &Transport{cfg: Config{Placeholder: func(l *raft.Log) bool { return l.Index == 7 }}}, id: 3}
	if err := g.checkPlaceholders(&raft.AppendEntriesRequest{Entries: []*raft.Log{{Index: 6}, {Index: 7}}}); err == nil {
		t.Error("an append with a placeholder was let through")
	}
	if err := g.checkPlaceholders(&raft.AppendEntriesRequest{Entries: []*raft.Log{{Index: 6}, {Index: 8}}}); err != nil {
		t.Error(err)
	}
}
