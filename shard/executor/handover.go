package executor

import (
	"slices"

	"github.com/holtcache/holt/proto/slot"
	"github.com/holtcache/holt/raftfsm"
)

// handovers are the hand-overs under way as of the last applied record of one. They change when the store's slots have
// changed already.
func (e *Executor) handovers() []raftfsm.Handover {
	if list := e.handing.Load(); list != nil {
		return *list
	}
	return nil
}

// handingTo is the shard that is being handed a frozen slot; false where that is not known yet, or no more.
func (e *Executor) handingTo(s slot.ID) (slot.ShardID, bool) {
	for _, h := range e.handovers() {
		if h.Side == raftfsm.SideSource && contains(h.Ranges, s) {
			return h.Other, true
		}
	}
	return 0, false
}

// HandoverChanged takes note of what a record of a hand-over has changed. Whoever has cached keys of slots that this shard
// stops or begins to serve is told: other replicas than the leader hear of it here first.
func (e *Executor) HandoverChanged(state raftfsm.State) {
	e.clock.Observe(state.Time)
	e.handedVersion = state.Version
	before := e.handovers()
	e.handing.Store(&state.Handovers)
	if e.cfg.Observer != nil {
		for _, r := range [][]slot.Range{
			only(state.Handovers, before, raftfsm.SideSource),
			only(before, state.Handovers, raftfsm.SideTarget),
		} {
			if len(r) > 0 {
				e.cfg.Observer.SlotsChanged(r)
			}
		}
	}
	e.signalHanded()
}

// only is the slots of the hand-overs of one side that stand in list and not in other.
func only(list, other []raftfsm.Handover, side raftfsm.Side) (ranges []slot.Range) {
	for _, h := range list {
		in := func(o raftfsm.Handover) bool { return o.Migration == h.Migration }
		if h.Side == side && !slices.ContainsFunc(other, in) {
			ranges = append(ranges, h.Ranges...)
		}
	}
	return ranges
}

// signalHanded wakes those who wait for a slot.
func (e *Executor) signalHanded() {
	e.mu.Lock()
	close(e.handed)
	e.handed = make(chan struct{})
	e.mu.Unlock()
}
