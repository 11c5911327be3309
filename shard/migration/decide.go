package migration

import (
	"github.com/holtcache/holt/proto/slot"
	"github.com/holtcache/holt/raftfsm"
	"github.com/holtcache/holt/raftfsm/meta"
)

// action is what a driver does next for one migration.
type action uint8

const (
	actWait      action = iota // for the other side, or for the meta group
	actDone                    // this side has reported its end
	actSend                    // source: copy, freeze, send the final chunk
	actDrop                    // source, committed
	actUnfreeze                // source, aborted
	actImport                  // target: be ready to take chunks
	actCommit                  // target: all is here, so ask the meta group for the decision
	actActivate                // target, committed
	actDiscard                 // target, aborted
	actNoteEnd                 // aborted before this side took any part
	actReportEnd               // the end is applied: tell the meta group
)

// side is the part that a shard plays in a migration.
type side = raftfsm.Side

// sideOf is the part that a shard plays, false for none.
func sideOf(m meta.Migration, shard slot.ShardID) (side, bool) {
	switch shard {
	case m.From:
		return raftfsm.SideSource, true
	case m.To:
		return raftfsm.SideTarget, true
	}
	return 0, false
}

// reported tells whether the record says that a side has ended.
func reported(m meta.Migration, s side) bool {
	if s == raftfsm.SideSource {
		return m.SourceEnded
	}
	return m.TargetEnded
}

// view is what counts for the next action. The record comes from the meta group and may be old: a decision in it is final
// all the same, and what is begun on an old one changes nothing, since a group that has ended a migration begins it no more.
type view struct {
	side     side
	phase    meta.MigrationPhase
	reported bool // the record says that this side has ended
	takes    bool // the replica's slots are frozen, or importing, for the migration
	final    bool // target: the final chunk is applied
	ended    bool // the replica's slots have ended the migration
}

// viewOf is the view of a migration on a replica.
func viewOf(m meta.Migration, s side, state raftfsm.State) view {
	lowest, _ := state.EndedFor(m.Ranges)
	v := view{side: s, phase: m.Phase, reported: reported(m, s), ended: lowest >= m.ID}
	if h, ok := state.Handover(m.ID); ok && h.Side == s {
		v.takes, v.final = true, h.Final
	}
	return v
}

// next is what to do. Without a decision nothing ends, whatever time has passed (PROTOCOL rule 17).
func (v view) next() action {
	switch {
	case v.reported:
		return actDone
	case v.phase == meta.MigrationRunning && v.ended:
		return actWait // the record is old
	case v.phase == meta.MigrationRunning:
		return v.running()
	case v.phase == meta.MigrationCommitted && v.takes:
		return v.either(actDrop, actActivate)
	case v.phase == meta.MigrationAborted && v.takes:
		return v.either(actUnfreeze, actDiscard)
	case v.ended:
		return actReportEnd
	case v.phase == meta.MigrationAborted:
		return actNoteEnd
	}
	return actWait // committed without this side: that cannot be, and nothing may be done about it
}

func (v view) running() action {
	switch {
	case v.side == raftfsm.SideSource:
		return actSend
	case !v.takes:
		return actImport
	case v.final:
		return actCommit
	}
	return actWait
}

func (v view) either(source, target action) action {
	if v.side == raftfsm.SideSource {
		return source
	}
	return target
}
