package model

import (
	"slices"
	"time"
)

// Mark is a fault in a history: when somebody began to do it, and when it was over.
type Mark struct {
	Name       string
	Begin, End time.Duration
}

// Gap is the longest time between two successes of one client around a fault.
type Gap struct {
	Fault   string
	Client  int
	Longest time.Duration
}

// aftermathMax is how much later than a fault a gap may begin that counts as its consequence: longer than elections take.
const aftermathMax = 3 * time.Second

// Gaps finds for each fault and each of the clients how long it was not served. A gap counts if it was not over when the
// fault began, and began before the next fault did, and in the fault's time or shortly after it.
func Gaps(ops []Op, marks []Mark, clients []int) []Gap {
	successes := map[int][]time.Duration{}
	for _, o := range ops {
		if o.Outcome == OK {
			successes[o.Client] = append(successes[o.Client], o.Return)
		}
	}
	var gaps []Gap
	for _, client := range clients {
		at := successes[client]
		slices.Sort(at)
		for i, m := range marks {
			end := m.End + aftermathMax
			if i+1 < len(marks) {
				end = min(end, max(marks[i+1].Begin, m.End))
			}
			if longest := longestGap(at, m.Begin, end); longest > 0 {
				gaps = append(gaps, Gap{m.Name, client, longest})
			}
		}
	}
	return gaps
}

// longestGap is the longest time between two neighbours of which the first lies before the end and the second behind the
// beginning.
func longestGap(at []time.Duration, begin, end time.Duration) time.Duration {
	var longest time.Duration
	for i := 1; i < len(at); i++ {
		if at[i] > begin && at[i-1] < end {
			longest = max(longest, at[i]-at[i-1])
		}
	}
	return longest
}

// Spread is how durations are distributed.
type Spread struct {
	Count            int
	Median, P99, Max time.Duration
}

// SpreadOf sorts durations and reads off.
func SpreadOf(durations []time.Duration) Spread {
	if len(durations) == 0 {
		return Spread{}
	}
	sorted := slices.Sorted(slices.Values(durations))
	n := len(sorted)
	return Spread{Count: n, Median: sorted[(n-1)/2], P99: sorted[(n*99+99)/100-1], Max: sorted[n-1]}
}
