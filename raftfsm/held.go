package raftfsm

import (
	"sync/atomic"
	"time"
)

// heldBounds are the upper ends of the classes that HeldStats counts; the last class has none.
var heldBounds = [...]time.Duration{100 * time.Microsecond, time.Millisecond, 5 * time.Millisecond}

// HeldStats tells how long snapshots have kept the FSM goroutine from applying entries: to capture the store, and to
// keep a slot for the capture before its first write after that. Writes to a slot that is kept already copy a segment of 64
// cells at most each; that is not counted.
type HeldStats struct {
	// Classes counts times under 0.1 ms, 1 ms, 5 ms, and longer ones.
	Classes [len(heldBounds) + 1]uint64
	Max     time.Duration
}

type holds struct {
	classes [len(heldBounds) + 1]atomic.Uint64
	max     atomic.Int64 // written by the FSM goroutine only
}

func (h *holds) add(d time.Duration) {
	class := 0
	for class < len(heldBounds) && d >= heldBounds[class] {
		class++
	}
	h.classes[class].Add(1)
	h.max.Store(max(h.max.Load(), int64(d)))
}

func (h *holds) stats() HeldStats {
	s := HeldStats{Max: time.Duration(h.max.Load())}
	for i := range h.classes {
		s.Classes[i] = h.classes[i].Load()
	}
	return s
}
