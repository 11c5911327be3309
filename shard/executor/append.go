package executor

import (
	"sync"
	"time"

	"github.com/holtcache/holt/raftfsm/entry"
)

// appendFence runs the fence on the log as it is written here: a batch may be acknowledged in async mode only if every
// earlier batch of its incarnation is in the log too. Otherwise a refused batch would make every replica skip the later
// one, and an acknowledged write would be lost while its leader still leads.
type appendFence struct {
	mu   sync.Mutex // protects the fields below
	last uint64     // log index
	head BatchID    // zero incarnation: unknown, nothing passes until the next ExecutorStart
}

// passes enters one written log entry and tells whether it is a record that directly follows the one before it.
func (f *appendFence) passes(index uint64, h entry.Header) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	overwrote := index <= f.last
	f.last = index
	switch {
	case h.Kind == entry.KindExecutorStart:
		f.head = BatchID{Incarnation: index}
		return false
	case overwrote:
		f.head = BatchID{}
		return false
	case h.Incarnation != 0 && h.Incarnation == f.head.Incarnation && h.Sequence == f.head.Sequence+1:
		f.head.Sequence++
		return true
	}
	return false
}

// Appended says that an entry is in this replica's log, written as durably as the policy asks. record is nil for
// entries that are not commands. Raft's goroutine calls it, in log order; it does not block.
func (e *Executor) Appended(index uint64, record []byte) {
	h := entry.PeekHeader(record)
	if !e.appended.passes(index, h) || h.Kind != entry.KindBatch {
		return
	}
	e.mu.Lock()
	b := e.findLocked(idOf(h))
	if b == nil || !e.asyncAllowedLocked() {
		e.mu.Unlock()
		return
	}
	var async []*Request
	for _, r := range b.requests {
		if r.Ack == AckAsync {
			async = append(async, r)
		}
	}
	b.waits -= len(async)
	e.unanswered -= len(async)
	e.mu.Unlock()
	if len(async) > 0 {
		e.Kick() // fewer are waited for: the next batch may be due
	}
	for _, r := range async {
		r.acknowledge(AckAsync, index)
	}
}

// asyncAllowedLocked bounds what async mode can lose: a leader whose batches do not commit stops acknowledging early.
func (e *Executor) asyncAllowedLocked() bool {
	if e.inFlight == 0 {
		return true
	}
	return time.Since(e.oldestLocked()) <= e.cfg.Limits.AsyncAge && e.inFlightBytes <= e.cfg.Limits.AsyncBytes
}
