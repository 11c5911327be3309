package transport

import (
	"fmt"
	"time"

	"github.com/hashicorp/raft"
)

// BallotKind says what a message is that could make a leader.
type BallotKind uint8

// The kinds of ballots.
const (
	BallotVote BallotKind = iota + 1
	BallotPreVote
	BallotTimeoutNow
)

// Ballot is a message that could make a leader, in either direction. For votes and pre-votes LastTerm and LastIndex say
// where the candidate's log ends.
type Ballot struct {
	Kind                BallotKind
	LastTerm, LastIndex uint64
}

func voteBallot(r *raft.RequestVoteRequest) Ballot {
	return Ballot{Kind: BallotVote, LastTerm: r.LastLogTerm, LastIndex: r.LastLogIndex}
}

func preVoteBallot(r *raft.RequestPreVoteRequest) Ballot {
	return Ballot{Kind: BallotPreVote, LastTerm: r.LastLogTerm, LastIndex: r.LastLogIndex}
}

// Heard is an AppendEntries that this replica's raft has accepted: its log now equals the leader's up to Matched.
type Heard struct {
	Term       uint64
	LeaderLast uint64 // the leader's last index when it sent the message
	Matched    uint64
}

// LogEnd is where a replica's log ends, and whether its amnesia guard is on.
type LogEnd struct {
	Term, Index uint64
	Guarded     bool
}

// Before reports whether this log is less up to date than the other (Raft §5.4.1).
func (e LogEnd) Before(other LogEnd) bool {
	return e.Term < other.Term || e.Term == other.Term && e.Index < other.Index
}

// SetVoteGuard sets the amnesia guard (PROTOCOL rule 23): ballots for which f returns true are refused, in both
// directions. f must not block.
func (g *Group) SetVoteGuard(f func(Ballot) bool) { g.guard.Store(&f) }

// SetLastIndex sets what tells the last index of this replica's log; as leader it tells its followers. f must not block.
func (g *Group) SetLastIndex(f func() uint64) { g.lastIndex.Store(&f) }

// SetHeard sets what hears of every AppendEntries that raft has accepted, before the leader hears the answer.
func (g *Group) SetHeard(f func(Heard)) { g.heard.Store(&f) }

// SetLogEnd sets what answers other nodes' AskLogEnd. It runs on the reader of the control connection, so it must not
// wait for anything.
func (g *Group) SetLogEnd(f func() (LogEnd, error)) { g.logEnd.Store(&f) }

// checkGuard returns an error for a ballot that the guard refuses.
func (g *Group) checkGuard(b Ballot) error {
	f := g.guard.Load()
	if f == nil || *f == nil || !(*f)(b) {
		return nil
	}
	g.t.count.guardRefused.Add(1)
	return fmt.Errorf("group %d on node %s: %w", g.id, g.t.cfg.NodeID, ErrVoteGuard)
}

// checkCandidate returns an error for a ballot that would have this replica stand for election while it may not.
func (g *Group) checkCandidate(b Ballot) error {
	if g.t.retired.Load() {
		return fmt.Errorf("group %d on node %s: %w", g.id, g.t.cfg.NodeID, ErrRetired)
	}
	if f := g.t.heldBack.Load(); f != nil && (*f)(g.id) {
		return fmt.Errorf("group %d on node %s: %w", g.id, g.t.cfg.NodeID, ErrLoading)
	}
	return g.checkGuard(b)
}

// hear passes on an AppendEntries that raft has accepted.
func (g *Group) hear(m appendMessage, response any) {
	f := g.heard.Load()
	r, ok := response.(*raft.AppendEntriesResponse)
	if f == nil || *f == nil || !ok || !r.Success || r.Term != m.request.Term {
		return
	}
	(*f)(Heard{Term: m.request.Term, LeaderLast: m.leaderLast, Matched: lastEntry(m.request)})
}

// AskLogEnd asks a node where its replica's log ends.
func (g *Group) AskLogEnd(node string, timeout time.Duration) (LogEnd, error) {
	body, err := g.call(request{
		to: raft.ServerID(node), kind: control, frame: frameLogEnd, reply: frameLogEndReply, timeout: timeout,
		fill: func(b []byte) []byte { return b }, // the group is all
	})
	if err != nil {
		return LogEnd{}, err
	}
	d := decoder{rest: body}
	end := d.logEnd()
	return end, d.end()
}

func (in *inConn) handleLogEnd(id uint64, d *decoder) error {
	group := GroupID(d.uint64())
	if err := d.end(); err != nil {
		return err
	}
	g := in.t.group(group)
	var f *func() (LogEnd, error)
	if g != nil {
		f = g.logEnd.Load()
	}
	if f == nil || *f == nil {
		in.replyError(id, fmt.Errorf("group %d on node %s: %w", group, in.t.cfg.NodeID, ErrUnknownGroup))
		return nil
	}
	end, err := (*f)()
	if err != nil {
		in.replyError(id, err)
		return nil
	}
	in.reply(frameLogEndReply, id, func(b []byte) []byte { return appendLogEnd(b, end) })
	return nil
}

func appendLogEnd(b []byte, e LogEnd) []byte {
	b = appendUint64s(b, e.Term, e.Index)
	return appendBool(b, e.Guarded)
}

func (d *decoder) logEnd() LogEnd {
	return LogEnd{Term: d.uint64(), Index: d.uint64(), Guarded: d.bool()}
}
