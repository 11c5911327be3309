package executor

import (
	"context"
	"runtime"
	"sync/atomic"
	"time"

	"github.com/holtcache/holt/proto/apierr"
	"github.com/holtcache/holt/proto/slot"
	"github.com/holtcache/holt/raftfsm/session"
)

// Ack says when a write is acknowledged. The zero value is AckMajority.
type Ack uint8

const (
	// AckMajority acknowledges a write that is committed and applied.
	AckMajority Ack = iota
	// AckAsync acknowledges a write that is in the leader's log.
	AckAsync
)

// Request is one evaluation to be done. Its caller sets the exported fields, submits it once, waits with the Waiter it
// was submitted with, and then reads Err.
type Request struct {
	// Slot is that of all keys of the request. Ignored where AllSlots is set.
	Slot slot.ID
	// AllSlots is for requests that touch whole slots (FLUSHALL).
	AllSlots bool
	Ack      Ack
	// Do is evaluated on the executor. It may run again if the evaluation before left no trace, so it sets results
	// anew each time. A panic in it answers the request with an internal error and changes nothing.
	Do func(tx *Tx)

	// ID names the request to all its attempts, and Until is the end of the id in milliseconds of the shard's clock: until then
	// an attempt finds what an earlier one was answered, and applies nothing. Until 0: the request has no id. Errors speak
	// of this attempt only: one that says "not applied" says nothing of earlier ones. Not for AllSlots.
	ID    session.ID
	Until int64
	// Result is what the request is answered, in the caller's form. Where there is an id Do sets it; after the waiter has
	// returned without an Err it is the answer, of an earlier attempt where Repeated is set. It is not to be changed.
	Result   []byte
	Repeated bool

	// Err is the answer, valid after the waiter has returned: nil means done as asked.
	Err *apierr.Error
	// Acked is how the write was acknowledged, which may be better than asked for.
	Acked Ack
	// Index is the log index of the batch that carries the request's effects; 0 where it had none.
	Index uint64

	state  atomic.Uint32
	waiter *Waiter
	// ticket is the request's place in the order of submission, which repeated evaluations keep.
	ticket uint64
	wrote  bool
	// found is the result of an earlier attempt, which Run's goroutine sets before the request waits for that one's batch.
	found    []byte
	repeated bool
	// saw is the latest batch whose pending values a request without effects has read.
	saw BatchID
}

// BatchID names a sequenced record of one shard.
type BatchID struct{ Incarnation, Sequence uint64 }

const (
	stateQueued    uint32 = iota // may be withdrawn
	stateTaken                   // Do runs
	stateEvaluated               // waits for a verdict
	stateSettled                 // Err is, or is about to be, set
	stateWithdrawn               // given up before it was taken
	stateAbandoned               // given up while its fate was open
)

// take claims the request for evaluation; false means that its caller has withdrawn it.
func (r *Request) take() bool { return r.state.CompareAndSwap(stateQueued, stateTaken) }

// requeue undoes take and evaluation for a request whose effects, if any, were never proposed.
func (r *Request) requeue() bool {
	return r.state.CompareAndSwap(stateEvaluated, stateQueued)
}

// settle answers the request with an error, or as done where it has no effects.
func (r *Request) settle(err *apierr.Error) {
	if r.claim() {
		if r.Err = err; err == nil && r.repeated {
			r.Result, r.Repeated = r.found, true
		}
		r.waiter.done()
	}
}

// acknowledge answers a write as done.
func (r *Request) acknowledge(ack Ack, index uint64) {
	if r.claim() {
		r.Acked, r.Index = ack, index
		r.waiter.done()
	}
}

// claim wins the right to answer the request for one caller at most.
func (r *Request) claim() bool {
	for {
		s := r.state.Load()
		if s >= stateSettled {
			return false
		}
		if r.state.CompareAndSwap(s, stateSettled) {
			return true
		}
	}
}

// Abandon gives up on a request that its waiter has not seen answered. It returns the error to answer with: "not
// applied" if the request was withdrawn before its evaluation, "outcome unknown" if it was evaluated. ok is false
// if the answer arrived at the same moment: then read Err after waiting once more.
func (r *Request) Abandon(shard slot.ShardID) (err *apierr.Error, ok bool) {
	for {
		switch r.state.Load() {
		case stateQueued:
			if r.state.CompareAndSwap(stateQueued, stateWithdrawn) {
				return apierr.New(apierr.KindDeadline, "shard %d: waited too long for its turn; not applied, retry", shard), true
			}
		case stateTaken:
			runtime.Gosched() // Do never blocks
		case stateEvaluated:
			if r.state.CompareAndSwap(stateEvaluated, stateAbandoned) {
				if !r.wrote {
					return apierr.New(apierr.KindDeadline, "shard %d: leadership could not be confirmed in time; nothing was changed, retry", shard), true
				}
				return apierr.New(apierr.KindUnknownOutcome, "shard %d: not committed in time; outcome unknown, read before you retry", shard), true
			}
		default:
			return nil, false
		}
	}
}

// Waiter waits for a set of requests. One goroutine submits and waits; the zero value is not ready, see NewWaiter.
type Waiter struct {
	open atomic.Int64
	wake chan struct{}
}

// NewWaiter returns a waiter without requests. It can be used again after Wait has returned nil.
func NewWaiter() *Waiter { return &Waiter{wake: make(chan struct{}, 1)} }

func (w *Waiter) add(n int) { w.open.Add(int64(n)) }

func (w *Waiter) done() {
	if w.open.Add(-1) == 0 {
		select {
		case w.wake <- struct{}{}:
		default:
		}
	}
}

// Wait returns nil when every request submitted with the waiter has been answered, or the context's error.
// After an error, Settle the requests that are still open.
func (w *Waiter) Wait(ctx context.Context) error {
	for w.open.Load() != 0 {
		select {
		case <-w.wake:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return nil
}

// WaitUntil is Wait with a deadline on a timer of the caller, for callers that must not make a context a call.
func (w *Waiter) WaitUntil(timer *time.Timer, stop <-chan struct{}) bool {
	for w.open.Load() != 0 {
		select {
		case <-w.wake:
		case <-timer.C:
			return false
		case <-stop:
			return false
		}
	}
	return true
}

// GiveUp abandons every open request of those that were submitted with the waiter, which is not used again, and sets
// their Err.
func (w *Waiter) GiveUp(shard slot.ShardID, requests ...*Request) {
	for _, r := range requests {
		if err, ok := r.Abandon(shard); ok {
			r.Err = err
			w.done()
		}
	}
	// Those that were settled meanwhile have signalled, or are about to.
	for w.open.Load() > 0 {
		runtime.Gosched()
	}
}
