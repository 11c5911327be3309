package load

import (
	"math/bits"
	"time"
)

// precisionBits makes 64 cells for each power of two: a quantile is at most 1/64 too high.
const precisionBits = 6

const cells = (64 - precisionBits + 1) << precisionBits

// Histogram counts durations in cells whose width grows with the duration. Not safe for concurrent use.
type Histogram struct {
	counts [cells]uint64
	total  uint64
	max    time.Duration
}

// NewHistogram returns an empty one.
func NewHistogram() *Histogram { return &Histogram{} }

// Add counts one duration.
func (h *Histogram) Add(d time.Duration) {
	d = max(d, 0)
	h.counts[cell(uint64(d))]++
	h.total++
	h.max = max(h.max, d)
}

// cell is the place of ns. Below 1<<precisionBits each value has its own; above, the first bits decide.
func cell(ns uint64) int {
	shift := max(bits.Len64(ns)-precisionBits-1, 0)
	return shift<<precisionBits + int(ns>>shift)
}

// upper is the largest duration of a cell.
func upper(cell int) uint64 {
	if cell < 2<<precisionBits {
		return uint64(cell)
	}
	shift := cell>>precisionBits - 1
	first := uint64(cell - shift<<precisionBits)
	return (first+1)<<shift - 1
}

// Merge adds what another one counted.
func (h *Histogram) Merge(other *Histogram) {
	for i, n := range other.counts {
		h.counts[i] += n
	}
	h.total += other.total
	h.max = max(h.max, other.max)
}

// Count is how many durations were added.
func (h *Histogram) Count() uint64 { return h.total }

// Max is the longest duration.
func (h *Histogram) Max() time.Duration { return h.max }

// Quantile is a duration that the share q of all do not exceed; 0 where there are none.
func (h *Histogram) Quantile(q float64) time.Duration {
	rank := uint64(q*float64(h.total) + 0.5)
	rank = min(max(rank, 1), h.total)
	var seen uint64
	for i, n := range h.counts {
		if seen += n; seen >= rank && n > 0 {
			return min(time.Duration(upper(i)), h.max)
		}
	}
	return 0
}
