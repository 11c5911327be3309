package model

import (
	"errors"
	"time"
)

// Loss is how much was acknowledged and is gone, where a promise allows that.
type Loss struct {
	Writes int
	// Span is the longest time from the call of the first to the acknowledgement of the last write that one fault took.
	Span time.Duration
}

// aroundMax is how far from a fault a lost write may have been acknowledged. A leader waits for a majority again 100 ms
// after a write that has none; the rest is for a machine that gives its processes no time.
const aroundMax = 5 * time.Second

// LossOf measures what was lost, in the order of calls, and demands that a fault explains each of them.
func LossOf(lost []Op, marks []Mark) (Loss, error) {
	var errs []error
	loss := Loss{Writes: len(lost)}
	first, last := map[int]time.Duration{}, map[int]time.Duration{}
	for _, o := range lost {
		at := -1
		for i, m := range marks {
			if o.Return >= m.Begin-aroundMax && o.Call <= m.End+aroundMax {
				at = i
				break
			}
		}
		if at < 0 {
			errs = append(errs, violation(Lost, "an acknowledged write is lost, and no fault explains it: %s", o))
			continue
		}
		if _, known := first[at]; !known {
			first[at] = o.Call
		}
		last[at] = max(last[at], o.Return)
		loss.Span = max(loss.Span, last[at]-first[at])
	}
	return loss, errors.Join(errs...)
}
