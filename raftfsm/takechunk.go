package raftfsm

import (
	"fmt"

	"github.com/holtcache/holt/proto/slot"
	"github.com/holtcache/holt/raftfsm/entry"
	"github.com/holtcache/holt/raftfsm/store"
)

// Takes tells why a chunk changes nothing at the target of a hand-over, nil if it does not: only chunk 0 begins a new
// attempt, chunks of an attempt come in sequence, and nothing comes after the final one.
func (h *Handover) Takes(c *entry.Chunk) error {
	switch {
	case h.Side != SideTarget || h.Migration != c.Migration:
		return fmt.Errorf("migration %d takes no chunks here", c.Migration)
	case h.Final:
		return fmt.Errorf("migration %d has its final chunk", c.Migration)
	case c.Attempt.After(h.Attempt) && c.Sequence != 0:
		return fmt.Errorf("migration %d: attempt %v begins with chunk %d, want 0", c.Migration, c.Attempt, c.Sequence)
	case h.Attempt.After(c.Attempt):
		return fmt.Errorf("migration %d: attempt %v comes after attempt %v", c.Migration, c.Attempt, h.Attempt)
	case c.Attempt == h.Attempt && c.Sequence != h.Next:
		return fmt.Errorf("migration %d: chunk %d of attempt %v comes, want %d", c.Migration, c.Sequence, c.Attempt, h.Next)
	}
	return h.takesParts(c)
}

// takesParts keeps slots that are none of the migration's, and keys of other slots, from being written to.
func (h *Handover) takesParts(c *entry.Chunk) error {
	for i := range c.Parts {
		p := &c.Parts[i]
		if !contains(h.Ranges, p.Slot) {
			return fmt.Errorf("migration %d: slot %d is none of its slots", c.Migration, p.Slot)
		}
		if s, ok := foreignKey(p); ok {
			return fmt.Errorf("migration %d: a key of slot %d comes as one of slot %d", c.Migration, s, p.Slot)
		}
	}
	return nil
}

// foreignKey finds a key in a part that is of another slot, and says of which.
func foreignKey(p *entry.Part) (slot.ID, bool) {
	for i := range p.Items {
		if s := slot.Of(p.Items[i].Key); s != p.Slot {
			return s, true
		}
	}
	for i := range p.Effects {
		if s := slot.Of(p.Effects[i].Key); s != p.Slot && p.Effects[i].Kind != entry.EffectDone {
			return s, true
		}
	}
	return 0, false
}

// take applies a chunk. What the target has of the slots stands in the store already, where nobody reads it.
func (f *FSM) take(c *entry.Chunk, index uint64, state *State) {
	h, ok := state.Handover(c.Migration)
	if !ok || h.Takes(c) != nil {
		return
	}
	if c.Attempt != h.Attempt {
		f.setSlots(h.Ranges, store.SlotImporting, dropKeys)
		h.Attempt, h.Next = c.Attempt, 0
	}
	h.Next++
	for i := range c.Parts {
		f.takePart(&c.Parts[i], state.Time)
	}
	if c.Final {
		h.Final, h.FinalVersion, h.FinalTime, h.FinalIndex = true, c.Version, c.Time, index
	}
	state.putHandover(h)
}

func (f *FSM) takePart(p *entry.Part, now int64) {
	sl := f.store.Slot(p.Slot)
	f.lock(sl)
	defer sl.Unlock()
	if p.Drop {
		f.snapshots.changes.Add(uint64(sl.LenLocked()))
		sl.DropLocked()
	}
	for i := range p.Items {
		it := &p.Items[i]
		sl.PutLocked(it.Key, &store.Item{Value: it.Value, Type: it.Type, Part: it.Part, Access: store.Access(it.Access), ExpireAt: it.ExpireAt, Version: it.Version})
	}
	// A part of a value, or an expiry, may come before the key itself was copied. The copy has it.
	f.applyEffectsLocked(sl, p.Slot, p.Effects, now)
	f.snapshots.changes.Add(uint64(len(p.Items) + len(p.Effects)))
}
