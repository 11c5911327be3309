package respserver

import (
	"time"

	"github.com/holtcache/holt/gateway/router"
)

// reroutePause is how long an op waits that was refused twice, unless who leads changes before.
const reroutePause = 5 * time.Millisecond

// settle waits for every op of the round and writes its replies.
func (c *conn) settle() {
	if c.used == 0 {
		return
	}
	c.complete()
	if c.track.noLoop {
		c.settleOwn()
	}
	for _, e := range c.entries[:c.used] {
		c.emit(e.answer(), e.silent, e.row)
		e.reset()
	}
	c.used = 0
	c.budget.Store(int64(c.server.limits.OutputBufferBytesMax))
	c.releaseReplies()
	c.arrived = time.Now()
}

// complete returns when every op of the round has its answer, having routed again what came to the wrong replica.
func (c *conn) complete() {
	for attempt := 0; ; attempt++ {
		c.submit()
		c.wait()
		c.redirect()
		again := c.toRouteAgain()
		if len(again) == 0 || !c.pauseReroute(attempt) {
			return
		}
		for _, e := range again {
			e.op.Err, e.op.Handle = nil, nil
			c.route(e)
		}
	}
}

// toRouteAgain lists, in order, the entries that came to the wrong replica and may be repeated: no later op of the
// round on that shard took effect.
func (c *conn) toRouteAgain() []*entry {
	var again []*entry
	var done []*flight
	for i := c.used - 1; i >= 0; i-- {
		e := c.entries[i]
		switch {
		case e.flight == nil:
		case e.moved() && !contains(done, e.flight):
			again = append(again, e)
		case e.tookEffect() && !contains(done, e.flight):
			done = append(done, e.flight)
		}
	}
	for i, j := 0, len(again)-1; i < j; i, j = i+1, j-1 {
		again[i], again[j] = again[j], again[i]
	}
	return again
}

func contains(flights []*flight, f *flight) bool {
	for _, other := range flights {
		if other == f {
			return true
		}
	}
	return false
}

// pauseReroute waits before what came to the wrong replica is routed again: not at all the first time, then until who
// leads may have changed. It returns false where the time to hold a command is over.
func (c *conn) pauseReroute(attempt int) bool {
	left := time.Until(c.arrived.Add(router.HoldMax))
	if left <= 0 {
		return false
	}
	if attempt == 0 {
		return true
	}
	timer := time.NewTimer(min(reroutePause, left))
	defer timer.Stop()
	select {
	case <-c.server.cfg.Router.Changed():
	case <-timer.C:
	}
	return true
}
