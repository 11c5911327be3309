package shard

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/hashicorp/raft"

	"github.com/holtcache/holt/shard/executor"
)

// leadership is what a gate asks of its group.
type leadership interface {
	// Leader returns the term that this replica leads at this instant.
	Leader() (term uint64, leads bool)
	// voters returns the latest configuration's voters, and a number that grows with each change of it, at the latest
	// when the voters differ.
	voters() (ids []raft.ServerID, changes uint64)
}

// gate keeps what other nodes have confirmed to this replica as leader: that, when they answered, they knew of no later
// term. A vote for a later term comes only after such a term is known, so a leader of a later term that a quorum's
// answers leave room for was elected after the questions were sent.
//
// Two things follow. ReadIndex: a quorum has answered questions sent after a read arrived, so whatever a later leader
// acknowledged, it did so after the read arrived. Lease: a quorum has answered questions sent at s; a later leader
// serves and acknowledges nothing before LeaseMax after its election, which is after s; so until s + Lease this leader's
// state is the latest (dissertation §6.4.1, with the wait in place of a bound on when followers vote).
type gate struct {
	node  raft.ServerID
	lease time.Duration
	of    leadership
	asks  *Confirmer

	// leased is the lease as readers look at it; nil for none.
	leased atomic.Pointer[leaseUntil]
	// used: somebody has looked since the last question.
	used atomic.Bool

	mu      sync.Mutex // protects the fields below; never held across I/O or a channel send
	term    uint64     // that the answers are about
	ids     []raft.ServerID
	changes uint64 // with ids: the configuration that they are counted by
	usedAt  time.Time
	since   uint64 // questions numbered below were sent before term and configuration were these
	answers map[raft.ServerID]answer
	waiting []*waiting
	closed  bool
}

type leaseUntil struct {
	term  uint64
	until time.Time
}

// answer is the latest positive answer of a node, by when its question was sent: as an instant and as a number of the
// Confirmer's sequence, which orders it with the arrival of reads.
type answer struct {
	sent   time.Time
	number uint64
}

// waiting is a reader that waits until a quorum has answered questions with a number above its own.
type waiting struct {
	term   uint64
	number uint64
	done   chan error
}

var _ executor.Gate = (*gate)(nil)

var errNotConfirmed = errors.New("leadership is not confirmed")

func newGate(node string, lease time.Duration, of leadership, asks *Confirmer) *gate {
	return &gate{node: raft.ServerID(node), lease: lease, of: of, asks: asks, answers: map[raft.ServerID]answer{}}
}

// restAfter is for how long a lease is renewed that nobody looks at. The first reader after that waits for a round of
// questions, and finds a lease from then on.
const restAfter = time.Second

// Leased tells whether the lease of term covers this instant.
func (g *gate) Leased(term uint64) bool {
	if !g.used.Load() { // readers share the line as long as it stays as it is
		g.used.Store(true)
	}
	l := g.leased.Load()
	return l != nil && l.term == term && time.Now().Before(l.until)
}

// Confirm returns nil once a quorum has answered questions that were sent after the call.
func (g *gate) Confirm(ctx context.Context, term uint64) error {
	w := &waiting{term: term, number: g.asks.next(), done: make(chan error, 1)}
	g.mu.Lock()
	g.waiting = append(g.waiting, w)
	g.settleLocked() // a single voter needs nobody's answer
	g.mu.Unlock()
	g.asks.kick(g)
	select {
	case err := <-w.done:
		return err
	case <-ctx.Done():
		g.mu.Lock()
		g.waiting = slices.DeleteFunc(g.waiting, func(other *waiting) bool { return other == w })
		g.mu.Unlock()
		return ctx.Err()
	}
}

// question returns the term to ask a node about, false where it need not be asked.
func (g *gate) question(node raft.ServerID) (term uint64, ask bool) {
	term, leads := g.of.Leader()
	if !leads {
		g.forget()
		return 0, false
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	g.lookLocked()
	return term, g.wantedLocked() && slices.Contains(g.ids, node)
}

// wantedLocked tells whether answers are of use to anybody.
func (g *gate) wantedLocked() bool {
	now := time.Now()
	if g.used.Swap(false) {
		g.usedAt = now
	}
	return len(g.waiting) > 0 || now.Sub(g.usedAt) < restAfter
}

// forget ends what the gate knew as a leader.
func (g *gate) forget() {
	g.leased.Store(nil)
	g.mu.Lock()
	defer g.mu.Unlock()
	g.settleLocked()
}

// confirmed records a positive answer to a question about term.
func (g *gate) confirmed(node raft.ServerID, term uint64, a answer) {
	current, leads := g.of.Leader()
	if !leads || current != term {
		return
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	g.lookLocked()
	if g.term == term && a.number > max(g.since, g.answers[node].number) {
		g.answers[node] = a
	}
	g.settleLocked()
}

// lookLocked forgets all answers if term or configuration are new. Two changes of the configuration in a row could leave
// disjoint quorums, so answers that are on their way count for nothing either.
func (g *gate) lookLocked() {
	if term, leads := g.of.Leader(); leads && g.term < term {
		g.resetLocked(term)
	}
	if ids, changes := g.of.voters(); changes != g.changes || !slices.Equal(ids, g.ids) {
		g.resetLocked(g.term)
		g.ids, g.changes = ids, changes
	}
}

func (g *gate) resetLocked(term uint64) {
	g.term = term
	g.usedAt = time.Now()
	g.since = g.asks.next()
	clear(g.answers)
	g.leased.Store(nil)
}

// settleLocked counts the answers, by the latest configuration, renews the lease and lets readers through.
func (g *gate) settleLocked() {
	term, leads := g.of.Leader()
	leads = leads && !g.closed
	g.lookLocked()
	oldest, quorum := g.quorumLocked(g.ids)
	if leads && quorum {
		g.leased.Store(&leaseUntil{term: g.term, until: oldest.sent.Add(g.lease)})
	}
	g.waiting = slices.DeleteFunc(g.waiting, func(w *waiting) bool {
		switch {
		case !leads || w.term != term:
			w.done <- errNotConfirmed
		case quorum && oldest.number > w.number:
			w.done <- nil
		default:
			return false
		}
		return true
	})
}

// close lets every reader go, and none pass any more.
func (g *gate) close() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.closed = true
	g.leased.Store(nil)
	g.settleLocked()
}

// quorumLocked returns since when a quorum has answered: the latest instant and the highest number such that a quorum
// has answered questions not older than that. This replica answers itself at once, if it is a voter.
func (g *gate) quorumLocked(ids []raft.ServerID) (oldest answer, ok bool) {
	self := answer{sent: time.Now(), number: g.asks.next()}
	var latest []answer
	for _, id := range ids {
		if id == g.node {
			latest = append(latest, self)
		} else if a, ok := g.answers[id]; ok {
			latest = append(latest, a)
		}
	}
	need := len(ids)/2 + 1
	if len(ids) == 0 || len(latest) < need {
		return answer{}, false
	}
	// Each by itself: a question takes its instant before its number, and another one may take both in between.
	slices.SortFunc(latest, func(a, b answer) int { return b.sent.Compare(a.sent) })
	oldest.sent = latest[need-1].sent
	slices.SortFunc(latest, func(a, b answer) int { return cmp.Compare(b.number, a.number) })
	oldest.number = latest[need-1].number
	return oldest, true
}
