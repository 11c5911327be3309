package meta

import (
	"iter"

	"github.com/holtcache/holt/proto/slot"
)

// slotsOf are the slots of ranges, range by range.
func slotsOf(ranges []slot.Range) iter.Seq[slot.ID] {
	return func(yield func(slot.ID) bool) {
		for _, r := range ranges {
			for id := int(r.First); id <= int(r.Last); id++ {
				if !yield(slot.ID(id)) {
					return
				}
			}
		}
	}
}

// withSlots is the ranges together with more.
func withSlots(ranges, more []slot.Range) []slot.Range {
	return slot.Normalize(append(append([]slot.Range(nil), ranges...), more...))
}

// withoutSlots is the ranges without those slots of less that are in them.
func withoutSlots(ranges, less []slot.Range) []slot.Range {
	var in [slot.Count]bool
	for id := range slotsOf(ranges) {
		in[id] = true
	}
	for id := range slotsOf(less) {
		in[id] = false
	}
	var out []slot.Range
	for first := 0; first < slot.Count; first++ {
		if !in[first] {
			continue
		}
		last := first
		for last+1 < slot.Count && in[last+1] {
			last++
		}
		out = append(out, slot.Range{First: slot.ID(first), Last: slot.ID(last)})
		first = last
	}
	return out
}
