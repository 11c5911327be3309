package respserver

import (
	"slices"
	"time"

	"github.com/holtcache/holt/gateway/router"
	"github.com/holtcache/holt/proto/slot"
)

// reroutePause is how long an op waits that was refused twice, unless who leads changes before.
const reroutePause = 5 * time.Millisecond

// settle waits for every op of the round and writes its replies.
func (c *conn) settle() {
	if c.used == 0 {
		return
	}
	c.complete()
	ended := c.server.clock()
	if c.track.noLoop {
		c.settleOwn()
	}
	for _, e := range c.entries[:c.used] {
		if e.part {
			continue // with the entry that joins it
		}
		v := e.answer()
		if !e.known {
			c.finished(e.row, e.op.Command, e.parsed, ended, &v)
			if e.exec != nil {
				c.finishedExec(e.exec, e.parsed, ended, &v)
			}
		}
		c.emit(v, e.silent)
		for _, part := range e.parts {
			part.reset()
		}
		e.reset()
	}
	c.used = 0
	c.budget.Store(int64(c.server.limits.OutputBufferBytesMax))
	c.behind.settled(c.releaseReplies())
	c.resumed()
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

// toRouteAgain lists, in order, the entries that came to the wrong replica and may be repeated: no later op of the round on
// the same slot took effect. Between slots a pipeline promises no order once one of them is on its way: Redis answers with ASK
// and goes on, too.
func (c *conn) toRouteAgain() []*entry {
	if !slices.ContainsFunc(c.entries[:c.used], (*entry).moved) {
		return nil
	}
	var again []*entry
	done := taken{slots: map[slot.ID]bool{}, some: map[*flight]bool{}, all: map[*flight]bool{}}
	for _, e := range slices.Backward(c.entries[:c.used]) {
		switch {
		case e.flight == nil:
		case e.moved() && !done.overtake(e):
			again = append(again, e)
		case e.tookEffect():
			done.add(e)
		}
	}
	slices.Reverse(again)
	return again
}

// taken is where later ops of a round took effect: on which slots, on some of a shard, on all of a shard.
type taken struct {
	slots     map[slot.ID]bool
	some, all map[*flight]bool
}

func (f taken) add(e *entry) {
	f.some[e.flight] = true
	if e.op.AllSlots {
		f.all[e.flight] = true
	} else {
		f.slots[e.op.Slot] = true
	}
}

// overtake tells whether an entry may not be repeated behind them.
func (f taken) overtake(e *entry) bool {
	if e.op.AllSlots {
		return f.some[e.flight]
	}
	return f.slots[e.op.Slot] || f.all[e.flight]
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
