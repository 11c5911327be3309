package migration

import (
	"context"
	"sync"
	"time"
)

// throttle spreads what a shard copies over time. Changes of slots that are copied already pass it by: they come no faster
// than clients write them, and holding them back would only lengthen the queue.
type throttle struct {
	// rate is how many bytes a second pass, 0 for any number. It may change at any time.
	rate func() int64

	mu   sync.Mutex // protects the field below
	free time.Time  // when everything that has passed is paid for
}

// burst is how far copying may be ahead of the rate, so that it does not wait after each portion.
const burst = 50 * time.Millisecond

// wait lets bytes pass, all of the shard's migrations in turn.
func (t *throttle) wait(ctx context.Context, bytes int) error {
	ahead := t.take(time.Now(), bytes)
	if ahead <= 0 {
		return ctx.Err()
	}
	timer := time.NewTimer(ahead)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// take pays for bytes and returns how long to wait before the next.
func (t *throttle) take(now time.Time, bytes int) time.Duration {
	rate := t.rate()
	t.mu.Lock()
	defer t.mu.Unlock()
	if rate <= 0 {
		t.free = now
		return 0
	}
	if t.free.Before(now) {
		t.free = now
	}
	t.free = t.free.Add(time.Duration(float64(bytes) / float64(rate) * float64(time.Second)))
	return t.free.Sub(now) - burst
}
