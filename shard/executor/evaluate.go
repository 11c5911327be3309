package executor

import (
	"context"
	"fmt"
	"runtime/debug"
	"time"

	"github.com/holtcache/holt/proto/apierr"
	"github.com/holtcache/holt/raftfsm/entry"
)

// evaluateAtOnce is how many requests are taken from the queue at a time.
const evaluateAtOnce = 256

// work evaluates what is queued, proposes what there is room for, and returns when to look again at the latest. Whatever
// arrives while batches are in flight becomes the next batch: nothing lingers when nothing is in flight.
func (e *Executor) work(ctx context.Context) time.Duration {
	ten := e.tenure.Load()
	if ten == nil {
		return idleCheck // an ExecutorStart of another incarnation was applied; its note is on the way
	}
	var taken [evaluateAtOnce]*Request
evaluation:
	for {
		e.proposeSealed()
		if len(e.sealed) > 0 {
			return idleCheck // batches are full and as many as may be are in flight
		}
		e.trim()
		if !e.requestsTurn {
			if c := e.takeControl(); c != nil {
				if e.tenure.Load() != ten {
					c.settle(e.notServing())
					return idleCheck
				}
				e.evaluateControl(c)
				e.requestsTurn = true
				continue
			}
		}
		e.requestsTurn = false
		e.mu.Lock()
		requests, controls := e.queue.pop(taken[:0], evaluateAtOnce), len(e.controls)
		e.mu.Unlock()
		if len(requests) == 0 && controls > 0 {
			continue
		}
		if len(requests) == 0 {
			if e.open == nil || !e.expectsCompany() {
				break
			}
			e.cfg.yield()
			continue
		}
		for i, r := range requests {
			if e.tenure.Load() != ten { // what ended it has to be acted upon first
				e.unpop(requests[i:])
				return idleCheck
			}
			if !e.evaluate(ctx, ten, r) {
				e.unpop(requests[i:]) // it waits for room
				break evaluation
			}
			if len(e.sealed) > 0 {
				e.proposeSealed()
			}
			if len(e.sealed) > 0 {
				e.unpop(requests[i+1:])
				return idleCheck
			}
		}
	}
	if e.open == nil || e.tenure.Load() != ten {
		return idleCheck
	}
	now := time.Now()
	at, due := e.due(now)
	if !due {
		return at.Sub(now)
	}
	e.seal()
	e.proposeSealed()
	return idleCheck
}

// unpop puts requests that were not evaluated in front of the queue again.
func (e *Executor) unpop(requests []*Request) {
	e.mu.Lock()
	e.queue.putBack(requests)
	e.mu.Unlock()
}

// evaluate runs one request and settles it, or enters it where its answer will come from. false means that it has to be
// evaluated again later, before any other, since there is no room for what it writes yet.
func (e *Executor) evaluate(ctx context.Context, ten *tenure, r *Request) (done bool) {
	if !r.take() {
		return true // withdrawn by its caller
	}
	e.stats.evaluated.Add(1)
	e.tx.reset(r, e.clock.Now())
	before := e.version
	err := e.ownedOrErr(r)
	if err == nil && r.Until != 0 {
		err = e.repeat(r)
	}
	if err == nil && !r.repeated {
		err = e.do(r)
	}
	wait := false
	if err == nil {
		before, wait, err = e.fit(r, before)
	}
	if wait {
		r.wrote = false
		r.state.Store(stateEvaluated)
		return !r.requeue()
	}
	if err == nil && r.Until != 0 && len(e.tx.writes) > 0 {
		err = e.tx.remember(r)
	}
	if err != nil {
		e.version = before // nobody has seen the versions
	}
	r.wrote = err == nil && len(e.tx.writes) > 0
	wrote := r.wrote
	r.wrote = wrote || r.repeated // who gives up on a repetition does not know what became of the attempt before
	r.state.Store(stateEvaluated)
	switch {
	case err != nil:
		r.settle(err)
	case !wrote:
		r.saw = e.tx.saw
		e.finishRead(ctx, ten, r)
	default:
		e.enter(r)
	}
	return true
}

func (e *Executor) ownedOrErr(r *Request) *apierr.Error {
	if r.AllSlots {
		return e.refusalOfAll()
	}
	sl := e.store.Slot(r.Slot)
	sl.RLock()
	ok := served(sl, &e.overlay.slots[r.Slot])
	sl.RUnlock()
	if ok {
		return nil
	}
	return e.refusal(r.Slot)
}

func (e *Executor) do(r *Request) (err *apierr.Error) {
	defer func() {
		if p := recover(); p != nil {
			e.cfg.Logger.Error("a request panicked; it was refused and changed nothing; report this with the stack", "shard", e.cfg.Shard, "panic", fmt.Sprint(p), "stack", string(debug.Stack()))
			err = apierr.New(apierr.KindInternal, "shard %d: internal error while evaluating; not applied", e.cfg.Shard)
			err.Outcome = apierr.OutcomeNotApplied
		}
	}()
	before := e.version
	r.Do(&e.tx)
	if e.tx.refused != nil {
		return e.tx.refused
	}
	if n := e.version - before; n > e.versionsMax {
		return apierr.New(apierr.KindTooLarge, "shard %d: the request makes %d changes, at most %d fit (limit versionsMax); not applied", e.cfg.Shard, n, e.versionsMax)
	}
	return e.tx.checkSize()
}

// enter adds the request's writes to the open batch.
func (e *Executor) enter(r *Request) {
	if e.tx.alone && e.open != nil {
		e.seal()
	}
	b := e.batchFor(e.tx.sizeBytes() + len(r.Result))
	e.tx.commit(b.id)
	e.mu.Lock()
	b.requests = append(b.requests, r)
	e.mu.Unlock()
	e.grow(b, e.tx.growth)
	e.entered(len(e.tx.writes))
}

// batchFor returns the batch that takes effects of about size bytes.
func (e *Executor) batchFor(size int) *batch {
	if e.open != nil && e.builder.SizeBytes()+size > e.cfg.Limits.BatchBytes {
		e.seal()
	}
	return e.openBatch()
}

// entered closes the batch if the effects that have entered it fill it.
func (e *Executor) entered(effects int) {
	e.versions += uint64(effects)
	full := e.builder.SizeBytes() >= e.cfg.Limits.BatchBytes || e.builder.ArenaBytes() >= 4*e.cfg.Limits.BatchBytes
	if full || e.versions >= e.versionsMax {
		e.seal()
	}
}

func (e *Executor) openBatch() *batch {
	if e.open == nil {
		e.seq++ // never used twice within an incarnation, also not after a refused proposal
		e.open, e.versions = newBatch(BatchID{e.inc, e.seq}), 0
		e.mu.Lock()
		e.batches = append(e.batches, e.open)
		e.mu.Unlock()
	}
	return e.open
}

// seal encodes the open batch.
func (e *Executor) seal() {
	header := entry.Header{Incarnation: e.inc, Sequence: e.open.id.Sequence, Time: e.clock.Now()}
	record := entry.AppendBatch(make([]byte, 0, e.builder.SizeBytes()+256), header, e.builder.Batch())
	e.sealed = append(e.sealed, sealedBatch{batch: e.open, record: record})
	e.open = nil
	e.builder.Reset()
}
