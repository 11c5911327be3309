package executor

import (
	"time"

	"github.com/holtcache/holt/proto/slot"
)

// sweepSlots is how many slots are looked at a tick for results of requests that have ended: all of them
// within 5 s.
const sweepSlots = slot.Count / int(5*time.Second/expiryTick)

// sweepResults forgets results that have ended by the time of the last applied record, on every replica for itself. It looks at
// some slots from one on and returns the next.
func (e *Executor) sweepResults(from slot.ID) (next slot.ID) {
	sessions, now := e.store.Sessions(), e.appliedTime.Load()
	if sessions.Len() == 0 {
		return from
	}
	for range sweepSlots {
		sl := e.store.Slot(from)
		sl.Lock()
		sessions.SweepLocked(from, now)
		sl.Unlock()
		from = (from + 1) % slot.Count
	}
	return from
}

// tellTimeEvery is how far the time of applied records may be behind before a batch is made for it alone.
const tellTimeEvery = time.Second

// tellTime lets a batch without effects tell all replicas the time. Where requests are refused because results of others are
// remembered, it may be that no other batch comes, and by the time of the last one nothing has ended.
func (e *Executor) tellTime() {
	if e.clock.Now()-e.appliedTime.Load() >= tellTimeEvery.Milliseconds() {
		e.openBatch()
	}
}
