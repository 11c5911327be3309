package shard

import (
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hashicorp/raft"
)

// office is a group's leadership as a test sets it.
type office struct {
	term  uint64
	leads bool

	mu      sync.Mutex // protects the fields below
	ids     []raft.ServerID
	changes uint64
}

func (o *office) Leader() (uint64, bool) { return o.term, o.leads }

func (o *office) voters() ([]raft.ServerID, uint64) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.ids, o.changes
}

// set changes the configuration.
func (o *office) set(ids []raft.ServerID) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.ids = ids
	o.changes++
}

const testLease = 180 * time.Millisecond

// testGate is the gate of node "self"; nobody is asked, answers are put in by hand.
func testGate(t *testing.T, o *office) (*gate, *Confirmer) {
	c := NewConfirmer(nil, testLease)
	c.closed = true // no goroutine asks
	t.Cleanup(c.Close)
	g := newGate("self", testLease, o, c)
	g.question("b")
	return g, c
}

// answerNow is an answer to a question that is sent at this instant.
func answerNow(c *Confirmer) answer { return answer{sent: time.Now(), number: c.next()} }

func TestQuorumCountsVotersOfTheLatestConfigurationOnly(t *testing.T) {
	for _, test := range []struct {
		name     string
		voters   []raft.ServerID
		answered []raft.ServerID
		want     bool
	}{
		{"no configuration", nil, []raft.ServerID{"b", "c"}, false},
		{"one voter, this one", []raft.ServerID{"self"}, nil, true},
		{"one voter, another one", []raft.ServerID{"b"}, nil, false},
		{"one voter, another one that answers", []raft.ServerID{"b"}, []raft.ServerID{"b"}, true},
		{"one of two", []raft.ServerID{"self", "b"}, nil, false},
		{"two of two", []raft.ServerID{"self", "b"}, []raft.ServerID{"b"}, true},
		{"one of three", []raft.ServerID{"self", "b", "c"}, nil, false},
		{"two of three", []raft.ServerID{"self", "b", "c"}, []raft.ServerID{"c"}, true},
		{"learners of three", []raft.ServerID{"self", "b", "c"}, []raft.ServerID{"learner", "other"}, false},
		{"removed, one of two others", []raft.ServerID{"b", "c"}, []raft.ServerID{"b"}, false},
		{"removed, two of two others", []raft.ServerID{"b", "c"}, []raft.ServerID{"b", "c"}, true},
		{"two of five", []raft.ServerID{"self", "b", "c", "d", "e"}, []raft.ServerID{"e"}, false},
		{"three of five", []raft.ServerID{"self", "b", "c", "d", "e"}, []raft.ServerID{"b", "e"}, true},
		{"three of five and learners", []raft.ServerID{"self", "b", "c", "d", "e"}, []raft.ServerID{"b", "learner", "other"}, false},
		{"removed, two of four others", []raft.ServerID{"b", "c", "d", "e"}, []raft.ServerID{"b", "c"}, false},
		{"removed, three of four others", []raft.ServerID{"b", "c", "d", "e"}, []raft.ServerID{"b", "c", "d"}, true},
	} {
		g, c := testGate(t, &office{term: 3, leads: true, ids: test.voters})
		g.term = 3
		for _, id := range test.answered {
			g.answers[id] = answerNow(c)
		}
		if _, got := g.quorumLocked(test.voters); got != test.want {
			t.Errorf("%s: quorum is %v, want %v", test.name, got, test.want)
		}
	}
}

// The lease counts from when the oldest question of the quorum was sent, and numbers do not tell that: instant and
// number are taken one after the other, and another question may get both in between.
func TestLeaseCountsFromTheOldestQuestionOfTheQuorum(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := &office{term: 1, leads: true, ids: []raft.ServerID{"self", "b", "c", "d", "e"}}
		g, c := testGate(t, o)
		early := time.Now()
		time.Sleep(50 * time.Millisecond)
		late := answerNow(c)
		g.confirmed("b", 1, late)
		g.confirmed("c", 1, answer{sent: early, number: c.next()})
		if !g.Leased(1) {
			t.Fatal("no lease after two of four others answered")
		}
		if got, want := g.leased.Load().until, early.Add(testLease); !got.Equal(want) {
			t.Errorf("lease ends %v after the oldest question, want %v", got.Sub(early), want.Sub(early))
		}
	})
}

func TestLeaseEndsByItself(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := &office{term: 1, leads: true, ids: []raft.ServerID{"self", "b", "c"}}
		g, c := testGate(t, o)
		sent := answerNow(c)
		time.Sleep(100 * time.Millisecond) // the answer takes this long
		g.confirmed("b", 1, sent)
		if !g.Leased(1) || g.Leased(2) {
			t.Error("the lease is of term 1, and of no other")
		}
		time.Sleep(testLease - 100*time.Millisecond)
		if g.Leased(1) {
			t.Error("the lease was counted from the answer, not from the question")
		}
	})
}

// confirming starts a read by ReadIndex and returns where its end is told.
func confirming(g *gate, term uint64) (done chan error, cancel context.CancelFunc) {
	ctx, cancel := context.WithCancel(context.Background())
	done = make(chan error, 1)
	go func() { done <- g.Confirm(ctx, term) }()
	synctest.Wait()
	return done, cancel
}

func pending(t *testing.T, done chan error, why string) {
	t.Helper()
	synctest.Wait()
	select {
	case err := <-done:
		t.Fatalf("%s, yet the read ended: %v", why, err)
	default:
	}
}

func ended(t *testing.T, done chan error, want error, why string) {
	t.Helper()
	synctest.Wait()
	select {
	case err := <-done:
		if !errors.Is(err, want) {
			t.Fatalf("%s: got %v, want %v", why, err, want)
		}
	default:
		t.Fatalf("%s, yet the read waits", why)
	}
}

func TestReadJoinsNoQuestionThatWasSentBeforeItArrived(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := &office{term: 1, leads: true, ids: []raft.ServerID{"self", "b", "c"}}
		g, c := testGate(t, o)
		before := answerNow(c)
		done, cancel := confirming(g, 1)
		defer cancel()
		g.confirmed("b", 1, before)
		pending(t, done, "the question was sent before the read arrived")
		g.confirmed("b", 1, answerNow(c))
		ended(t, done, nil, "the question was sent after the read arrived")
	})
}

func TestReadEndsWhenLeadershipDoes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := &office{term: 1, leads: true, ids: []raft.ServerID{"self", "b", "c"}}
		g, _ := testGate(t, o)
		done, cancel := confirming(g, 1)
		defer cancel()
		o.term, o.leads = 2, false
		g.question("b")
		ended(t, done, errNotConfirmed, "the replica leads no more")
		other, cancel := confirming(g, 1)
		defer cancel()
		ended(t, other, errNotConfirmed, "the replica does not lead")
	})
}

func TestAnswersOfAnEarlierTermCountForNothing(t *testing.T) {
	o := &office{term: 1, leads: true, ids: []raft.ServerID{"self", "b", "c"}}
	g, c := testGate(t, o)
	g.confirmed("b", 1, answerNow(c))
	o.term = 3
	g.question("b")
	g.confirmed("c", 1, answerNow(c))
	if g.Leased(3) {
		t.Error("answers about term 1 gave a lease for term 3")
	}
	g.confirmed("b", 3, answerNow(c))
	if !g.Leased(3) {
		t.Error("no lease for term 3 after a quorum answered about it")
	}
}

func TestChangeOfConfigurationDiscardsAnswers(t *testing.T) {
	for _, test := range []struct {
		name   string
		change func(*office)
	}{
		{"other voters", func(o *office) { o.ids = []raft.ServerID{"self", "b", "d", "e", "f"} }},
		{"there and back between two looks", func(o *office) { o.changes += 2 }},
	} {
		synctest.Test(t, func(t *testing.T) {
			o := &office{term: 1, leads: true, ids: []raft.ServerID{"self", "b", "c", "d", "e"}, changes: 7}
			g, c := testGate(t, o)
			g.confirmed("b", 1, answerNow(c))
			g.confirmed("d", 1, answerNow(c))
			if !g.Leased(1) {
				t.Fatal("no lease after a quorum answered")
			}
			done, cancel := confirming(g, 1)
			defer cancel()
			g.confirmed("b", 1, answerNow(c))
			test.change(o)
			g.confirmed("d", 1, answerNow(c))
			pending(t, done, test.name+": the answer of b was given under the old configuration")
			if g.Leased(1) {
				t.Errorf("%s: the lease outlived the configuration it was counted by", test.name)
			}
			g.confirmed("b", 1, answerNow(c))
			pending(t, done, test.name+": the answer of d was to a question of before the change")
			g.confirmed("d", 1, answerNow(c))
			ended(t, done, nil, test.name+": a quorum answered under the new configuration")
		})
	}
}

func TestClosedGateLetsNobodyWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := &office{term: 1, leads: true, ids: []raft.ServerID{"self", "b", "c"}}
		g, c := testGate(t, o)
		g.confirmed("b", 1, answerNow(c))
		done, cancel := confirming(g, 1)
		defer cancel()
		g.close()
		ended(t, done, errNotConfirmed, "the gate was closed")
		late, cancel := confirming(g, 1)
		defer cancel()
		ended(t, late, errNotConfirmed, "the gate was closed before")
		g.confirmed("b", 1, answerNow(c))
		if g.Leased(1) {
			t.Error("a closed gate has a lease")
		}
	})
}
