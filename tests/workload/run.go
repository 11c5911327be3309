package workload

import (
	"fmt"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/holtcache/holt/tests/model"
)

// Run is a number of clients at work.
type Run struct {
	History *model.History

	seed    uint64
	stop    chan struct{}
	wg      sync.WaitGroup
	clients int

	mu         sync.Mutex // protects the field below
	unexpected error
}

// NewRun makes a run in which nobody works yet. All that is random follows from the seed.
func NewRun(seed uint64) *Run {
	return &Run{History: model.NewHistory(), seed: seed, stop: make(chan struct{})}
}

// Go lets a client work on a lane, at most one operation per pause, until the run stops. It returns the number of
// the client.
func (r *Run) Go(c Client, l *Lane, pause time.Duration) int {
	id := r.clients
	r.clients++
	r.wg.Go(func() {
		defer c.Close()
		random := rand.New(rand.NewPCG(r.seed, uint64(id)))
		ticker := time.NewTicker(pause)
		defer ticker.Stop()
		for i := 0; ; i++ {
			select {
			case <-r.stop:
				return
			case <-ticker.C:
			}
			o := l.next(random, id, i)
			r.attempt(c, &o)
			l.done(o)
		}
	})
	return id
}

// Attempt lets a client make one attempt at an operation, and records it.
func (r *Run) Attempt(c Client, o model.Op) model.Op {
	r.attempt(c, &o)
	return o
}

func (r *Run) attempt(c Client, o *model.Op) {
	o.Call = r.History.Now()
	err := c.attempt(o)
	o.Return = r.History.Now()
	if o.Outcome = outcomeOf(err); err != nil {
		o.Err = err.Error()
	}
	r.History.Add(*o)
	if unexpected(err) {
		r.mu.Lock()
		defer r.mu.Unlock()
		if r.unexpected == nil {
			r.unexpected = fmt.Errorf("an answer that no fault explains: %s", o)
		}
	}
}

// Stop ends the work and returns when every client has its last answer. The error is the first answer that no fault
// explains.
func (r *Run) Stop() error {
	close(r.stop)
	r.wg.Wait()
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.unexpected
}
