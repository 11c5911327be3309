package executor

import (
	"testing"
	"testing/synctest"
	"time"
)

// Rule 30: max(wall clock, time of the last batch + what has passed since), never back, never far forward at once.
func TestClockNeverGoesBackAndFollowsLargeStepsSlowly(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var step time.Duration
		c := newClock(func() time.Time { return time.Now().Add(step) })
		now := func() int64 { t.Helper(); return c.Now() }
		before := now()
		time.Sleep(time.Second)
		if got := now() - before; got != 1000 {
			t.Errorf("a second took %d ms", got)
		}
		before = now()
		step = -time.Hour
		if got := now(); got != before {
			t.Errorf("the clock moved by %d ms when the wall clock went back", got-before)
		}
		time.Sleep(time.Second)
		if got := now() - before; got < 900 || got > 1000 {
			t.Errorf("a second after the wall clock went back the clock has moved by %d ms: it must not stop", got)
		}
		before = now()
		step = 400 * time.Millisecond
		if got := now() - before; got < 400 || got > 420 {
			t.Errorf("a small step was followed by %d ms, want 400 and what was slowed down", got)
		}
		before = now()
		step = time.Hour
		time.Sleep(time.Second)
		if got := now() - before; got < 1000 || got > 1100 {
			t.Errorf("a second after a step of an hour the clock has moved by %d ms", got)
		}
		if c.Behind() < 50*time.Minute {
			t.Errorf("the step is reported as %v", c.Behind())
		}
	})
}

// A leader whose wall clock is behind goes on from the time of the last batch, and at the speed of time.
func TestClockGoesOnFromTheTimeOfTheLastBatch(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newClock(nil)
		batch := c.Now() + 10_000
		c.Observe(batch)
		if got := c.Now(); got != batch {
			t.Errorf("got %d, want the batch's %d", got, batch)
		}
		time.Sleep(2 * time.Second)
		if got := c.Now(); got != batch+2000 {
			t.Errorf("two seconds after the batch: got %d, want %d", got, batch+2000)
		}
		c.Observe(batch - 5000)
		if got := c.Now(); got != batch+2000 {
			t.Errorf("an older batch moved the clock to %d", got)
		}
	})
}
