package executor

import (
	"time"

	"github.com/holtcache/holt/proto/apierr"
)

// verdict is what became of a batch.
type verdict uint8

const (
	verdictOpen verdict = iota
	verdictApplied
	verdictNotApplied
	verdictUnknown
)

// batch is one sequenced record on its way: open, sealed or proposed. Executor.mu guards its fields.
type batch struct {
	id       BatchID
	proposed bool
	since    time.Time // when it was proposed
	bytes    int
	growth   int64  // of the store's memory, about
	waits    int    // how many of its requests Executor.unanswered counts
	index    uint64 // in the log, once it is applied
	// requests have effects in the batch; readers have none, and saw values that are pending in it.
	requests []*Request
	readers  []*Request
	// control is the control record that the batch is, nil for effects.
	control *pendingControl
	// done is closed when verdict is set.
	done    chan struct{}
	verdict verdict
}

func newBatch(id BatchID) *batch { return &batch{id: id, done: make(chan struct{})} }

// findLocked returns a batch that has no verdict yet, or nil.
func (e *Executor) findLocked(id BatchID) *batch {
	for _, b := range e.batches {
		if b.id == id {
			return b
		}
	}
	return nil
}

// removeLocked takes a batch out of those on their way and records its verdict.
func (e *Executor) removeLocked(b *batch, v verdict) {
	for i, other := range e.batches {
		if other == b {
			e.batches = append(e.batches[:i], e.batches[i+1:]...)
			break
		}
	}
	if b.proposed {
		e.inFlight--
		e.inFlightBytes -= b.bytes
		e.unanswered -= b.waits
		if b.control == nil {
			e.answered = b.waits
		}
	}
	e.memory.projected.Add(-b.growth)
	b.verdict = v
	close(b.done)
}

// finish answers everybody who waits for a batch that has been removed. It runs without Executor.mu.
func (e *Executor) finish(b *batch) {
	if b.control != nil {
		e.finishControl(b.control, b.verdict)
	}
	switch b.verdict {
	case verdictApplied:
		for _, r := range b.requests {
			r.acknowledge(AckMajority, b.index)
		}
		for _, r := range b.readers {
			r.settle(nil)
		}
		return
	case verdictNotApplied:
		for _, r := range b.requests {
			r.settle(apierr.New(apierr.KindNotLeader, "shard %d: leadership changed before the write was committed; not applied, retry at the new leader", e.cfg.Shard))
		}
	case verdictUnknown:
		for _, r := range b.requests {
			r.settle(apierr.New(apierr.KindUnknownOutcome, "shard %d: leadership lost while committing; outcome unknown, read before you retry", e.cfg.Shard))
		}
	}
	// A read of a value that is not known to be committed is evaluated again.
	e.requeue(b.readers)
}

// await waits until the batch has a verdict; applied=false means that its values may be gone: read again.
func (e *Executor) await(id BatchID, stop <-chan struct{}) (applied, stopped bool) {
	e.mu.Lock()
	b := e.findLocked(id)
	if b == nil {
		applied = id.Incarnation == e.applied.Incarnation && id.Sequence <= e.applied.Sequence
		e.mu.Unlock()
		return applied, false
	}
	e.mu.Unlock()
	select {
	case <-b.done:
		return b.verdict == verdictApplied, false
	case <-stop:
		return false, true
	}
}
