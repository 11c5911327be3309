package migration

import (
	"context"
	"time"
)

const (
	pauseMin = 10 * time.Millisecond
	pauseMax = time.Second
)

// backoff lets what has failed be tried again after a pause that grows.
type backoff struct{ next time.Duration }

func (b *backoff) wait(ctx context.Context) {
	b.next = min(max(2*b.next, pauseMin), pauseMax)
	timer := time.NewTimer(b.next)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}
