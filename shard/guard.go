package shard

import (
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/hashicorp/raft"

	"github.com/holtcache/holt/proto/slot"
	"github.com/holtcache/holt/shard/transport"
)

// Amnesia is what the data folder remembers of a replica's amnesia guard (PROTOCOL rules 13 and 23).
type Amnesia interface {
	// Guarded tells whether acknowledged entries of this replica may be missing, and why.
	Guarded() (bool, string)
	// Release ends the guard durably.
	Release() error
}

// GuardWire is the part of a replica's wire that its guard sits on.
type GuardWire interface {
	SetVoteGuard(func(transport.Ballot) bool)
	SetLastIndex(func() uint64)
	SetHeard(func(transport.Heard))
	SetLogEnd(func() (transport.LogEnd, error))
	AskLogEnd(node string, timeout time.Duration) (transport.LogEnd, error)
}

var _ GuardWire = (*transport.Group)(nil)

// guard keeps a replica that may have lost acknowledged entries from electing a leader without them. While it is on, every
// ballot is refused, in both directions; entries are appended as ever. It ends
//
//   - when the log has reached what was the last index of a term's leader at the first contact in that term: then it
//     holds again whatever this replica can have acknowledged. The leader's commit index is not enough, since a new
//     leader does not know yet what its predecessor has committed; nor is it enough that all voters are back;
//   - where fewer voters than a quorum are without a guard, nobody may be elected at all. There, once every voter has said
//     where its log ends, ballots for a log at least as long as all of them pass: that log holds every committed entry that any
//     voter still has. The guard then ends with the first contact, or with this replica's own election;
//   - by the operator, through Amnesia.
type guard struct {
	amnesia Amnesia
	// floor is where the log ended that this replica had as an earlier member: it votes for no log that ends before, as it
	// would not if it had it still. The latest configuration cannot be asked instead: a stale voter that counts on this
	// replica's vote goes by an older one.
	floor transport.LogEnd
	node  raft.ServerID
	// voters returns the voters of the latest configuration, and a number that changes with it.
	voters func() ([]raft.ServerID, uint64)
	// end is where this replica's log ends.
	end func() (transport.LogEnd, error)
	// ask asks another node the same.
	ask func(node string) (transport.LogEnd, error)

	off atomic.Bool // once off it stays off until the process ends

	mu         sync.Mutex // protects the fields below; never held across I/O or RPC
	term       uint64     // the latest term in which a leader was heard
	target     uint64     // its last index at the first contact
	longest    transport.LogEnd
	hasLongest bool   // every voter has answered, and longest is the end of the longest log
	waiting    string // what it waits for, as far as it has looked
}

// guarded tells whether the guard is on.
func (g *guard) guarded() bool {
	if g.off.Load() {
		return false
	}
	on, _ := g.amnesia.Guarded()
	if !on {
		g.off.Store(true)
	}
	return on
}

// refuses answers for the wire. TimeoutNow would make this replica, or another on its word, a candidate at once, so it waits
// for the end of the guard.
func (g *guard) refuses(b transport.Ballot) bool {
	candidate := transport.LogEnd{Term: b.LastTerm, Index: b.LastIndex}
	if b.Kind != transport.BallotTimeoutNow && candidate.Before(g.floor) { // TimeoutNow names no log; the votes asked for behind it do
		return true
	}
	if !g.guarded() {
		return false
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	return b.Kind == transport.BallotTimeoutNow || !g.hasLongest || candidate.Before(g.longest)
}

// heard notes a message of a leader that raft has accepted.
func (g *guard) heard(h transport.Heard) error {
	if !g.guarded() {
		return nil
	}
	g.mu.Lock()
	if h.Term > g.term {
		g.term, g.target = h.Term, h.LeaderLast
	}
	reached := h.Term == g.term && h.Matched >= g.target
	g.mu.Unlock()
	if !reached {
		return nil
	}
	return g.amnesia.Release()
}

// elected notes that this replica leads: a quorum has compared logs with it.
func (g *guard) elected() error {
	if !g.guarded() {
		return nil
	}
	return g.amnesia.Release()
}

// errRoundIncomplete says that not every voter has answered, or that the members changed meanwhile.
var errRoundIncomplete = errors.New("not every voter has said where its log ends")

// round asks every voter where its log ends. Where too few are without a guard to elect anybody, it lets ballots for the
// longest log pass.
func (g *guard) round() error {
	voters, configuration := g.voters()
	if len(voters) == 0 {
		return errRoundIncomplete // this replica has lost even the members; a leader will tell
	}
	ends := make([]transport.LogEnd, len(voters))
	errs := make([]error, len(voters))
	var wg sync.WaitGroup
	for i, v := range voters {
		wg.Go(func() {
			if v == g.node {
				ends[i], errs[i] = g.end()
				ends[i].Guarded = true
			} else {
				ends[i], errs[i] = g.ask(string(v))
			}
		})
	}
	wg.Wait()
	if err := errors.Join(errs...); err != nil {
		return fmt.Errorf("%w: %w", errRoundIncomplete, err)
	}
	if _, now := g.voters(); now != configuration {
		return errRoundIncomplete
	}
	unguarded, longest := 0, transport.LogEnd{}
	for _, e := range ends {
		if !e.Guarded {
			unguarded++
		}
		if longest.Before(e) {
			longest = e
		}
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	g.longest, g.hasLongest = longest, unguarded < len(voters)/2+1
	return nil
}

// startGuard puts a guard on the replica's wire. Without Amnesia it only answers others.
func (m *member) startGuard() error {
	w, ok := m.cfg.Wire.(GuardWire)
	if !ok {
		if m.cfg.Amnesia != nil || m.cfg.VotesFrom != (transport.LogEnd{}) {
			return errors.New("the wire cannot carry a guard of votes")
		}
		return nil
	}
	m.guard = &guard{
		amnesia: m.cfg.Amnesia, floor: m.cfg.VotesFrom, node: raft.ServerID(m.cfg.Node), voters: m.voters, end: m.logEnd,
		ask: func(node string) (transport.LogEnd, error) { return w.AskLogEnd(node, m.cfg.Timings.Election) },
	}
	if m.cfg.Amnesia == nil {
		m.guard.off.Store(true)
	}
	w.SetVoteGuard(m.guard.refuses)
	return nil
}

// logEnd is where the log ends, a snapshot included.
func (m *member) logEnd() (transport.LogEnd, error) {
	end := transport.LogEnd{Index: m.raft.LastIndex(), Guarded: m.guard.guarded()}
	if end.Index == 0 {
		return end, nil
	}
	var entry raft.Log
	if err := m.storage.Log.GetLog(end.Index, &entry); err != nil {
		return end, fmt.Errorf("last entry %d of shard %d: %w", end.Index, m.cfg.Group, err)
	}
	end.Term = entry.Term
	return end, nil
}

// runGuard tells the guard of leaders and rounds until it ends. Raft runs already.
func (m *member) runGuard() {
	if m.guard == nil {
		return
	}
	w := m.cfg.Wire.(GuardWire)
	w.SetLastIndex(m.raft.LastIndex)
	w.SetLogEnd(m.logEnd)
	if !m.guard.guarded() {
		return
	}
	_, reason := m.cfg.Amnesia.Guarded()
	m.cfg.Logger.Warn("replica neither votes nor campaigns until its log has caught up with a leader's", "shard", m.cfg.Group, "reason", reason)
	w.SetHeard(func(h transport.Heard) { m.noteGuard(m.guard.heard(h)) })
	m.wg.Go(m.watchGuard)
}

func (m *member) watchGuard() {
	ticker := time.NewTicker(m.cfg.Timings.Election)
	defer ticker.Stop()
	missing := ""
	for m.guard.guarded() {
		select {
		case <-m.ctx.Done():
			return
		case <-ticker.C:
		}
		if _, leads := m.Leader(); leads {
			m.noteGuard(m.guard.elected())
			continue
		}
		if _, leader := m.raft.LeaderWithID(); leader != "" {
			m.guard.waitFor(fmt.Sprintf("the entries of leader %s", leader)) // they end the guard
			continue
		}
		err := m.guard.round()
		if err == nil {
			m.guard.waitFor("an election that the longest log of all voters wins")
		} else {
			m.guard.waitFor(err.Error())
		}
		if err != nil && err.Error() != missing && m.ctx.Err() == nil {
			missing = err.Error()
			m.cfg.Logger.Info("replica stays guarded; start the other voters, or accept the loss with holt cluster recover --accept-data-loss",
				"shard", m.cfg.Group, "err", err)
		}
	}
	m.cfg.Logger.Info("replica votes again", "shard", m.cfg.Group, "last", m.raft.LastIndex())
}

func (m *member) noteGuard(err error) {
	if err != nil {
		m.cfg.Logger.Error("the end of the guard could not be written, so the replica stays guarded; look at the disk", "shard", m.cfg.Group, "err", err)
	}
}

func (g *guard) waitFor(what string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.waiting = what
}

// GuardStatus is a replica that is guarded.
type GuardStatus struct {
	Group slot.ShardID
	// Reason is why entries may be missing, Waiting what the replica waits for, "" before it has looked.
	Reason, Waiting string
	// Last and LastTerm are where its log ends.
	Last, LastTerm uint64
}

// Guard tells whether the amnesia guard is on, and how it stands.
func (m *member) Guard() (GuardStatus, bool) {
	if !m.Guarded() {
		return GuardStatus{}, false
	}
	_, reason := m.cfg.Amnesia.Guarded()
	s := GuardStatus{Group: m.cfg.Group, Reason: reason}
	m.guard.mu.Lock()
	s.Waiting = m.guard.waiting
	m.guard.mu.Unlock()
	if end, err := m.logEnd(); err == nil {
		s.Last, s.LastTerm = end.Index, end.Term
	}
	return s, true
}

// Guarded tells whether this replica neither votes nor campaigns, because entries that it acknowledged may be missing.
func (m *member) Guarded() bool { return m.guard != nil && m.guard.guarded() }
