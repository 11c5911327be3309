package executor

import (
	"time"

	"github.com/holtcache/holt/raftfsm"
	"github.com/holtcache/holt/raftfsm/entry"
)

// note is something that happened elsewhere and that Run has to act upon. Exactly one field is set.
type note struct {
	started  *startedNote
	failed   *failedNote
	gap      *BatchID // a record of ours was skipped
	restored *raftfsm.State
	release  *releaseNote
	resume   bool
	// activated is of slots that have come to this shard.
	activated *activatedNote
}

type startedNote struct {
	start        entry.ExecutorStart
	term         uint64
	afterRelease bool
	state        raftfsm.State
}

// failedNote is Raft's word on a proposal. nonce is set for an ExecutorStart, batch for any other record.
type failedNote struct {
	nonce   uint64
	batch   BatchID
	refused bool
}

type releaseNote struct{ done chan error }

func (e *Executor) leave(n note) {
	e.mu.Lock()
	e.notes = append(e.notes, n)
	e.mu.Unlock()
	e.Kick()
}

func (e *Executor) handle(n note) {
	switch {
	case n.started != nil:
		e.handleStarted(n.started)
	case n.failed != nil && n.failed.nonce != 0:
		if e.phase == phaseStarting && n.failed.nonce == e.nonce && n.failed.refused {
			e.phase, e.retryAt = phaseRestart, time.Now().Add(restartPause)
		}
	case n.failed != nil:
		if e.incarnate() && n.failed.batch.Incarnation == e.inc {
			e.drop()
		}
	case n.gap != nil:
		if e.incarnate() && n.gap.Incarnation == e.inc {
			e.drop()
		}
	case n.restored != nil:
		if e.phase != phaseIdle {
			e.drop()
		}
	case n.release != nil:
		e.handleRelease(n.release)
	case n.activated != nil:
		e.handleActivated(n.activated)
	case n.resume:
		if e.phase == phaseDraining || e.phase == phaseReleasing {
			e.drop()
		}
	}
}

// incarnate tells whether an incarnation of this replica's own is running.
func (e *Executor) incarnate() bool { return e.phase >= phaseWaiting }
