package raftfsm

import (
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

func contains(ranges []slot.Range, s slot.ID) bool {
	for _, r := range ranges {
		if r.Contains(s) {
			return true
		}
	}
	return false
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
