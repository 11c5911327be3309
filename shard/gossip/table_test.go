package gossip

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"
)

var testTime = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

func at(seconds int) time.Time { return testTime.Add(time.Duration(seconds) * time.Second) }

func wantState(t *testing.T, tb *table, id string, want State) {
	t.Helper()
	m, known := tb.members[id]
	if !known {
		t.Fatalf("node %s: not known, want %v", id, want)
	}
	if m.State != want {
		t.Errorf("node %s: got %v, want %v", id, m.State, want)
	}
}

func TestHigherStartWinsAddressesBeforeMemberlistTakesIt(t *testing.T) {
	tb := newTable(30 * time.Second)
	tb.alive(Node{ID: "n", Start: 1, RESP: "old:1"}, "1.1.1.1:1", at(0))

	changed, err := tb.admit(Node{ID: "n", Start: 2, RESP: "new:1"}, at(1))
	if err != nil || !changed {
		t.Fatalf("start 2: got %v, %v; want it admitted as a change", changed, err)
	}
	if got := tb.members["n"].RESP; got != "new:1" {
		t.Errorf("address: got %s, want new:1", got)
	}
	wantState(t, tb, "n", StateAlive)
	if _, err := tb.admit(Node{ID: "n", Start: 1, RESP: "old:1"}, at(2)); err == nil {
		t.Error("start 1 after start 2: admitted, want it refused")
	}
}

func TestLowerStartIsTakenOnceTheNodeIsLongGone(t *testing.T) {
	tb := newTable(30 * time.Second)
	tb.alive(Node{ID: "n", Start: 5}, "1.1.1.1:1", at(0))
	tb.gone("n", at(1))
	if _, err := tb.admit(Node{ID: "n", Start: 4}, at(31)); err == nil {
		t.Error("30 s after death: admitted, want it refused")
	}
	if _, err := tb.admit(Node{ID: "n", Start: 4}, at(32)); err != nil {
		t.Errorf("31 s after death: got %v, want it admitted", err)
	}
}

func TestDepartureCountsBeforeAndAfterMemberlistSaysGone(t *testing.T) {
	tb := newTable(time.Minute)
	for _, id := range []string{"before", "after", "never", "restarted"} {
		tb.alive(Node{ID: id, Start: 1}, "1.1.1.1:1", at(0))
	}
	tb.depart(departure{"before", 1}, at(1))
	wantState(t, tb, "before", StateAlive)
	tb.gone("before", at(2))
	wantState(t, tb, "before", StateLeft)

	tb.gone("after", at(1))
	wantState(t, tb, "after", StateDead)
	if !tb.depart(departure{"after", 1}, at(2)) || tb.depart(departure{"after", 1}, at(3)) {
		t.Error("departure of after: want it to be news once")
	}
	wantState(t, tb, "after", StateLeft)

	tb.gone("never", at(1))
	wantState(t, tb, "never", StateDead)

	tb.depart(departure{"restarted", 1}, at(1))
	tb.gone("restarted", at(2))
	tb.alive(Node{ID: "restarted", Start: 2}, "1.1.1.1:2", at(3))
	if tb.depart(departure{"restarted", 1}, at(4)) {
		t.Error("departure of an earlier start: taken, want it ignored")
	}
	tb.gone("restarted", at(5))
	wantState(t, tb, "restarted", StateDead)
}

func TestProbesTurnSuspectAndBackButNotTheGone(t *testing.T) {
	tb := newTable(time.Minute)
	tb.alive(Node{ID: "n", Start: 1}, "1.1.1.1:1", at(0))
	tb.probed("n", false, at(1))
	wantState(t, tb, "n", StateSuspect)
	tb.probed("n", false, at(2))
	if got := tb.members["n"].Since; !got.Equal(at(1)) {
		t.Errorf("since: got %v, want the first failed probe, %v", got, at(1))
	}
	tb.probed("n", true, at(3))
	wantState(t, tb, "n", StateAlive)
	tb.gone("n", at(4))
	tb.probed("n", true, at(5))
	wantState(t, tb, "n", StateDead)
	if _, changed := tb.probed("stranger", false, at(5)); changed {
		t.Error("probe of an unknown node: changed the table")
	}
}

func TestTableIsBoundedAndMakesRoomFromTheLongestGone(t *testing.T) {
	tb := newTable(30 * time.Second)
	for i := range nodesMax {
		tb.alive(Node{ID: fmt.Sprint("n", i)}, "1.1.1.1:1", at(0))
	}
	if _, err := tb.admit(Node{ID: "new"}, at(1)); err == nil {
		t.Fatal("full of living nodes: admitted, want it refused")
	}
	tb.gone("n7", at(1))
	tb.gone("n8", at(2))
	if _, err := tb.admit(Node{ID: "new"}, at(20)); err == nil {
		t.Fatal("full of nodes just gone: admitted, want it refused")
	}
	if _, err := tb.admit(Node{ID: "new"}, at(40)); err != nil {
		t.Fatalf("with nodes long gone: got %v, want it admitted", err)
	}
	if _, known := tb.members["n7"]; known {
		t.Error("n7 has been gone for longest and is still there")
	}
	wantState(t, tb, "n8", StateDead)
}

// Hints come in any order and any number of times: the result must be that of the newest of each shard.
func TestLeaderHintsConvergeInAnyOrder(t *testing.T) {
	seed := rand.Uint64()
	rng := rand.New(rand.NewPCG(seed, 0))
	var all []Leader
	for range 200 {
		all = append(all, Leader{Shard: rng.Uint64N(4), Term: 1 + rng.Uint64N(5), Node: []string{"", "a", "b"}[rng.IntN(3)]})
	}
	results := [2]leaders{{}, {}}
	for _, ls := range results {
		for _, i := range rng.Perm(len(all)) {
			ls.offer(all[i])
			ls.offer(all[rng.IntN(len(all))])
		}
	}
	for shard, a := range results[0] {
		if b := results[1][shard]; a != b {
			t.Errorf("shard %d: got %+v in one order and %+v in another (seed %d)", shard, a, b, seed)
		}
		for _, l := range all {
			if l.Shard == shard && l.Term > a.Term {
				t.Errorf("shard %d: kept term %d, offered %d (seed %d)", shard, a.Term, l.Term, seed)
			}
		}
	}
}

func TestLeaderHintsAreBounded(t *testing.T) {
	ls := leaders{}
	for i := range uint64(leadersMax) {
		ls.offer(Leader{Shard: i, Term: 1, Node: "a"})
	}
	if got := ls.offer(Leader{Shard: leadersMax, Term: 1, Node: "a"}); got != offerRefused {
		t.Errorf("hint above the limit: got %v, want it refused", got)
	}
	if got := ls.offer(Leader{Shard: 3, Term: 2, Node: "a"}); got != offerNews {
		t.Errorf("newer hint for a known shard: got %v, want it taken", got)
	}
}
