package respserver

import (
	"math/bits"
	"time"
)

// Latency counts commands by how long they took. Counts[i] is how many took less than [LatencyBound](i), and not less than the
// bound before; the last one holds all that took longer.
type Latency struct {
	Counts [latencySteps]uint64
	// Total is the sum over all of them.
	Total time.Duration
}

const (
	// latencyUnit is the width of the first steps. Four of them make a microsecond, so that steps end where powers of two of a
	// microsecond do, which is what LATENCY HISTOGRAM shows.
	latencyUnit = 250 * time.Nanosecond
	// latencyParts is into how many steps each doubling is cut: a quantile is a quarter too long at most.
	latencyParts = 4
	// latencySteps reach to 2^23 microseconds, 8 s: far beyond router.CommitMax.
	latencySteps = latencyParts * 24
)

// stepOf is the step that a time is counted in.
func stepOf(d time.Duration) int {
	units := uint64(max(d, 0)) / uint64(latencyUnit)
	if units < latencyParts {
		return int(units)
	}
	doubling := bits.Len64(units) - 1 // at least 2, since latencyParts is 4
	part := int(units>>(doubling-2)) & (latencyParts - 1)
	return min((doubling-1)*latencyParts+part, latencySteps-1)
}

// LatencyBound is where a step of [Latency] ends. The last one has no end; this is where it begins.
func LatencyBound(step int) time.Duration {
	if step == latencySteps-1 {
		step--
	}
	step++
	if step < latencyParts {
		return time.Duration(step) * latencyUnit
	}
	doubling, part := step/latencyParts+1, step%latencyParts
	return latencyUnit * time.Duration((latencyParts+part)<<(doubling-2))
}

// Count is how many were counted.
func (l *Latency) Count() (n uint64) {
	for _, count := range l.Counts {
		n += count
	}
	return n
}

// Add counts others too.
func (l *Latency) Add(other *Latency) {
	for i, n := range other.Counts {
		l.Counts[i] += n
	}
	l.Total += other.Total
}

// Quantile is the time that a share of the commands took at most, to the upper end of its step; 0 where there are none.
func (l *Latency) Quantile(share float64) time.Duration {
	all := l.Count()
	if all == 0 {
		return 0
	}
	want, sum := share*float64(all), 0.0
	for i, n := range l.Counts {
		if sum += float64(n); n > 0 && sum >= want {
			return LatencyBound(i)
		}
	}
	return LatencyBound(latencySteps - 1)
}
