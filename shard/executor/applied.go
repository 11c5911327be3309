package executor

import (
	"bytes"

	"github.com/holtcache/holt/proto/slot"
	"github.com/holtcache/holt/raftfsm"
	"github.com/holtcache/holt/raftfsm/entry"
)

func idOf(h entry.Header) BatchID { return BatchID{h.Incarnation, h.Sequence} }

// SectionAppliedLocked forgets the pending values that have become the store's, in the same hold of the slot.
func (e *Executor) SectionAppliedLocked(h entry.Header, section *entry.Section) {
	e.overlay.slots[section.Slot].applied(idOf(h), section)
	e.tellTaps(section.Slot, func(t Tap) { t.EffectsLocked(section.Slot, section.Effects) })
	if e.cfg.Observer != nil {
		for i := range section.Effects {
			eff := &section.Effects[i]
			again := i > 0 && eff.OnField() && bytes.Equal(eff.Key, section.Effects[i-1].Key)
			if eff.Kind != entry.EffectDone && !again {
				e.cfg.Observer.KeyChanged(eff.Key)
			}
		}
	}
	for i := range section.Effects {
		eff := &section.Effects[i]
		switch {
		case eff.Kind != entry.EffectDel:
		case eff.Reason == entry.ReasonExpire:
			e.gone.expired++
		case eff.Reason == entry.ReasonEvict:
			e.gone.evicted++
		}
	}
}

// goneKeys counts the keys that the record at hand has deleted of itself. The state machine's goroutine owns it.
type goneKeys struct{ expired, evicted uint64 }

// SlotDroppedLocked does the same for a slot that was emptied.
func (e *Executor) SlotDroppedLocked(h entry.Header, s slot.ID) {
	e.overlay.slots[s].dropApplied(idOf(h))
	e.tellTaps(s, func(t Tap) { t.DroppedLocked(s) })
	if e.cfg.Observer != nil {
		e.cfg.Observer.SlotsChanged([]slot.Range{{First: s, Last: s}})
	}
}

// Applied settles everybody who waits for the record.
func (e *Executor) Applied(h entry.Header, index uint64) {
	e.clock.Observe(h.Time)
	e.appliedTime.Store(max(e.appliedTime.Load(), h.Time))
	gone := e.gone
	e.gone.expired, e.gone.evicted = 0, 0
	e.mu.Lock()
	e.applied = idOf(h)
	b := e.findLocked(e.applied)
	if b != nil {
		b.index = index
		e.removeLocked(b, verdictApplied)
	}
	e.settleMemory()
	e.mu.Unlock()
	if b != nil && b.control != nil && b.control.change != nil {
		e.changeApplied(b.control.change)
	}
	if b != nil { // decided here, so it counts here and at no other replica
		e.stats.expired.Add(gone.expired)
		e.stats.evicted.Add(gone.evicted)
		e.finish(b)
		e.Kick()
	}
}

// Skipped settles everybody who waits for the record: it is not applied and never will be.
func (e *Executor) Skipped(h entry.Header) {
	id := idOf(h)
	e.mu.Lock()
	b := e.findLocked(id)
	if b != nil {
		e.removeLocked(b, verdictNotApplied)
	}
	e.notes = append(e.notes, note{gap: &id})
	e.mu.Unlock()
	e.endTenureOf(id.Incarnation)
	e.stats.skipped.Add(1)
	if b != nil {
		e.finish(b)
	}
	e.Kick()
}

// Started ends every other incarnation: readiness goes at once, with what the overlay holds, and proposed batches that
// were not applied before never will be.
func (e *Executor) Started(start entry.ExecutorStart, term uint64, afterRelease bool, state raftfsm.State) {
	e.clock.Observe(state.Time)
	e.appliedTime.Store(state.Time)
	e.mu.Lock()
	e.tenure.Store(nil)
	e.handing.Store(&state.Handovers)
	e.applied = BatchID{Incarnation: state.Incarnation}
	var over []*batch
	for _, b := range append([]*batch(nil), e.batches...) {
		if b.proposed && b.id.Incarnation != state.Incarnation {
			e.removeLocked(b, verdictNotApplied)
			over = append(over, b)
		}
	}
	e.notes = append(e.notes, note{started: &startedNote{start: start, term: term, afterRelease: afterRelease, state: state}})
	e.mu.Unlock()
	e.signalChange()
	for _, b := range over {
		e.finish(b)
	}
	e.Kick()
}

// Restored settles what the snapshot covers: batches of its incarnation up to its sequence are applied. Of the others
// nothing is known.
func (e *Executor) Restored(state raftfsm.State) {
	e.endTenure()
	e.clock.Observe(state.Time)
	e.appliedTime.Store(state.Time)
	e.clearOverlay()
	e.settleMemory()
	e.handing.Store(&state.Handovers)
	e.mu.Lock()
	e.applied = BatchID{state.Incarnation, state.Sequence}
	var over []*batch
	for _, b := range append([]*batch(nil), e.batches...) {
		if !b.proposed {
			continue
		}
		v := verdictUnknown
		if b.id.Incarnation == state.Incarnation && b.id.Sequence <= state.Sequence {
			v = verdictApplied
		}
		e.removeLocked(b, v)
		over = append(over, b)
	}
	e.notes = append(e.notes, note{restored: &state})
	e.mu.Unlock()
	for _, b := range over {
		e.finish(b)
	}
	if e.cfg.Observer != nil {
		e.cfg.Observer.SlotsChanged([]slot.Range{{First: 0, Last: slot.Count - 1}})
	}
	e.Kick()
}
