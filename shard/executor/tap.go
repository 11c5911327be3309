package executor

import (
	"slices"

	"github.com/holtcache/holt/proto/slot"
	"github.com/holtcache/holt/raftfsm/entry"
)

// Tap hears every change of the slots it was added for, in the order of the log, on the FSM goroutine and under the write
// lock of the slot, directly after the store has it. It must not block, and what it is given is lent.
type Tap interface {
	// EffectsLocked says that effects on a slot were applied.
	EffectsLocked(s slot.ID, effects []entry.Effect)
	// DroppedLocked says that a slot was emptied.
	DroppedLocked(s slot.ID)
}

// tap is a Tap with the slots it hears of.
type tap struct {
	Tap
	slots [slot.Count / 64]uint64
}

func (t *tap) hears(s slot.ID) bool { return t.slots[s/64]&(1<<(s%64)) != 0 }

// AddTap lets a tap hear of slots until remove is called, and is in force when it returns: whoever then looks at one of
// the slots under its lock hears of every change behind what he sees. Once remove has returned the tap hears nothing more.
// A snapshot that replaces the store is not told: no replica takes one while it leads. Neither is called with a slot's
// lock held.
func (e *Executor) AddTap(ranges []slot.Range, t Tap) (remove func()) {
	added := &tap{Tap: t}
	for _, r := range ranges {
		for s := int(r.First); s <= int(r.Last); s++ {
			added.slots[s/64] |= 1 << (s % 64)
		}
	}
	e.changeTaps(func(taps []*tap) []*tap { return append(taps, added) })
	return func() {
		e.changeTaps(func(taps []*tap) []*tap {
			return slices.DeleteFunc(taps, func(other *tap) bool { return other == added })
		})
		// The taps are looked up under the lock of a slot: whoever found this one has ended once the lock was free.
		for _, r := range ranges {
			for s := int(r.First); s <= int(r.Last); s++ {
				sl := e.store.Slot(slot.ID(s))
				sl.RLock()
				_ = sl.StateLocked() // that the lock was free is all there is to know
				sl.RUnlock()
			}
		}
	}
}

// changeTaps publishes a changed copy of the taps.
func (e *Executor) changeTaps(change func([]*tap) []*tap) {
	e.mu.Lock()
	defer e.mu.Unlock()
	var taps []*tap
	if old := e.taps.Load(); old != nil {
		taps = slices.Clone(*old)
	}
	if taps = change(taps); len(taps) == 0 {
		e.taps.Store(nil)
		return
	}
	e.taps.Store(&taps)
}

// tellTaps calls tell with each tap that hears of a slot.
func (e *Executor) tellTaps(s slot.ID, tell func(Tap)) {
	taps := e.taps.Load()
	if taps == nil {
		return
	}
	for _, t := range *taps {
		if t.hears(s) {
			tell(t.Tap)
		}
	}
}
