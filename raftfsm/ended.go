package raftfsm

import (
	"slices"

	"github.com/holtcache/holt/proto/slot"
)

// endedSlots is, for each slot, the highest id of a migration that has ended there, as runs of slots with the same id in
// ascending order; slots in no run have seen none. It is immutable. A shard's slots come and go in ranges, so runs are few.
type endedSlots []endedRun

type endedRun struct {
	slot.Range
	migration uint64
}

// at is the highest migration that has ended at a slot, 0 for none.
func (e endedSlots) at(s slot.ID) uint64 {
	i, ok := slices.BinarySearchFunc(e, s, func(r endedRun, s slot.ID) int {
		switch {
		case r.Last < s:
			return -1
		case r.First > s:
			return 1
		}
		return 0
	})
	if !ok {
		return 0
	}
	return e[i].migration
}

// of is the lowest and the highest of what has ended at slots; both are 0 for no slot.
func (e endedSlots) of(ranges []slot.Range) (lowest, highest uint64) {
	first := true
	for _, r := range ranges {
		for s := int(r.First); s <= int(r.Last); s++ {
			id := e.at(slot.ID(s))
			if first || id < lowest {
				lowest = id
			}
			highest, first = max(highest, id), false
		}
	}
	return lowest, highest
}

// raise notes that a migration has ended at slots for which note is true.
func (e endedSlots) raise(migration uint64, ranges []slot.Range, note func(slot.ID) bool) endedSlots {
	ids := new([slot.Count]uint64) // 128 KiB, for this moment only
	for _, run := range e {
		for s := int(run.First); s <= int(run.Last); s++ {
			ids[s] = run.migration
		}
	}
	for _, r := range ranges {
		for s := int(r.First); s <= int(r.Last); s++ {
			if note(slot.ID(s)) {
				ids[s] = max(ids[s], migration)
			}
		}
	}
	return endedOf(ids)
}

func endedOf(ids *[slot.Count]uint64) (runs endedSlots) {
	for s := 0; s < slot.Count; {
		first := s
		for s < slot.Count && ids[s] == ids[first] {
			s++
		}
		if ids[first] != 0 {
			runs = append(runs, endedRun{slot.Range{First: slot.ID(first), Last: slot.ID(s - 1)}, ids[first]})
		}
	}
	return slices.Clip(runs)
}
