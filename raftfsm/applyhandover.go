package raftfsm

import (
	"fmt"

	"github.com/holtcache/holt/proto/slot"
	"github.com/holtcache/holt/raftfsm/entry"
	"github.com/holtcache/holt/raftfsm/store"
)

// applyHandover applies a record of a hand-over. One that does not fit the state (it comes late, twice, or for slots that are not
// in the state it needs) changes nothing, on all replicas alike.
func (f *FSM) applyHandover(kind entry.Kind, body []byte, index uint64, state *State) error {
	switch kind {
	case entry.KindFreeze:
		r, err := entry.DecodeFreeze(body)
		f.freeze(r, state)
		return err
	case entry.KindUnfreeze:
		r, err := entry.DecodeUnfreeze(body)
		f.unfreeze(r, state)
		return err
	case entry.KindDrop:
		r, err := entry.DecodeDrop(body)
		f.drop(r, state)
		return err
	case entry.KindImport:
		r, err := entry.DecodeImport(body)
		f.importSlots(r, state)
		return err
	case entry.KindChunk:
		c, err := entry.DecodeChunk(body)
		if err != nil {
			return err
		}
		f.take(&c, index, state)
	case entry.KindActivate:
		r, err := entry.DecodeActivate(body)
		f.activate(r, state)
		return err
	case entry.KindDiscard:
		r, err := entry.DecodeDiscard(body)
		f.discard(r, state)
		return err
	case entry.KindMigrationEnd:
		r, err := entry.DecodeMigrationEnd(body)
		f.noteEnd(r, state)
		return err
	}
	return nil
}

// mayBegin tells whether a migration may begin here: it has not ended at any of the slots, and all are in the state it needs.
func (f *FSM) mayBegin(state *State, migration uint64, ranges []slot.Range, want store.SlotState) bool {
	if _, highest := state.EndedFor(ranges); len(ranges) == 0 || migration <= highest {
		return false
	}
	if _, open := state.findHandover(migration); open {
		return false
	}
	for _, r := range ranges {
		for s := int(r.First); s <= int(r.Last); s++ {
			if f.slotState(slot.ID(s)) != want {
				return false
			}
		}
	}
	return true
}

// slotState reads without waiting for readers: only this goroutine writes.
func (f *FSM) slotState(id slot.ID) store.SlotState {
	sl := f.store.Slot(id)
	sl.RLock()
	defer sl.RUnlock()
	return sl.StateLocked()
}

func (f *FSM) freeze(r entry.Freeze, state *State) {
	if !f.mayBegin(state, r.Migration, r.Ranges, store.SlotOwned) {
		return
	}
	f.setSlots(r.Ranges, store.SlotFrozen, keepKeys)
	state.putHandover(Handover{Migration: r.Migration, Side: SideSource, Other: r.To, Ranges: r.Ranges, FreezeVersion: state.Version})
}

func (f *FSM) unfreeze(r entry.Unfreeze, state *State) {
	if h, ok := state.Handover(r.Migration); ok && h.Side == SideSource {
		f.setSlots(h.Ranges, store.SlotOwned, keepKeys)
		state.endHandover(&h)
	}
}

func (f *FSM) drop(r entry.Drop, state *State) {
	if h, ok := state.Handover(r.Migration); ok && h.Side == SideSource {
		f.setSlots(h.Ranges, store.SlotNotOwned, dropKeys)
		state.endHandover(&h)
	}
}

func (f *FSM) importSlots(r entry.Import, state *State) {
	if !f.mayBegin(state, r.Migration, r.Ranges, store.SlotNotOwned) {
		return
	}
	f.setSlots(r.Ranges, store.SlotImporting, dropKeys)
	state.putHandover(Handover{Migration: r.Migration, Side: SideTarget, Other: r.From, Ranges: r.Ranges})
}

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
		for j := range p.Items {
			if slot.Of(p.Items[j].Key) != p.Slot {
				return fmt.Errorf("migration %d: a key of slot %d comes as one of slot %d", c.Migration, slot.Of(p.Items[j].Key), p.Slot)
			}
		}
		for j := range p.Effects {
			if slot.Of(p.Effects[j].Key) != p.Slot {
				return fmt.Errorf("migration %d: a key of slot %d comes as one of slot %d", c.Migration, slot.Of(p.Effects[j].Key), p.Slot)
			}
		}
	}
	return nil
}

func contains(ranges []slot.Range, s slot.ID) bool {
	for _, r := range ranges {
		if r.Contains(s) {
			return true
		}
	}
	return false
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
		f.takePart(&c.Parts[i])
	}
	if c.Final {
		h.Final, h.FinalVersion, h.FinalTime, h.FinalIndex = true, c.Version, c.Time, index
	}
	state.putHandover(h)
}

func (f *FSM) takePart(p *entry.Part) {
	sl := f.store.Slot(p.Slot)
	f.lock(sl)
	defer sl.Unlock()
	if p.Drop {
		f.snapshots.changes.Add(uint64(sl.LenLocked()))
		sl.DropLocked()
	}
	for i := range p.Items {
		it := &p.Items[i]
		sl.PutLocked(it.Key, &store.Item{Value: it.Value, Type: it.Type, Access: store.Access(it.Access), ExpireAt: it.ExpireAt, Version: it.Version})
	}
	// A part of a value, or an expiry, may come before the key itself was copied. The copy has it.
	for i := range p.Effects {
		sl.ApplyLocked(&p.Effects[i])
	}
	f.snapshots.changes.Add(uint64(len(p.Items) + len(p.Effects)))
}

// activate makes the target the owner. Its versions go on above the source's.
func (f *FSM) activate(r entry.Activate, state *State) {
	h, ok := state.Handover(r.Migration)
	if !ok || h.Side != SideTarget || !h.Final {
		return
	}
	f.setSlots(h.Ranges, store.SlotOwned, keepKeys)
	state.Version = max(state.Version, h.FinalVersion) + 1
	state.Time = max(state.Time, h.FinalTime)
	state.endHandover(&h)
}

func (f *FSM) discard(r entry.Discard, state *State) {
	if h, ok := state.Handover(r.Migration); ok && h.Side == SideTarget {
		f.setSlots(h.Ranges, store.SlotNotOwned, dropKeys)
		state.endHandover(&h)
	}
}

// noteEnd notes the end of a migration at slots that have no part in it.
func (f *FSM) noteEnd(r entry.MigrationEnd, state *State) {
	h, _ := state.Handover(r.Migration)
	state.ended = state.ended.raise(r.Migration, r.Ranges, func(id slot.ID) bool { return !contains(h.Ranges, id) })
}

// keysOf tells what becomes of the keys of slots whose state changes.
type keysOf uint8

const (
	keepKeys keysOf = 1
	dropKeys keysOf = 2
)

func (f *FSM) setSlots(ranges []slot.Range, state store.SlotState, keys keysOf) {
	for _, r := range ranges {
		for s := int(r.First); s <= int(r.Last); s++ {
			sl := f.store.Slot(slot.ID(s))
			f.lock(sl)
			if n := sl.LenLocked(); keys == dropKeys && n > 0 {
				f.snapshots.changes.Add(uint64(n))
				sl.DropLocked()
			}
			sl.SetStateLocked(state)
			sl.Unlock()
		}
	}
}
