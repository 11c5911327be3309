package executor

import (
	"errors"
	"time"
)

type sealedBatch struct {
	batch  *batch
	record []byte
}

// future is a proposal whose fate is still to come.
type future struct {
	proposal Proposal
	nonce    uint64
	batch    BatchID
}

// patience is for how long a batch waits behind one in flight. A quorum that takes longer is further away than any that is
// worth waiting for, or in trouble.
const patience = 50 * time.Millisecond

// due tells whether the open batch is to go now, and otherwise when it goes whatever happens. It goes at once when nothing
// is in flight. Behind others it goes when it carries as many requests as wait for those: a round costs all replicas the
// same whatever it carries, and raft sends a follower one message at a time, so what goes earlier waits there instead and
// tears apart clients that could share a round. That the leader's sync overlaps with the round before is worth a second
// batch, no more.
func (e *Executor) due(now time.Time) (at time.Time, due bool) {
	e.mu.Lock()
	defer e.mu.Unlock()
	switch {
	case e.inFlight == 0:
		return now, true
	case e.inFlight >= e.cfg.Limits.BatchesInFlight:
		return now.Add(patience), false // the next verdict makes room
	}
	at = e.oldestLocked().Add(patience)
	return at, len(e.open.requests) >= e.unanswered || !at.After(now)
}

// expectsCompany tells, once after each verdict, that nothing is in flight any more and that callers who were answered
// together are likely to come again: a batch that goes before them makes two rounds of one, and from then on they stay
// apart. A caller who is alone waits for nobody.
func (e *Executor) expectsCompany() bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	expects := e.inFlight == 0 && e.answered > 1
	if expects {
		e.answered = 0
	}
	return expects
}

// oldestLocked is when the oldest batch in flight was proposed.
func (e *Executor) oldestLocked() time.Time {
	for _, b := range e.batches {
		if b.proposed {
			return b.since
		}
	}
	return time.Time{}
}

// proposeSealed hands sealed batches to Raft, in order, as long as there is room in flight.
func (e *Executor) proposeSealed() {
	for len(e.sealed) > 0 {
		s := e.sealed[0]
		e.mu.Lock()
		if e.inFlight >= e.cfg.Limits.BatchesInFlight {
			e.mu.Unlock()
			return
		}
		s.batch.proposed = true
		s.batch.since = time.Now()
		s.batch.bytes = len(s.record)
		e.inFlight++
		e.inFlightBytes += len(s.record)
		s.batch.waits = len(s.batch.requests)
		e.unanswered += s.batch.waits
		e.mu.Unlock()
		e.sealed = e.sealed[1:]
		e.stats.batches.Add(1)
		e.stats.batchBytes.Add(uint64(len(s.record)))
		e.futures <- future{proposal: e.cfg.Log.Propose(s.record), batch: s.batch.id}
	}
}

// awaitFutures waits for Raft's word on each proposal. That a record was committed is not of interest: only the state
// machine says whether it took effect.
func (e *Executor) awaitFutures() {
	for f := range e.futures {
		err := f.proposal.Wait()
		if err == nil {
			continue
		}
		refused := errors.Is(err, ErrRefused)
		if refused && f.nonce == 0 {
			e.mu.Lock()
			b := e.findLocked(f.batch)
			if b != nil {
				e.removeLocked(b, verdictNotApplied)
			}
			e.mu.Unlock()
			e.endTenureOf(f.batch.Incarnation)
			if b != nil {
				e.finish(b)
			}
		}
		e.leave(note{failed: &failedNote{nonce: f.nonce, batch: f.batch, refused: refused}})
	}
}
