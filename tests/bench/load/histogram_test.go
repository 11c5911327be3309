package load

import (
	"math/rand/v2"
	"slices"
	"testing"
	"time"
)

func TestEveryDurationFallsIntoTheCellThatEndsAtOrJustAboveIt(t *testing.T) {
	check := func(ns uint64) {
		i := cell(ns)
		if i < 0 || i >= cells {
			t.Fatalf("%d ns: cell %d of %d", ns, i, cells)
		}
		if u := upper(i); u < ns || u-ns > ns>>precisionBits {
			t.Fatalf("%d ns: cell %d ends at %d", ns, i, u)
		}
		if i > 0 && upper(i-1) >= ns {
			t.Fatalf("%d ns: the cell before %d ends at %d", ns, i, upper(i-1))
		}
	}
	for ns := range uint64(1 << 16) {
		check(ns)
	}
	for shift := range 63 {
		for _, ns := range []uint64{1<<shift - 1, 1 << shift, 1<<shift + 1} {
			check(ns)
		}
	}
}

func TestQuantilesAreThoseOfTheSortedDurations(t *testing.T) {
	const seed, n = 7, 10_000
	rng := rand.New(rand.NewPCG(seed, 0))
	halves := []*Histogram{NewHistogram(), NewHistogram()}
	var sorted []time.Duration
	for i := range n {
		d := time.Duration(rng.ExpFloat64() * float64(time.Millisecond))
		halves[i%2].Add(d)
		sorted = append(sorted, d)
	}
	slices.Sort(sorted)
	h := halves[0]
	h.Merge(halves[1])
	if h.Count() != n || h.Max() != sorted[n-1] {
		t.Errorf("got %d durations up to %v, want %d up to %v", h.Count(), h.Max(), n, sorted[n-1])
	}
	for _, q := range []float64{0, 0.5, 0.99, 0.999, 1} {
		want := sorted[max(int(q*n+0.5), 1)-1]
		if got := h.Quantile(q); got < want || got > want+want>>precisionBits {
			t.Errorf("quantile %v: got %v, want %v (seed %d)", q, got, want, seed)
		}
	}
	if got := NewHistogram().Quantile(0.5); got != 0 {
		t.Errorf("median of nothing: got %v, want 0", got)
	}
}
