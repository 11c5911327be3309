package raftfsm

import (
	"fmt"
	"sync"
	"time"

	"github.com/hashicorp/raft"

	"github.com/holtcache/holt/proto/slot"
	"github.com/holtcache/holt/raftfsm/entry"
	"github.com/holtcache/holt/raftfsm/store"
)

// VersionGap is by how much an ExecutorStart raises the version counter: more than batches that were dropped can have
// used, so that no version is given out twice, not even one of a write that was lost.
const VersionGap = 1 << 20

// State is what a shard's replicas remember beside the keys. All of it is in the snapshot.
type State struct {
	// Applied and AppliedTerm are index and term of the last entry that reached the state machine.
	Applied, AppliedTerm uint64
	// Incarnation is the log index of the last ExecutorStart, Sequence that of the last record applied in it.
	Incarnation, Sequence uint64
	// Version is the highest version given out so far.
	Version uint64
	// Time is that of the last applied record, in milliseconds since the Unix epoch.
	Time int64
	// Released tells that the last sequenced record is a LEASE_RELEASE.
	Released bool
	// Assigned tells that the shard's first slots were given to it: that happens once, whatever it owns later.
	Assigned bool
	// Handovers are the hand-overs of slots under way here, by ascending migration. The list is immutable.
	Handovers []Handover
	// ended is where which migrations have ended, so that no late record of one begins it again.
	ended endedSlots
}

// FSM is the state machine of one replica of one shard.
type FSM struct {
	group    uint64
	store    *store.Store
	listener Listener

	batch entry.Batch // decoding space of the FSM goroutine, as is chunk
	chunk entry.Chunk

	snapshots snapshots

	mu    sync.Mutex // protects state; held for a copy
	state State
}

var _ raft.BatchingFSM = (*FSM)(nil)

// New returns the state machine of a group over its store. The listener hears of everything that is applied.
func New(group uint64, st *store.Store, listener Listener) *FSM {
	return &FSM{group: group, store: st, listener: listener, snapshots: snapshots{stop: make(chan struct{})}}
}

// State returns a copy of the state as of the last applied entry.
func (f *FSM) State() State {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.state
}

func (f *FSM) setState(s State) {
	f.mu.Lock()
	f.state = s
	f.mu.Unlock()
}

// Apply applies one entry.
func (f *FSM) Apply(log *raft.Log) any { return f.ApplyBatch([]*raft.Log{log})[0] }

// ApplyBatch applies committed entries in order. Configuration entries come too and only move the applied index.
// It panics on an entry that no replica can read alike: stopping beats diverging.
func (f *FSM) ApplyBatch(logs []*raft.Log) []any {
	for _, log := range logs {
		state := f.state // only this goroutine writes it
		if log.Index <= state.Applied {
			panic(fmt.Sprintf("group %d: entry %d applied after entry %d", f.group, log.Index, state.Applied))
		}
		state.Applied, state.AppliedTerm = log.Index, log.Term
		if log.Type != raft.LogCommand {
			f.setState(state)
			continue
		}
		f.applyRecord(log, state)
	}
	return make([]any, len(logs))
}

// applyRecord applies one record to the store, then publishes the state, then tells the listener.
func (f *FSM) applyRecord(log *raft.Log, state State) {
	header, body, err := entry.DecodeHeader(log.Data)
	if err != nil {
		panic(fmt.Sprintf("group %d, log index %d: %v", f.group, log.Index, err))
	}
	if header.Kind == entry.KindExecutorStart {
		f.start(log, header, body, state)
		return
	}
	if header.Incarnation != state.Incarnation || header.Sequence != state.Sequence+1 {
		f.setState(state)
		f.listener.Skipped(header)
		return
	}
	state.Sequence = header.Sequence
	state.Time = max(state.Time, header.Time)
	handover := false
	state.Released = false
	switch header.Kind {
	case entry.KindBatch:
		err = entry.DecodeBatch(body, &f.batch)
		if err == nil {
			state.Version = max(state.Version, f.batch.Version)
			f.applyBatch(header, state.Time)
		}
		f.batch.Forget()
	case entry.KindLeaseRelease:
		err = entry.DecodeLeaseRelease(body)
		state.Released = true
	case entry.KindOwn:
		err = with(body, &state, entry.DecodeOwn, f.own)
		state.Assigned = true
	case entry.KindFreeze, entry.KindUnfreeze, entry.KindDrop, entry.KindImport, entry.KindChunk, entry.KindActivate, entry.KindDiscard, entry.KindMigrationEnd:
		handover = true
		err = f.applyHandover(header.Kind, body, log.Index, &state)
	default:
		err = fmt.Errorf("record kind %d is unknown to this program: run the newer program", header.Kind)
	}
	if err != nil {
		panic(fmt.Sprintf("group %d, log index %d: %v", f.group, log.Index, err))
	}
	f.setState(state)
	if handover {
		f.listener.HandoverChanged(state)
	}
	f.listener.Applied(header, log.Index)
}

func (f *FSM) start(log *raft.Log, header entry.Header, body []byte, state State) {
	start, err := entry.DecodeExecutorStart(body)
	if err != nil {
		panic(fmt.Sprintf("group %d, log index %d: %v", f.group, log.Index, err))
	}
	afterRelease := state.Released
	state.Incarnation, state.Sequence = log.Index, 0
	state.Version += VersionGap
	state.Time = max(state.Time, header.Time)
	state.Released = false
	f.setState(state)
	f.listener.Started(start, log.Term, afterRelease, state)
}

// applyBatch holds each slot once: drops, effects and the listener's part of one slot are seen together or not at all.
func (f *FSM) applyBatch(header entry.Header, now int64) {
	for _, r := range f.batch.Drops {
		for s := int(r.First); s <= int(r.Last); s++ {
			if f.sectionOf(slot.ID(s)) == nil {
				f.applySlot(header, slot.ID(s), true, nil, now)
			}
		}
	}
	for i := range f.batch.Sections {
		section := &f.batch.Sections[i]
		f.applySlot(header, section.Slot, f.dropped(section.Slot), section, now)
	}
}

func (f *FSM) applySlot(header entry.Header, id slot.ID, drop bool, section *entry.Section, now int64) {
	sl := f.store.Slot(id)
	f.lock(sl)
	defer sl.Unlock()
	f.mustBeServed(header, sl, id, section)
	if drop {
		f.snapshots.changes.Add(uint64(sl.LenLocked()))
		sl.DropLocked()
		f.listener.SlotDroppedLocked(header, id)
	}
	if section == nil {
		return
	}
	f.applyEffectsLocked(sl, id, section.Effects, now)
	f.snapshots.changes.Add(uint64(len(section.Effects)))
	f.listener.SectionAppliedLocked(header, section)
}

// mustBeServed panics where a batch touches a slot that the shard does not serve: the executor that sequenced it knew the slot's
// state. Emptying a slot that the shard does not have at all is no harm: FLUSHALL of older programs names all slots.
func (f *FSM) mustBeServed(header entry.Header, sl *store.Slot, id slot.ID, section *entry.Section) {
	state := sl.StateLocked()
	if state != store.SlotOwned && (section != nil || state != store.SlotNotOwned) {
		panic(fmt.Sprintf("group %d: batch %d of incarnation %d changes slot %d, which is in state %d", f.group, header.Sequence, header.Incarnation, id, state))
	}
}

// lock locks a slot to write to it. Where a snapshot needs the slot as it is, the time of keeping it counts.
func (f *FSM) lock(sl *store.Slot) {
	sl.Lock()
	if !sl.FreezeDueLocked() {
		return
	}
	began := time.Now()
	sl.FreezeLocked()
	f.snapshots.held.add(time.Since(began))
}

// sectionOf finds the section of a slot. It is searched for dropped slots only, in batches that have few sections.
func (f *FSM) sectionOf(id slot.ID) *entry.Section {
	for i := range f.batch.Sections {
		if f.batch.Sections[i].Slot == id {
			return &f.batch.Sections[i]
		}
	}
	return nil
}

func (f *FSM) dropped(id slot.ID) bool {
	for _, r := range f.batch.Drops {
		if r.Contains(id) {
			return true
		}
	}
	return false
}

// own gives the shard its first slots: those that it does not have by a hand-over, and has not given away by one.
func (f *FSM) own(ranges []slot.Range, state *State) {
	var free []slot.Range
	for _, r := range ranges {
		for s := int(r.First); s <= int(r.Last); s++ {
			if id := slot.ID(s); f.slotState(id) == store.SlotNotOwned && state.EndedAt(id) == 0 {
				free = append(free, slot.Range{First: id, Last: id})
			}
		}
	}
	f.setSlots(free, store.SlotOwned, keepKeys)
}
