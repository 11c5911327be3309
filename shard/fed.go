package shard

import (
	"errors"
	"slices"
	"time"

	"github.com/hashicorp/raft"

	"github.com/holtcache/holt/raftfsm"
	"github.com/holtcache/holt/raftfsm/entry"
	"github.com/holtcache/holt/raftfsm/store"
	"github.com/holtcache/holt/shard/executor"
	"github.com/holtcache/holt/shard/feed"
)

// fed is the listener of a replica's state machine: the executor, and beside it the feed, which has the changes from the log and
// hears here of what the log does not say.
type fed struct {
	*executor.Executor
	feed  *feed.Feed
	store *store.Store
	// handovers are those of the state before. The state machine's goroutine owns it.
	handovers []raftfsm.Handover
}

var _ raftfsm.Listener = (*fed)(nil)

func (l *fed) Applied(h entry.Header, index uint64) {
	l.Executor.Applied(h, index)
	if l.feed.Watched() {
		l.feed.Wake()
	}
}

func (l *fed) Started(start entry.ExecutorStart, term uint64, afterRelease bool, state raftfsm.State) {
	l.Executor.Started(start, term, afterRelease, state)
	l.feed.Mark(positionOf(state))
}

func (l *fed) Restored(state raftfsm.State) {
	l.handovers = state.Handovers
	l.feed.Restored(positionOf(state))
	l.Executor.Restored(state)
}

// HandoverChanged tells the feed of slots that have left, or come, before anybody can find their record in the log.
func (l *fed) HandoverChanged(state raftfsm.State) {
	before := l.handovers
	l.handovers = state.Handovers
	for i := range before {
		if h := &before[i]; !slices.ContainsFunc(state.Handovers, func(o raftfsm.Handover) bool { return o.Migration == h.Migration }) {
			l.ended(h, state)
		}
	}
	l.Executor.HandoverChanged(state)
}

// ended tells of a hand-over that has ended: where the slots stayed where they were, there is nothing to tell.
func (l *fed) ended(h *raftfsm.Handover, state raftfsm.State) {
	sl := l.store.Slot(h.Ranges[0].First)
	sl.RLock()
	owned := sl.StateLocked() == store.SlotOwned
	sl.RUnlock()
	m := feed.Move{Migration: h.Migration, Ranges: h.Ranges, At: positionOf(state)}
	switch {
	case h.Side == raftfsm.SideSource && !owned:
		m.To = h.Other
	case h.Side == raftfsm.SideTarget && owned:
	default:
		return
	}
	l.feed.Moved(m)
}

func positionOf(s raftfsm.State) feed.Position {
	return feed.Position{Index: s.Applied, Term: s.AppliedTerm, Incarnation: s.Incarnation, Sequence: s.Sequence, Version: s.Version}
}

// markEvery is how often a position is noted at which readers may begin who come with a version.
const markEvery = time.Second

// markPositions runs until the replica ends.
func (r *Replica) markPositions() {
	ticker := time.NewTicker(markEvery)
	defer ticker.Stop()
	for {
		select {
		case <-r.ctx.Done():
			return
		case <-ticker.C:
			r.feed.Mark(positionOf(r.fsm.State()))
		}
	}
}

// feedLog is the replica's log as its feed reads it.
type feedLog struct{ r *Replica }

var _ feed.Log = feedLog{}

func (l feedLog) Applied() uint64 { return l.r.fsm.State().Applied }

func (l feedLog) First() uint64 {
	first, err := l.r.storage.Log.FirstIndex()
	if err != nil || first == 0 {
		return l.Applied() + 1
	}
	return first
}

func (l feedLog) Entry(index uint64) (term uint64, record []byte, err error) {
	var e raft.Log
	err = l.r.storage.Log.GetLog(index, &e)
	switch {
	case errors.Is(err, raft.ErrLogNotFound):
		return 0, nil, feed.ErrGone
	case err != nil:
		return 0, nil, err
	case e.Type != raft.LogCommand:
		return e.Term, nil, nil
	}
	return e.Term, slices.Clone(e.Data), nil
}
