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

func (e *Executor) room() bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.inFlight < e.cfg.Limits.BatchesInFlight
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
