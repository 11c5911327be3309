package respserver

import (
	"context"
	"sync"
	"time"
)

// patience makes contexts that end at a deadline and cost nothing as long as nobody asks for Done: reads that need not
// wait, nearly all, never do.
type patience struct{ ctx *patienceContext }

// until returns a context with a deadline. One that nobody has waited on is used again, so the caller is done with
// those it got before.
func (p *patience) until(deadline time.Time) context.Context {
	if p.ctx == nil || !p.ctx.renew(deadline) {
		p.ctx = &patienceContext{deadline: deadline}
	}
	return p.ctx
}

type patienceContext struct {
	mu       sync.Mutex // protects the fields below
	deadline time.Time
	done     chan struct{}
}

var _ context.Context = (*patienceContext)(nil)

// renew moves the deadline of a context that nobody waits on.
func (p *patienceContext) renew(deadline time.Time) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.done != nil {
		return false
	}
	p.deadline = deadline
	return true
}

// Deadline is the deadline.
func (p *patienceContext) Deadline() (time.Time, bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.deadline, true
}

// Done is closed at the deadline. The timer ends by itself, soon: no command waits longer than router.CommitMax.
func (p *patienceContext) Done() <-chan struct{} {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.done == nil {
		p.done = make(chan struct{})
		done := p.done
		time.AfterFunc(time.Until(p.deadline), func() { close(done) })
	}
	return p.done
}

// Err is context.DeadlineExceeded after the deadline.
func (p *patienceContext) Err() error {
	if deadline, _ := p.Deadline(); !time.Now().Before(deadline) {
		return context.DeadlineExceeded
	}
	return nil
}

// Value holds nothing.
func (p *patienceContext) Value(any) any { return nil }
