package executor

import (
	"context"
	"errors"
	"time"
)

// Run evaluates and proposes until ctx ends. It returns when every goroutine it started has ended; what it has proposed
// may still be on its way.
func (e *Executor) Run(ctx context.Context) error {
	d := e.Drive(ctx)
	defer d.Stop()
	timer := time.NewTimer(time.Hour)
	defer timer.Stop()
	for ctx.Err() == nil {
		timer.Reset(d.Step())
		select {
		case <-ctx.Done():
		case <-e.wake:
		case <-timer.C:
		}
	}
	return ctx.Err()
}

// Driver runs an executor step by step. Run drives by events and timers; a simulation decides itself when a step comes.
type Driver struct {
	e      *Executor
	ctx    context.Context // of waits that steps begin
	cancel context.CancelFunc
}

// Drive starts the goroutines beside Run's. One goroutine drives an executor, once.
func (e *Executor) Drive(ctx context.Context) *Driver {
	d := &Driver{e: e}
	d.ctx, d.cancel = context.WithCancel(ctx)
	e.workers.Go(e.awaitFutures)
	e.workers.Go(func() { e.runExpiry(d.ctx) })
	return d
}

// Step does all that can be done now and returns when to look again at the latest.
func (d *Driver) Step() time.Duration { return d.e.step(d.ctx) }

// Stop answers every request and stops evaluation for good.
func (d *Driver) Stop() {
	d.cancel()
	d.e.shut()
	close(d.e.futures)
}

// Wait returns when the goroutines of Run have ended. Those that wait for Raft's word on a proposal end once Raft has
// given it, at the latest when Raft is shut down.
func (e *Executor) Wait() { e.workers.Wait() }

func (e *Executor) shut() {
	e.lose()
	e.mu.Lock()
	e.closed = true
	left := e.queue.pop(nil, e.queue.len())
	batches := append([]*batch(nil), e.batches...)
	for _, b := range batches {
		e.removeLocked(b, verdictUnknown)
	}
	e.mu.Unlock()
	e.refuse(left)
	for _, b := range batches {
		e.finish(b)
	}
	e.signalChange()
}

// idleCheck is how often leadership is looked at when nobody says that it changed: Kick does.
const idleCheck = 250 * time.Millisecond

// step does all that can be done now and returns when to look again at the latest.
func (e *Executor) step(ctx context.Context) time.Duration {
	e.mu.Lock()
	notes := e.notes
	e.notes = nil
	e.mu.Unlock()

	term, leads := e.cfg.Log.Leader()
	if e.phase != phaseIdle && (!leads || term != e.term) {
		e.lose()
	}
	if leads && e.phase == phaseIdle {
		e.gain(term)
	}
	for _, n := range notes {
		e.handle(n)
	}
	if e.phase != phaseServing {
		e.refuseControls()
	}
	now := time.Now()
	switch e.phase {
	case phaseIdle:
		e.refuseQueued()
	case phaseRestart:
		if wait := e.retryAt.Sub(now); wait > 0 {
			return wait
		}
		e.start()
	case phaseWaiting:
		if wait := e.serveAt.Sub(now); wait > 0 {
			return wait
		}
		e.serve()
		return e.work(ctx)
	case phaseServing:
		return e.work(ctx)
	case phaseDraining:
		e.drain()
	}
	return idleCheck
}

// gain begins a term that this replica leads. The wait for leases of earlier leaders counts from the first moment the
// term's leadership was seen.
func (e *Executor) gain(term uint64) {
	if e.seenTerm != term {
		e.seenTerm, e.seenAt = term, time.Now()
	}
	e.term, e.phase = term, phaseRestart
	e.signalChange()
}

// lose ends whatever this replica did as a leader. Proposed batches keep their waiters: only the state machine's
// verdict, or their callers' patience, settles them.
func (e *Executor) lose() {
	e.dropUnproposed(false)
	e.endRelease(errors.New("leadership was lost"))
	e.phase = phaseIdle
	e.refuseQueued()
	if e.cfg.Observer != nil {
		e.cfg.Observer.SlotsChanged(e.store.Owned())
	}
	e.signalChange()
}

func (e *Executor) refuseQueued() {
	e.mu.Lock()
	left := e.queue.pop(nil, e.queue.len())
	e.mu.Unlock()
	e.refuse(left)
}

// drop ends the incarnation while this replica still leads: what is proposed is in doubt, so nothing is evaluated on it
// any more and a new ExecutorStart is due. The overlay stays until that is applied; nobody reads it meanwhile.
func (e *Executor) drop() {
	e.dropUnproposed(true)
	e.endRelease(errors.New("the executor had to start again"))
	e.phase = phaseRestart
}

// dropUnproposed stops serving and takes back evaluations that were never proposed.
func (e *Executor) dropUnproposed(again bool) {
	e.endTenure()
	e.builder.Reset()
	e.open, e.sealed = nil, nil
	e.mu.Lock()
	var back []*Request
	var controls []*pendingControl
	for _, b := range append([]*batch(nil), e.batches...) {
		if !b.proposed {
			back = append(append(back, b.requests...), b.readers...)
			if b.control != nil {
				controls = append(controls, b.control)
			}
			e.removeLocked(b, verdictNotApplied)
		}
	}
	e.mu.Unlock()
	for _, c := range controls {
		e.finishControl(c, verdictNotApplied)
	}
	e.refuseControls()
	if again {
		e.requeue(back)
	} else {
		e.refuse(back)
	}
}
