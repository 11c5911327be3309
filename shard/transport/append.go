package transport

import (
	"errors"
	"fmt"
	"time"

	"github.com/hashicorp/raft"
)

// AppendEntries implements raft.Transport. It may shorten args.Entries: raft counts what is left as sent and sends the
// rest next. A heartbeat is parked until the next tick.
func (g *Group) AppendEntries(to raft.ServerID, _ raft.ServerAddress, args *raft.AppendEntriesRequest, resp *raft.AppendEntriesResponse) error {
	g.sawTerm(args.Term)
	if isHeartbeat(args) {
		return g.sendHeartbeat(string(to), args, resp)
	}
	if err := g.checkSuspended(); err != nil {
		return err
	}
	if err := checkContiguous(args); err != nil {
		return fmt.Errorf("group %d: append to node %s: %w", g.id, to, err)
	}
	if err := g.checkPlaceholders(args); err != nil {
		return err
	}
	if shorten(args, g.t.cfg.AppendBytesMax) {
		g.t.count.shortened.Add(1)
	}
	commit := clampCommit(args)
	if commit < args.LeaderCommitIndex {
		g.t.count.clamped.Add(1)
	}
	out, err := g.holdForData(string(to), args.Term)
	if err != nil {
		return err
	}
	if err := g.checkSuspended(); err != nil { // it may have changed while waiting
		return err
	}
	life := g.life(string(to))
	timer := time.NewTimer(g.t.cfg.RPCTimeout.Append)
	defer timer.Stop()
	body, err := g.callOn(out, request{
		to: to, kind: data, frame: frameAppend, reply: frameAppendReply, timeout: g.t.cfg.RPCTimeout.Append,
		waitBytes: appendBytesHint(args),
		fill:      func(b []byte) []byte { return appendAppendRequest(b, args, commit, g.leaderLast(args)) },
	}, timer)
	if err != nil {
		g.silent(string(to))
		return err
	}
	d := decoder{rest: body}
	answer := d.appendAnswer()
	*resp = answer.AppendEntriesResponse
	if err := d.end(); err != nil {
		return err
	}
	if resp.Success && resp.Term == args.Term {
		g.matched(string(to), life, args.Term, lastEntry(args))
		g.heardApplied(string(to), life, args.Term, answer.applied)
	}
	return nil
}

// checkPlaceholders refuses to send an entry that stands for one which the log no longer has: the follower needs a
// snapshot, and raft sends one when it finds the entry missing. It can be met only in the moment after a step-down.
func (g *Group) checkPlaceholders(args *raft.AppendEntriesRequest) error {
	if g.t.cfg.Placeholder == nil {
		return nil
	}
	for _, entry := range args.Entries {
		if g.t.cfg.Placeholder(entry) {
			return fmt.Errorf("group %d: entry %d stands for one that only the snapshot holds; not sent", g.id, entry.Index)
		}
	}
	return nil
}

// leaderLast is the last index of this leader, at least what the request itself carries.
func (g *Group) leaderLast(args *raft.AppendEntriesRequest) uint64 {
	last := lastEntry(args)
	if f := g.lastIndex.Load(); f != nil && *f != nil {
		last = max(last, (*f)())
	}
	return last
}

// isHeartbeat recognizes what raft's heartbeat() sends.
func isHeartbeat(args *raft.AppendEntriesRequest) bool {
	return len(args.Entries) == 0 && args.PrevLogEntry == 0 && args.LeaderCommitIndex == 0
}

// lastEntry is the index up to which the receiver's log equals the sender's if it accepts the request.
func lastEntry(args *raft.AppendEntriesRequest) uint64 {
	return args.PrevLogEntry + uint64(len(args.Entries))
}

// clampCommit returns the commit index that may be sent with the request: PROTOCOL rule 0, Raft figure 2
// ("min(leaderCommit, index of last new entry)"), which hashicorp/raft 1.8.0 leaves to the sender.
func clampCommit(args *raft.AppendEntriesRequest) uint64 {
	return min(args.LeaderCommitIndex, lastEntry(args))
}

// checkContiguous makes sure that lastEntry is what it says.
func checkContiguous(args *raft.AppendEntriesRequest) error {
	for i, l := range args.Entries {
		if want := args.PrevLogEntry + uint64(i) + 1; l.Index != want {
			return fmt.Errorf("%w: entry %d follows entry %d", ErrMalformed, l.Index, want-1)
		}
	}
	return nil
}

// shorten cuts the entries to the byte budget. At least one stays, or raft would never make progress.
func shorten(args *raft.AppendEntriesRequest, bytesMax int) bool {
	size := 0
	for i, l := range args.Entries {
		size += logBytes(l)
		if size > bytesMax && i > 0 {
			args.Entries = args.Entries[:i]
			return true
		}
	}
	return false
}

// appendBytesHint is about the size of the request's frame.
func appendBytesHint(args *raft.AppendEntriesRequest) int {
	size := 256 // everything but the entries
	for _, l := range args.Entries {
		size += logBytes(l)
	}
	return size
}

// holdForData returns the data connection to a node. While the node can't be reached it waits instead of
// failing: after each failed append raft pauses for longer, 10 s in the end, and a node that comes back would
// be without entries for as long. Nothing is queued: raft has one such call per node and group. A newer term
// ends the wait.
func (g *Group) holdForData(node string, term uint64) (*outConn, error) {
	l, err := g.t.link(node)
	if err != nil {
		return nil, err
	}
	deadline := time.Now().Add(g.t.cfg.RPCTimeout.Hold)
	hold := time.NewTimer(g.t.cfg.RPCTimeout.Hold)
	defer hold.Stop()
	for {
		out, err := l.data.get(g.stopped, hold.C)
		if !errors.Is(err, ErrUnreachable) || !time.Now().Before(deadline) || g.passed(term) {
			return out, err
		}
		pause := time.NewTimer(l.data.pause())
		select {
		case <-pause.C:
		case <-hold.C:
			pause.Stop()
			return nil, err
		case <-g.stopped:
			pause.Stop()
			return nil, ErrClosed
		}
	}
}
