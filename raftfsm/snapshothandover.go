package raftfsm

import (
	"fmt"
	"hash/crc64"

	"google.golang.org/protobuf/proto"

	storagev1 "github.com/holtcache/holt/proto/holt/storage/v1"
	"github.com/holtcache/holt/proto/slot"
	"github.com/holtcache/holt/raftfsm/entry"
	"github.com/holtcache/holt/raftfsm/store"
)

func (h *Handover) message() *storagev1.SnapshotHandover {
	return &storagev1.SnapshotHandover{
		Migration: h.Migration, Side: uint32(h.Side), Other: uint64(h.Other), Slots: rangeMessages(h.Ranges), FreezeVersion: h.FreezeVersion,
		AttemptIncarnation: h.Attempt.Incarnation, AttemptCounter: h.Attempt.Counter, Next: h.Next,
		Final: h.Final, FinalVersion: h.FinalVersion, FinalTimeMs: h.FinalTime, FinalIndex: h.FinalIndex,
	}
}

// Digest is a number that is equal for equal hand-overs under way and ended, 0 where there was none. The store's digest has the
// states of slots.
func (s State) Digest() uint64 {
	data, err := proto.MarshalOptions{Deterministic: true}.Marshal(s.handoverHeader(&storagev1.SnapshotHeader{}))
	if err != nil {
		panic(err) // it is made of numbers
	}
	return crc64.Checksum(data, crc64.MakeTable(crc64.ECMA))
}

// handoverHeader enters hand-overs into the header of a snapshot.
func (s State) handoverHeader(h *storagev1.SnapshotHeader) *storagev1.SnapshotHeader {
	h.Ended = s.ended.messages()
	for i := range s.Handovers {
		h.Handovers = append(h.Handovers, s.Handovers[i].message())
	}
	return h
}

// slotState is the state of the hand-over's slots.
func (h *Handover) slotState() store.SlotState {
	if h.Side == SideSource {
		return store.SlotFrozen
	}
	return store.SlotImporting
}

func rangeMessages(ranges []slot.Range) (messages []*storagev1.SlotRange) {
	for _, r := range ranges {
		messages = append(messages, &storagev1.SlotRange{First: uint32(r.First), Last: uint32(r.Last)})
	}
	return messages
}

// rangesOf reads slots in ascending order; what says where they stand.
func rangesOf(messages []*storagev1.SlotRange, what string) (ranges []slot.Range, err error) {
	next := uint32(0)
	for _, m := range messages {
		if m.GetFirst() < next || m.GetFirst() > m.GetLast() || m.GetLast() >= slot.Count {
			return nil, fmt.Errorf("%w: %s slots %d-%d", ErrBadSnapshot, what, m.GetFirst(), m.GetLast())
		}
		next = m.GetLast() + 1
		ranges = append(ranges, slot.Range{First: slot.ID(m.GetFirst()), Last: slot.ID(m.GetLast())})
	}
	return ranges, nil
}

func handoverOf(m *storagev1.SnapshotHandover) (h Handover, err error) {
	ranges, err := rangesOf(m.Slots, "handed over")
	side := Side(m.Side)
	known := uint32(side) == m.Side && (side == SideSource || side == SideTarget)
	if err == nil && (len(ranges) == 0 || m.Migration == 0 || !known || m.FinalTimeMs < 0) {
		err = fmt.Errorf("%w: hand-over of migration %d, side %d, slots %v", ErrBadSnapshot, m.Migration, m.Side, ranges)
	}
	return Handover{
		Migration: m.Migration, Side: side, Other: slot.ShardID(m.Other), Ranges: ranges, FreezeVersion: m.FreezeVersion,
		Attempt: entry.Attempt{Incarnation: m.AttemptIncarnation, Counter: m.AttemptCounter}, Next: m.Next,
		Final: m.Final, FinalVersion: m.FinalVersion, FinalTime: m.FinalTimeMs, FinalIndex: m.FinalIndex,
	}, err
}

// handoversOf reads the hand-overs of a snapshot, and the state that each slot has by them.
func handoversOf(messages []*storagev1.SnapshotHandover) (list []Handover, states *[slot.Count]store.SlotState, err error) {
	states = new([slot.Count]store.SlotState)
	for _, m := range messages {
		h, err := handoverOf(m)
		if err != nil {
			return nil, nil, err
		}
		if n := len(list); n > 0 && list[n-1].Migration >= h.Migration {
			return nil, nil, fmt.Errorf("%w: hand-over of migration %d behind that of %d", ErrBadSnapshot, h.Migration, list[n-1].Migration)
		}
		if err := enter(states, h.Ranges, h.slotState()); err != nil {
			return nil, nil, err
		}
		list = append(list, h)
	}
	return list, states, nil
}

// enter gives slots a state that they may have only once.
func enter(states *[slot.Count]store.SlotState, ranges []slot.Range, state store.SlotState) error {
	for _, r := range ranges {
		for s := int(r.First); s <= int(r.Last); s++ {
			if states[s] != store.SlotNotOwned {
				return fmt.Errorf("%w: slot %d is in states %d and %d", ErrBadSnapshot, s, states[s], state)
			}
			states[s] = state
		}
	}
	return nil
}

// slotStatesOf reads the states of all slots. Those of hand-overs have to be what the hand-overs say.
func slotStatesOf(footer *storagev1.SnapshotFooter, handedOver *[slot.Count]store.SlotState) (*[slot.Count]store.SlotState, error) {
	states := new([slot.Count]store.SlotState)
	for _, x := range []struct {
		messages []*storagev1.SlotRange
		state    store.SlotState
		what     string
	}{{footer.Owned, store.SlotOwned, "owned"}, {footer.Frozen, store.SlotFrozen, "frozen"}, {footer.Importing, store.SlotImporting, "importing"}} {
		ranges, err := rangesOf(x.messages, x.what)
		if err == nil {
			err = enter(states, ranges, x.state)
		}
		if err != nil {
			return nil, err
		}
	}
	for s, state := range states {
		if by := handedOver[s]; by != state && (by != store.SlotNotOwned || state != store.SlotOwned) {
			return nil, fmt.Errorf("%w: slot %d is in state %d, by its hand-over in state %d", ErrBadSnapshot, s, state, by)
		}
	}
	return states, nil
}

func (e endedSlots) messages() (messages []*storagev1.SnapshotEnded) {
	for _, run := range e {
		messages = append(messages, &storagev1.SnapshotEnded{Slots: &storagev1.SlotRange{First: uint32(run.First), Last: uint32(run.Last)}, Migration: run.migration})
	}
	return messages
}

func endedSlotsOf(messages []*storagev1.SnapshotEnded) (endedSlots, error) {
	ids := new([slot.Count]uint64)
	all := make([]*storagev1.SlotRange, len(messages))
	for i, m := range messages {
		if all[i] = m.Slots; m.Slots == nil || m.Migration == 0 {
			return nil, fmt.Errorf("%w: migration %d has ended at slots %v", ErrBadSnapshot, m.Migration, m.Slots)
		}
	}
	ranges, err := rangesOf(all, "ended")
	for i, r := range ranges {
		for s := int(r.First); s <= int(r.Last); s++ {
			ids[s] = messages[i].Migration
		}
	}
	return endedOf(ids), err
}
