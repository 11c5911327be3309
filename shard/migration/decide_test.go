package migration

import (
	"testing"

	"github.com/holtcache/holt/raftfsm"
	"github.com/holtcache/holt/raftfsm/meta"
)

func TestNextActionFollowsFromTheRecordAndTheReplicasState(t *testing.T) {
	const source, target = raftfsm.SideSource, raftfsm.SideTarget
	const running, committed, aborted = meta.MigrationRunning, meta.MigrationCommitted, meta.MigrationAborted
	for _, c := range []struct {
		view view
		want action
	}{
		{view{side: source, phase: running}, actSend},
		{view{side: source, phase: running, takes: true}, actSend},
		{view{side: source, phase: running, ended: true}, actWait},
		{view{side: source, phase: committed, takes: true}, actDrop},
		{view{side: source, phase: committed, ended: true}, actReportEnd},
		{view{side: source, phase: committed}, actWait},
		{view{side: source, phase: aborted, takes: true}, actUnfreeze},
		{view{side: source, phase: aborted}, actNoteEnd},
		{view{side: source, phase: aborted, ended: true}, actReportEnd},
		{view{side: source, phase: aborted, ended: true, reported: true}, actDone},

		{view{side: target, phase: running}, actImport},
		{view{side: target, phase: running, takes: true}, actWait},
		{view{side: target, phase: running, takes: true, final: true}, actCommit},
		{view{side: target, phase: running, ended: true}, actWait},
		{view{side: target, phase: committed, takes: true, final: true}, actActivate},
		{view{side: target, phase: committed, ended: true}, actReportEnd},
		{view{side: target, phase: committed}, actWait},
		{view{side: target, phase: aborted, takes: true}, actDiscard},
		{view{side: target, phase: aborted, takes: true, final: true}, actDiscard},
		{view{side: target, phase: aborted}, actNoteEnd},
		{view{side: target, phase: aborted, ended: true}, actReportEnd},
		{view{side: target, phase: committed, ended: true, reported: true}, actDone},
	} {
		if got := c.view.next(); got != c.want {
			t.Errorf("%+v: action %d, want %d", c.view, got, c.want)
		}
	}
}
