package executor

import (
	"context"

	"github.com/holtcache/holt/proto/apierr"
)

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
		e.stats.held.Add(1)
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
