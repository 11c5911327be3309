package main

import (
	"slices"
	"time"

	"github.com/holtcache/holt/tests/model"
	"github.com/holtcache/holt/tests/workload"
)

// allowLoss takes the lost writes out of what is wrong, where power was cut everywhere and the log was synced by the clock
// or not at all: they are counted, with how long before the fault the first of them had been acknowledged.
func (r *run) allowLoss(s session, v *workload.Verdict) {
	v.Violations = slices.DeleteFunc(v.Violations, func(one model.Violation) bool { return one.Class == model.Lost })
	delete(v.Counts, model.Lost)
	var begins []time.Duration
	for _, m := range s.Marks() {
		if f, err := faultByName(m.Name); err == nil && f.loses {
			begins = append(begins, m.Begin)
		}
	}
	v.Loss = lossBefore(s.History.Ops(), begins)
}

// lossBefore finds acknowledged writes, one for each key, that the last read of their key does not find, and the longest
// time from such an acknowledgement to the next of the moments.
func lossBefore(ops []model.Op, moments []time.Duration) model.Loss {
	last := map[string]model.Op{}
	for _, o := range ops {
		if o.Kind == model.Get && o.Outcome == model.OK && o.Call >= last[o.Key].Call {
			last[o.Key] = o
		}
	}
	var loss model.Loss
	for _, o := range ops {
		if o.Kind != model.Set || o.Outcome != model.OK || last[o.Key].Outcome == 0 || last[o.Key].Found {
			continue
		}
		loss.Writes++
		for _, m := range moments {
			if m >= o.Return {
				loss.Span = max(loss.Span, m-o.Return)
				break
			}
		}
	}
	return loss
}
