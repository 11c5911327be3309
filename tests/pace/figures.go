package pace

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"github.com/holtcache/holt/proto/slot"
)

// Figures are those of the requests that were due in a time.
type Figures struct {
	Requests, Failed int
	// Failures are the first errors.
	Failures []string
	// P50, P99 and Max are of the latencies, from when the requests were due.
	P50, P99, Max time.Duration
	// Pauses are the longest times between two answers of a slot in a row, one for each slot, the longest first.
	Pauses []Pause
	// Slowest are the requests that took longest, one line each.
	Slowest []string
}

// Pause is a time in which no request to a slot was answered.
type Pause struct {
	Slot slot.ID
	// From is since the load began.
	From, Length time.Duration
	// Late are the requests that were due in it, one line each.
	Late []string
}

// failuresMax bounds how many errors are told; all are counted.
const failuresMax = 10

// slowestMax bounds how many slow requests are told.
const slowestMax = 20

// Between sums up the requests that were due from one moment to another, in times since the load began. Those that were not
// answered yet are not in it.
func (l *Load) Between(from, to time.Duration) Figures {
	l.mu.Lock()
	requests := slices.Clone(l.requests)
	l.mu.Unlock()
	var f Figures
	var answered []request
	slots := make([][]request, len(l.keys))
	for _, r := range requests {
		if r.err == nil {
			slots[r.slot] = append(slots[r.slot], r)
		}
		if r.due < from || r.due >= to {
			continue
		}
		f.Requests++
		if r.err != nil {
			if f.Failed++; f.Failed <= failuresMax {
				f.Failures = append(f.Failures, fmt.Sprintf("%v: %v", l.text(r), r.err))
			}
			continue
		}
		answered = append(answered, r)
	}
	slices.SortFunc(answered, func(a, b request) int { return cmp.Compare(a.done-a.due, b.done-b.due) })
	if n := len(answered); n > 0 {
		f.P50, f.P99, f.Max = answered[(n-1)/2].latency(), answered[(n*99+99)/100-1].latency(), answered[n-1].latency()
	}
	for _, r := range slices.Backward(answered[max(0, len(answered)-slowestMax):]) {
		f.Slowest = append(f.Slowest, l.text(r))
	}
	for i, answered := range slots {
		f.Pauses = append(f.Pauses, l.longestPause(i, answered, from, to))
	}
	slices.SortFunc(f.Pauses, func(a, b Pause) int { return cmp.Compare(b.Length, a.Length) })
	return f
}

// longestPause is the longest time between two answers of a slot of which the earlier came in [from, to).
func (l *Load) longestPause(place int, answered []request, from, to time.Duration) Pause {
	slices.SortFunc(answered, func(a, b request) int { return cmp.Compare(a.done, b.done) })
	p := Pause{Slot: l.keys[place].id}
	for i := 1; i < len(answered); i++ {
		earlier, later := answered[i-1].done, answered[i].done
		if earlier >= from && earlier < to && later-earlier > p.Length {
			p.From, p.Length = earlier, later-earlier
		}
	}
	for _, r := range answered {
		if r.due < p.From+p.Length && r.done >= p.From+p.Length && len(p.Late) < failuresMax {
			p.Late = append(p.Late, l.text(r))
		}
	}
	return p
}

// text tells of one request: when it was due by the clock, what it was, and how long it took.
func (l *Load) text(r request) string {
	return fmt.Sprintf("%s %s %v of slot %d, %v", l.Clock(r.due), libraries[r.library].name, r.kind, l.keys[r.slot].id,
		r.latency().Round(10*time.Microsecond))
}

// Clock is a moment of the load by the wall clock, as in the logs of nodes.
func (l *Load) Clock(at time.Duration) string { return l.began.Add(at).UTC().Format("15:04:05.000") }

// Answered is nil once no request is without an answer that was due before a moment.
func (l *Load) Answered(before time.Duration) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	due := int(before * time.Duration(l.options.Rate) / time.Second)
	got := 0
	for _, r := range l.requests {
		if r.due < before {
			got++
		}
	}
	if got < due {
		return fmt.Errorf("%d of %d requests are answered", got, due)
	}
	return nil
}

// Slots are those that requests go to.
func (l *Load) Slots() []slot.ID {
	var ids []slot.ID
	for _, k := range l.keys {
		ids = append(ids, k.id)
	}
	return ids
}
