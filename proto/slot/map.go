package slot

import (
	"cmp"
	"fmt"
	"slices"
)

// Map says which shard serves each slot. It is immutable: a change makes a new map with a higher epoch.
type Map struct {
	epoch  uint64
	owners [Count]ShardID
}

// Assignment gives a range of slots to a shard.
type Assignment struct {
	Range Range
	Shard ShardID
}

// NewMap builds the map of an epoch. Slots in no assignment belong to nobody; overlapping or invalid ranges are an error.
func NewMap(epoch uint64, assignments []Assignment) (*Map, error) {
	m := &Map{epoch: epoch}
	for _, a := range assignments {
		if !a.Range.Valid() || a.Shard == 0 {
			return nil, fmt.Errorf("slot map epoch %d: invalid assignment of slots %v to shard %d", epoch, a.Range, a.Shard)
		}
		for s := int(a.Range.First); s <= int(a.Range.Last); s++ {
			if m.owners[s] != 0 {
				return nil, fmt.Errorf("slot map epoch %d: slot %d belongs to shards %d and %d", epoch, s, m.owners[s], a.Shard)
			}
			m.owners[s] = a.Shard
		}
	}
	return m, nil
}

// Epoch is the version of the map, given by the meta group.
func (m *Map) Epoch() uint64 { return m.epoch }

// Owner is the shard that serves s, or 0 when nobody does.
func (m *Map) Owner(s ID) ShardID { return m.owners[s] }

// Assignments lists the owned slots as maximal ranges in slot order.
func (m *Map) Assignments() []Assignment {
	var out []Assignment
	for s := 0; s < Count; {
		first := s
		for s < Count && m.owners[s] == m.owners[first] {
			s++
		}
		if m.owners[first] != 0 {
			out = append(out, Assignment{Range{ID(first), ID(s - 1)}, m.owners[first]})
		}
	}
	return out
}

// Ranges lists the slots of one shard as maximal ranges in slot order.
func (m *Map) Ranges(shard ShardID) []Range {
	var out []Range
	for _, a := range m.Assignments() {
		if a.Shard == shard {
			out = append(out, a.Range)
		}
	}
	return out
}

// Complete tells whether every slot has an owner.
func (m *Map) Complete() bool { return !slices.Contains(m.owners[:], 0) }

// Normalize sorts ranges by first slot and joins neighbours, so that equal sets of slots have one form.
func Normalize(ranges []Range) []Range {
	sorted := slices.Clone(ranges)
	slices.SortFunc(sorted, func(a, b Range) int { return cmp.Compare(a.First, b.First) })
	var out []Range
	for _, r := range sorted {
		if n := len(out); n > 0 && int(r.First) <= int(out[n-1].Last)+1 {
			out[n-1].Last = max(out[n-1].Last, r.Last)
			continue
		}
		out = append(out, r)
	}
	return out
}
