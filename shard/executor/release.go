package executor

import (
	"context"
	"errors"

	"github.com/holtcache/holt/raftfsm/entry"
)

// ErrNotServing says that a replica that does not serve cannot release: only a leader whose own wait is over may.
var ErrNotServing = errors.New("this replica does not serve the shard")

// Release stops serving, waits for every batch in flight, and commits a LEASE_RELEASE: the leader that follows directly
// need not wait for leases. Whatever becomes of the transfer, this executor serves nothing again before an
// ExecutorStart of its own; Resume makes it propose one.
func (e *Executor) Release(ctx context.Context) error {
	n := &releaseNote{done: make(chan error, 1)}
	e.leave(note{release: n})
	select {
	case err := <-n.done:
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Resume ends a release that did not lead to another leader.
func (e *Executor) Resume() { e.leave(note{resume: true}) }

func (e *Executor) handleRelease(n *releaseNote) {
	if e.phase != phaseServing || e.tenure.Load() == nil {
		n.done <- ErrNotServing
		return
	}
	e.endTenure() // reads and evaluation stop before the record is proposed
	e.release = n
	e.phase = phaseDraining
	e.drain()
}

// drain proposes what was evaluated and then, when all of it is applied, the LEASE_RELEASE.
func (e *Executor) drain() {
	if e.open != nil {
		e.seal()
	}
	e.proposeSealed()
	e.mu.Lock()
	left := len(e.batches)
	e.mu.Unlock()
	if left > 0 {
		return
	}
	b := e.openBatch()
	e.open = nil
	record := entry.EncodeLeaseRelease(entry.Header{Incarnation: e.inc, Sequence: b.id.Sequence, Time: e.clock.Now()})
	e.sealed = append(e.sealed, sealedBatch{batch: b, record: record})
	e.phase = phaseReleasing
	release := e.release
	e.release = nil
	e.proposeSealed()
	e.workers.Go(func() {
		if applied, _ := e.await(b.id, nil); applied {
			release.done <- nil
			return
		}
		release.done <- errors.New("the release was not applied")
	})
}

func (e *Executor) endRelease(err error) {
	if e.release != nil {
		e.release.done <- err
		e.release = nil
	}
}
