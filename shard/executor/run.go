package executor

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"time"

	"github.com/holtcache/holt/proto/apierr"
	"github.com/holtcache/holt/proto/slot"
	"github.com/holtcache/holt/raftfsm"
	"github.com/holtcache/holt/raftfsm/entry"
	"github.com/holtcache/holt/raftfsm/store"
)

// note is something that happened elsewhere and that Run has to act upon. Exactly one field is set.
type note struct {
	started  *startedNote
	failed   *failedNote
	gap      *BatchID // a record of ours was skipped
	restored *raftfsm.State
	release  *releaseNote
	resume   bool
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

// restartPause keeps an executor from proposing ExecutorStarts in a spin while Raft refuses all proposals, as it does
// during a leadership transfer.
const restartPause = 10 * time.Millisecond

// Run evaluates and proposes until ctx ends. It returns when every goroutine it started has ended; what it has proposed
// may still be on its way.
func (e *Executor) Run(ctx context.Context) error {
	e.workers.Go(e.awaitFutures)
	workCtx, cancel := context.WithCancel(ctx)
	e.workers.Go(func() { e.runExpiry(workCtx) })
	timer := time.NewTimer(time.Hour)
	defer timer.Stop()
	for ctx.Err() == nil {
		next := e.step(workCtx)
		timer.Reset(next)
		select {
		case <-ctx.Done():
		case <-e.wake:
		case <-timer.C:
		}
	}
	cancel()
	e.shut()
	close(e.futures)
	return ctx.Err()
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

// idleCheck is how often leadership is looked at when nobody says that it changed.
const idleCheck = 50 * time.Millisecond

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
		e.work(ctx)
	case phaseServing:
		e.work(ctx)
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
		e.cfg.Observer.SlotsChanged(e.slotsOwned())
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
	e.setTenure(nil)
	e.builder.Reset()
	e.open, e.sealed = nil, nil
	e.mu.Lock()
	var back []*Request
	for _, b := range append([]*batch(nil), e.batches...) {
		if !b.proposed {
			back = append(append(back, b.requests...), b.readers...)
			e.removeLocked(b, verdictNotApplied)
		}
	}
	e.mu.Unlock()
	if again {
		e.requeue(back)
	} else {
		e.refuse(back)
	}
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
	case n.resume:
		if e.phase == phaseDraining || e.phase == phaseReleasing {
			e.drop()
		}
	}
}

// incarnate tells whether an incarnation of this replica's own is running.
func (e *Executor) incarnate() bool { return e.phase >= phaseWaiting }

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
	e.builder.Reset()
	e.inc, e.seq, e.version = s.state.Incarnation, 0, s.state.Version
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

// serve opens the shop: leases of earlier leaders have ended.
func (e *Executor) serve() {
	e.phase = phaseServing
	if slots := e.firstSlots(); len(slots) > 0 {
		b := e.openBatch()
		record := entry.EncodeOwn(entry.Header{Incarnation: e.inc, Sequence: b.id.Sequence, Time: e.clock.Now()}, slots)
		e.sealed = append(e.sealed, sealedBatch{batch: b, record: record})
		e.open = nil
	}
	e.setTenure(&tenure{term: e.term, incarnation: e.inc})
}

func (e *Executor) firstSlots() []slot.Range {
	if e.cfg.Slots == nil || !e.ownsNothing() {
		return nil
	}
	return e.cfg.Slots()
}

// evaluateAtOnce is how many requests are taken from the queue at a time.
const evaluateAtOnce = 256

// work evaluates what is queued and proposes what there is room for. Whatever arrives while batches are in flight
// becomes the next batch: no timer, no linger.
func (e *Executor) work(ctx context.Context) {
	ten := e.tenure.Load()
	if ten == nil {
		return // an ExecutorStart of another incarnation was applied; its note is on the way
	}
	var taken [evaluateAtOnce]*Request
	for {
		e.proposeSealed()
		if len(e.sealed) > 0 {
			return // batches are full and as many as may be are in flight
		}
		e.mu.Lock()
		requests := e.queue.pop(taken[:0], evaluateAtOnce)
		e.mu.Unlock()
		if len(requests) == 0 {
			break
		}
		for i, r := range requests {
			e.evaluate(ctx, ten, r)
			if len(e.sealed) > 0 && i+1 < len(requests) {
				e.proposeSealed()
				if len(e.sealed) > 0 {
					e.mu.Lock()
					e.queue.pushFront(requests[i+1:])
					e.mu.Unlock()
					return
				}
			}
		}
	}
	if e.open != nil && e.room() {
		e.seal()
		e.proposeSealed()
	}
}

func (e *Executor) room() bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.inFlight < e.cfg.Limits.BatchesInFlight
}

// evaluate runs one request and settles it, or enters it where its answer will come from.
func (e *Executor) evaluate(ctx context.Context, ten *tenure, r *Request) {
	if !r.take() {
		return // withdrawn by its caller
	}
	e.stats.evaluated.Add(1)
	e.tx.reset(r, e.clock.Now())
	err := e.ownedOrErr(r)
	if err == nil {
		err = e.do(r)
	}
	r.wrote = err == nil && len(e.tx.writes) > 0
	r.state.Store(stateEvaluated)
	switch {
	case err != nil:
		r.settle(err)
	case !r.wrote:
		r.saw = e.tx.saw
		e.finishRead(ctx, ten, r)
	default:
		e.enter(r)
	}
}

func (e *Executor) ownedOrErr(r *Request) *apierr.Error {
	if r.AllSlots {
		return nil
	}
	sl := e.store.Slot(r.Slot)
	sl.RLock()
	defer sl.RUnlock()
	if sl.StateLocked() == store.SlotOwned {
		return nil
	}
	return apierr.Of(e.notOwned(r.Slot))
}

func (e *Executor) do(r *Request) (err *apierr.Error) {
	defer func() {
		if p := recover(); p != nil {
			e.cfg.Logger.Error("a request panicked; it was refused and changed nothing; report this with the stack", "shard", e.cfg.Shard, "panic", fmt.Sprint(p), "stack", string(debug.Stack()))
			err = apierr.New(apierr.KindInternal, "shard %d: internal error while evaluating; not applied", e.cfg.Shard)
			err.Outcome = apierr.OutcomeNotApplied
		}
	}()
	r.Do(&e.tx)
	return nil
}

// enter adds the request's writes to the open batch.
func (e *Executor) enter(r *Request) {
	size := e.tx.sizeBytes()
	if e.open != nil && e.builder.SizeBytes()+size > e.cfg.Limits.BatchBytes {
		e.seal()
	}
	b := e.openBatch()
	e.tx.commit(b.id)
	e.mu.Lock()
	b.requests = append(b.requests, r)
	e.mu.Unlock()
	if e.builder.SizeBytes() >= e.cfg.Limits.BatchBytes || e.builder.ArenaBytes() >= 4*e.cfg.Limits.BatchBytes {
		e.seal()
	}
}

func (e *Executor) openBatch() *batch {
	if e.open == nil {
		e.seq++ // never used twice within an incarnation, also not after a refused proposal
		e.open = newBatch(BatchID{e.inc, e.seq})
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

// finishRead settles a request without effects: it is a read, and passes the same gate.
func (e *Executor) finishRead(ctx context.Context, ten *tenure, r *Request) {
	if e.cfg.Gate.Leased(ten.term) {
		e.attach(ten, r)
		return
	}
	e.workers.Go(func() {
		ctx, cancel := ctxOrTimeout(ctx)
		defer cancel()
		if err := e.pass(ctx, ten, ReadIndex); err != nil {
			r.settle(apierr.Of(err))
			return
		}
		e.attach(ten, r)
	})
}

// attach answers a read that has passed the gate, once every batch whose values it saw has committed.
func (e *Executor) attach(ten *tenure, r *Request) {
	if e.tenure.Load() != ten {
		e.requeue([]*Request{r})
		return
	}
	if r.saw == (BatchID{}) {
		r.settle(nil)
		return
	}
	e.mu.Lock()
	if b := e.findLocked(r.saw); b != nil {
		b.readers = append(b.readers, r)
		e.mu.Unlock()
		return
	}
	applied := r.saw.Incarnation == e.applied.Incarnation && r.saw.Sequence <= e.applied.Sequence
	e.mu.Unlock()
	if applied {
		r.settle(nil)
		return
	}
	e.requeue([]*Request{r})
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
			if b != nil {
				e.finish(b)
			}
		}
		e.leave(note{failed: &failedNote{nonce: f.nonce, batch: f.batch, refused: refused}})
	}
}

func (e *Executor) leave(n note) {
	e.mu.Lock()
	e.notes = append(e.notes, n)
	e.mu.Unlock()
	e.Kick()
}
