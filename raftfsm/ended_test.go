package raftfsm

import (
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/holtcache/holt/proto/slot"
)

// Random notes against an array with a place for each slot. What was read before stays as it was, and equal neighbours
// are one run.
func TestEndedSlotsEqualAPlainArray(t *testing.T) {
	seed := rand.Uint64()
	r := rand.New(rand.NewPCG(seed, 1))
	var plain [slot.Count]uint64
	var ended endedSlots
	for step := range 60 {
		id := uint64(1 + r.IntN(50))
		var ranges []slot.Range
		for range 1 + r.IntN(3) {
			first := r.IntN(slot.Count)
			ranges = append(ranges, slot.Range{First: slot.ID(first), Last: slot.ID(min(slot.Count-1, first+r.IntN(1000)))})
		}
		ranges = slot.Normalize(ranges)
		odd := r.IntN(4) == 0 // leave some out
		note := func(s slot.ID) bool { return !odd || s%2 == 1 }
		before, kept := ended, slices.Clone(ended)
		ended = ended.raise(id, ranges, note)
		if !slices.Equal(before, kept) {
			t.Fatalf("seed %d step %d: the runs that were there have changed", seed, step)
		}
		for s := range plain {
			if contains(ranges, slot.ID(s)) && note(slot.ID(s)) {
				plain[s] = max(plain[s], id)
			}
			if got := ended.at(slot.ID(s)); got != plain[s] {
				t.Fatalf("seed %d step %d: at slot %d ended %d, want %d", seed, step, s, got, plain[s])
			}
		}
		lowest, highest := ended.of(ranges)
		wantLowest, wantHighest := ^uint64(0), uint64(0)
		for _, x := range ranges {
			wantLowest = min(wantLowest, slices.Min(plain[x.First:x.Last+1]))
			wantHighest = max(wantHighest, slices.Max(plain[x.First:x.Last+1]))
		}
		if lowest != wantLowest || highest != wantHighest {
			t.Fatalf("seed %d step %d: ended are %d to %d, want %d to %d", seed, step, lowest, highest, wantLowest, wantHighest)
		}
		for i := 1; i < len(ended); i++ {
			if a, b := ended[i-1], ended[i]; a.Last >= b.First || a.migration == b.migration && a.Last+1 == b.First {
				t.Fatalf("seed %d step %d: run %v is followed by %v", seed, step, a, b)
			}
		}
	}
	if lowest, highest := ended.of(nil); lowest != 0 || highest != 0 {
		t.Errorf("ended at no slot are %d to %d", lowest, highest)
	}
}

// A shard that never handed slots over remembers nothing, one that gave all of them away in 64 pieces 64 runs.
func TestWhatHasEndedTakesARunForEachHandOver(t *testing.T) {
	r := source()
	if s := r.State(); s.ended != nil || s.Handovers != nil || s.Digest() != 0 {
		t.Errorf("without a hand-over: %+v", s)
	}
	for i, x := range slot.Split(64) {
		id := uint64(i + 1)
		r.freeze(id, []slot.Range{x})
		r.drop(id)
	}
	if s := r.State(); len(s.ended) != 64 || cap(s.ended) != 64 || s.Handovers != nil {
		t.Errorf("%d runs with room for %d, hand-overs %+v; want 64 runs", len(s.ended), cap(s.ended), s.Handovers)
	}
}

// Replicas that differ in a hand-over only have to show it.
func TestDigestCoversHandOvers(t *testing.T) {
	seen := map[uint64]string{}
	see := func(what string, s State) {
		if other, twice := seen[s.Digest()]; twice {
			t.Errorf("%s and %s have the same digest", what, other)
		}
		seen[s.Digest()] = what
	}
	s := busy().State()
	see("none", source().State())
	see("as it is", s)
	h := s.Handovers[1]
	for what, change := range map[string]func(*Handover){
		"next": func(h *Handover) { h.Next++ }, "final": func(h *Handover) { h.Final = !h.Final }, "attempt": func(h *Handover) { h.Attempt.Counter++ },
	} {
		other := h
		change(&other)
		changed := s
		changed.putHandover(other)
		see(what, changed)
	}
	changed := s
	changed.endHandover(&h)
	see("ended", changed)
	if got := s.Handovers[1]; got.Next != h.Next || len(s.Handovers) != 2 {
		t.Errorf("a list that was read has changed: %+v", s.Handovers)
	}
}
