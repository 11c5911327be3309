package model

import (
	"cmp"
	"slices"
	"time"
)

// step is an operation on something that only grows: it found at least the level before it and left it at the level after
// it. A read leaves what it finds.
type step struct {
	op            Op
	before, after int64
}

// checkOrder is nil if an operation that began after another had returned found at least what that left. It takes one
// pass over the times.
func checkOrder(steps []step) error {
	type moment struct {
		at     time.Duration
		begins bool
		step   step
	}
	var moments []moment
	for _, s := range steps {
		moments = append(moments, moment{s.op.Call, true, s})
		if s.op.Outcome == OK {
			moments = append(moments, moment{s.op.Return, false, s})
		}
	}
	slices.SortStableFunc(moments, func(a, b moment) int {
		if a.at == b.at && a.begins != b.begins { // both at one time are concurrent
			if a.begins {
				return -1
			}
			return 1
		}
		return cmp.Compare(a.at, b.at)
	})
	var most step
	for _, m := range moments {
		switch {
		case !m.begins && m.step.after > most.after:
			most = m.step
		case m.begins && m.step.before < most.after:
			class := Stale
			if m.step.op.Kind.Writes() {
				class = Reordered
			}
			return violation(class, "an operation does not see what had returned before it began:\n  %s\n  %s", most.op, m.step.op)
		}
	}
	return nil
}
