package placement

import "time"

// A step that fails is tried again after backoffMin, then after twice as long each time, up to backoffMax: short enough
// that the group is not left long at two voters, long enough that a lasting fault does not load the cluster.
const (
	backoffMin = 100 * time.Millisecond
	backoffMax = 10 * time.Second
)

// backoff is the past of one step that may fail.
type backoff struct {
	failures int
	// until is when it may be tried again.
	until time.Time
	// text is the error that was logged last, empty after a success.
	text string
}

// fail notes a failure and tells whether it differs from the one before, so that it is worth a log line.
func (b *backoff) fail(now time.Time, err error) (changed bool) {
	b.until = now.Add(min(backoffMin<<min(b.failures, 16), backoffMax))
	b.failures++
	changed = b.text != err.Error()
	b.text = err.Error()
	return changed
}

// succeed forgets the failures, and holds the step for a while if one is given. It tells whether there were any.
func (b *backoff) succeed(now time.Time, hold time.Duration) (recovered bool) {
	recovered = b.text != ""
	*b = backoff{until: now.Add(hold)}
	return recovered
}

// wait is how long the step is to be left alone from now on; 0 or less means not at all.
func (b *backoff) wait(now time.Time) time.Duration { return b.until.Sub(now) }
