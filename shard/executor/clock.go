package executor

import (
	"sync"
	"time"
)

const (
	// clockStepMax is how far the wall clock may step forward at once and be followed.
	clockStepMax = 500 * time.Millisecond
	// clockSlewDivisor is how slowly a larger step is followed: one part in so many of the time that passes.
	// An hour of a wrong clock then costs TTLs 36 s, and a clock that was set right by 10 s is reached in 17 minutes.
	clockSlewDivisor = 100
)

// Clock is the shard's time on one replica: max(wall clock, time of the last batch + what has passed since). It never
// goes back, on this replica or from one leader to the next, and a wall clock that steps far forward cannot expire
// everything: the step is approached slowly and reported.
type Clock struct {
	start time.Time
	wall  func() time.Time

	mu sync.Mutex // protects the fields below; held for arithmetic only
	// floor and followed are offsets from the monotonic time since start, in milliseconds: what batches demand, and
	// the part of the wall clock that is followed.
	floor    int64
	followed int64
	seen     int64 // monotonic milliseconds at the last reading
	slewRest int64 // fraction of a millisecond of slew, in units of 1/clockSlewDivisor
	last     int64 // last time given out
	behind   int64 // by how much the wall clock is ahead of followed, 0 in normal running
}

// NewClock returns a clock that begins at the wall clock.
func NewClock() *Clock { return newClock(nil) }

func newClock(wall func() time.Time) *Clock {
	if wall == nil {
		wall = time.Now
	}
	return &Clock{start: time.Now(), wall: wall, followed: wall().UnixMilli(), floor: -1 << 62}
}

// Now is the shard's time in milliseconds since the Unix epoch.
func (c *Clock) Now() int64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	mono := time.Since(c.start).Milliseconds()
	ahead := c.wall().UnixMilli() - mono - c.followed
	slew := max(mono-c.seen, 0) + c.slewRest
	c.behind = 0
	switch {
	case ahead >= 0 && ahead <= clockStepMax.Milliseconds():
		c.followed += ahead
	case ahead > 0:
		c.followed += slew / clockSlewDivisor
		c.slewRest = slew % clockSlewDivisor
		c.behind = ahead
	default: // a wall clock that went back slows time down, and never stops it
		c.followed -= min(-ahead, slew/clockSlewDivisor)
		c.slewRest = slew % clockSlewDivisor
	}
	c.seen = max(c.seen, mono)
	c.last = max(c.last, mono+c.followed, mono+c.floor)
	return c.last
}

// Observe makes the clock go on from the time of an applied batch.
func (c *Clock) Observe(batch int64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	mono := time.Since(c.start).Milliseconds()
	c.floor = max(c.floor, batch-mono)
	c.last = max(c.last, batch)
}

// Behind is how far the wall clock has stepped ahead of the shard's time without being followed yet; 0 is normal.
func (c *Clock) Behind() time.Duration {
	c.mu.Lock()
	defer c.mu.Unlock()
	return time.Duration(c.behind) * time.Millisecond
}

// Now is the shard's clock in milliseconds since the Unix epoch.
func (e *Executor) Now() int64 { return e.clock.Now() }
