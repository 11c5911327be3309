package executor

import (
	"time"

	"github.com/holtcache/holt/proto/slot"
	"github.com/holtcache/holt/raftfsm/entry"
)

// restartPause keeps an executor from proposing ExecutorStarts in a spin while Raft refuses all proposals, as it does
// during a leadership transfer.
const restartPause = 10 * time.Millisecond

// start proposes an ExecutorStart: once, and again only after it was refused or another incarnation has begun. Trying
// again after mere silence would, with a slow quorum, supersede each start by the next and never end.
func (e *Executor) start() {
	e.nonce = e.cfg.Nonce()
	e.phase = phaseStarting
	record := entry.EncodeExecutorStart(e.clock.Now(), entry.ExecutorStart{Nonce: e.nonce, Node: e.cfg.Node})
	e.futures <- future{proposal: e.cfg.Log.Propose(record), nonce: e.nonce}
}

// handleStarted adopts the incarnation if it is this executor's own, applied in the term it was proposed in. Any other
// one ends a running incarnation; one that is applied before our own is not our concern.
func (e *Executor) handleStarted(s *startedNote) {
	own := s.start.Node == e.cfg.Node && s.start.Nonce == e.nonce
	switch {
	case e.phase == phaseStarting && own && s.term == e.term:
		e.adopt(s)
	case e.phase == phaseStarting && own:
		e.phase = phaseRestart
	case e.incarnate() && s.state.Incarnation != e.inc:
		e.drop()
	}
}

func (e *Executor) adopt(s *startedNote) {
	e.clearOverlay()
	e.activating = 0
	e.builder.Reset()
	e.inc, e.seq, e.version, e.assigned = s.state.Incarnation, 0, s.state.Version, s.state.Assigned
	e.clock.Observe(s.state.Time)
	e.phase = phaseWaiting
	e.serveAt = e.seenAt.Add(e.cfg.LeaseMax)
	if s.afterRelease {
		e.serveAt = time.Now()
	}
	e.cfg.Logger.Info("executor started", "shard", e.cfg.Shard, "term", e.term, "incarnation", e.inc, "after_release", s.afterRelease)
}

func (e *Executor) clearOverlay() {
	for i := range e.overlay.slots {
		sl := e.store.Slot(slot.ID(i))
		sl.Lock()
		e.overlay.slots[i] = slotOverlay{}
		sl.Unlock()
	}
}

// serve opens the shop: leases of earlier leaders have ended. The slots that the shard owns before any hand-over are given
// to it once, also where it begins with none: what the slot map says later comes to it by a hand-over.
func (e *Executor) serve() {
	e.phase = phaseServing
	if e.cfg.Slots != nil && !e.assigned {
		b := e.openBatch()
		record := entry.EncodeOwn(entry.Header{Incarnation: e.inc, Sequence: b.id.Sequence, Time: e.clock.Now()}, e.cfg.Slots())
		e.sealed = append(e.sealed, sealedBatch{batch: b, record: record})
		e.open = nil
	}
	e.mu.Lock()
	if e.applied.Incarnation == e.inc { // otherwise another one was applied behind it, and its note is on the way
		e.tenure.Store(&tenure{term: e.term, incarnation: e.inc})
	}
	e.mu.Unlock()
	e.signalChange()
}
