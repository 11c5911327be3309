package raftfsm

import (
	"cmp"
	"slices"

	"github.com/holtcache/holt/proto/slot"
	"github.com/holtcache/holt/raftfsm/entry"
)

// Side tells which part a shard has in a hand-over.
type Side uint8

const (
	// SideSource gives slots away: they are frozen.
	SideSource Side = 1
	// SideTarget takes slots over: they are being imported.
	SideTarget Side = 2
)

// Handover is a hand-over of slots that has begun at this shard and not ended.
type Handover struct {
	Migration uint64
	Side      Side
	// Other is the shard on the other side.
	Other  slot.ShardID
	Ranges []slot.Range

	// FreezeVersion is the source's version counter when it froze the slots.
	FreezeVersion uint64

	// Attempt is the latest stream of chunks that the target knows, Next the chunk of it that comes next.
	Attempt entry.Attempt
	Next    uint64
	// Final tells that the target has everything; then FinalVersion and FinalTime are the source's version counter and
	// clock, and FinalIndex is the log index of the final chunk.
	Final        bool
	FinalVersion uint64
	FinalTime    int64
	FinalIndex   uint64
}

// Handover finds the hand-over of a migration.
func (s State) Handover(migration uint64) (Handover, bool) {
	i, ok := s.findHandover(migration)
	if !ok {
		return Handover{}, false
	}
	return s.Handovers[i], true
}

// EndedAt is the highest id of a migration that has ended at a slot, 0 for none.
func (s State) EndedAt(id slot.ID) uint64 { return s.ended.at(id) }

// EndedFor is the lowest and the highest EndedAt of slots. A migration of these slots has ended here if lowest is at least its
// id, and may begin here if highest is less.
func (s State) EndedFor(ranges []slot.Range) (lowest, highest uint64) { return s.ended.of(ranges) }

func (s *State) findHandover(migration uint64) (int, bool) {
	return slices.BinarySearchFunc(s.Handovers, migration, func(h Handover, id uint64) int { return cmp.Compare(h.Migration, id) })
}

// putHandover enters a hand-over or replaces it. Readers keep the list they have.
func (s *State) putHandover(h Handover) {
	i, found := s.findHandover(h.Migration)
	list := slices.Clone(s.Handovers)
	if found {
		list[i] = h
	} else {
		list = slices.Insert(list, i, h)
	}
	s.Handovers = list
}

// endHandover forgets a hand-over and notes its end for each of its slots.
func (s *State) endHandover(h *Handover) {
	i, _ := s.findHandover(h.Migration)
	if s.Handovers = slices.Delete(slices.Clone(s.Handovers), i, i+1); len(s.Handovers) == 0 {
		s.Handovers = nil
	}
	s.ended = s.ended.raise(h.Migration, h.Ranges, func(slot.ID) bool { return true })
}
