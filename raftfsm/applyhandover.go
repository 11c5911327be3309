package raftfsm

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/holtcache/holt/proto/slot"
	"github.com/holtcache/holt/raftfsm/entry"
	"github.com/holtcache/holt/raftfsm/store"
)

// applyHandover applies a record of a hand-over. One that does not fit the state (it comes late, twice, or for slots that are not
// in the state it needs) changes nothing, on all replicas alike.
func (f *FSM) applyHandover(kind entry.Kind, body []byte, index uint64, state *State) error {
	switch kind {
	case entry.KindFreeze:
		return with(body, state, entry.DecodeFreeze, f.freeze)
	case entry.KindUnfreeze:
		return with(body, state, entry.DecodeUnfreeze, f.unfreeze)
	case entry.KindDrop:
		return with(body, state, entry.DecodeDrop, f.drop)
	case entry.KindImport:
		return with(body, state, entry.DecodeImport, f.importSlots)
	case entry.KindChunk:
		err := entry.DecodeChunkInto(body, &f.chunk)
		if err == nil {
			f.take(&f.chunk, index, state)
		}
		f.chunk.Forget()
		return err
	case entry.KindActivate:
		return with(body, state, entry.DecodeActivate, f.activate)
	case entry.KindDiscard:
		return with(body, state, entry.DecodeDiscard, f.discard)
	case entry.KindMigrationEnd:
		return with(body, state, entry.DecodeMigrationEnd, f.noteEnd)
	}
	return fmt.Errorf("record kind %d is none of a hand-over", kind)
}

// with applies what body says, if it can be read.
func with[R any](body []byte, state *State, decode func([]byte) (R, error), apply func(R, *State)) error {
	r, err := decode(body)
	if err == nil {
		apply(r, state)
	}
	return err
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

// contains finds a slot in ranges in ascending order.
func contains(ranges []slot.Range, s slot.ID) bool {
	i, _ := slices.BinarySearchFunc(ranges, s, func(r slot.Range, s slot.ID) int { return cmp.Compare(r.Last, s) })
	return i < len(ranges) && ranges[i].Contains(s)
}

// keysOf tells what becomes of the keys of slots whose state changes, and with them of the results of requests.
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
			if keys == dropKeys {
				f.store.Sessions().DropLocked(slot.ID(s))
			}
			sl.SetStateLocked(state)
			sl.Unlock()
		}
	}
}
