package model

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strconv"
)

// CheckCounter is nil if one key was a counter to which each acknowledged Incr added its delta once, each of unknown
// outcome at most once, and a refused one nothing. Deltas have to be positive, and the last read has to come after all of
// them. It needs one pass, so it also judges histories that are too long for a search.
func CheckCounter(ops []Op) error {
	final, steps, err := readings(ops)
	if err != nil {
		return err
	}
	return errors.Join(checkSums(ops, final), checkOrder(steps))
}

// readings is the highest value that was read, and what each operation found and left.
func readings(ops []Op) (final int64, steps []step, err error) {
	last, lastWrite := Op{Call: -1}, Op{}
	for _, o := range ops {
		if o.Outcome != OK || o.Stale {
			continue
		}
		switch o.Kind {
		case Get:
			n, err := counted(o)
			if err != nil {
				return 0, nil, err
			}
			if o.Call > last.Call {
				last = o
			}
			final = max(final, n)
			steps = append(steps, step{o, n, n})
		case Incr:
			if o.Return > lastWrite.Return {
				lastWrite = o
			}
			steps = append(steps, step{o, o.N - o.delta(), o.N})
		}
	}
	if last.Call < lastWrite.Return {
		return 0, nil, fmt.Errorf("the history ends without a read after the last write")
	}
	return final, steps, nil
}

// counted is the number that a read saw; a counter that nobody has written yet is missing, and counts as 0.
func counted(o Op) (int64, error) {
	if !o.Found {
		return 0, nil
	}
	n, err := strconv.ParseInt(o.Value, 10, 64)
	if err != nil {
		return 0, violation(Invented, "a counter holds no number: %s", o)
	}
	return n, nil
}

// checkSums: each acknowledged Incr owns the numbers from before it to its answer. No two own the same, and what nobody
// owns up to the final value was added by those of unknown outcome.
func checkSums(ops []Op, final int64) error {
	var acknowledged []Op
	var sum, unknown int64
	for _, o := range ops {
		switch {
		case o.Kind != Incr:
		case o.Outcome == OK:
			acknowledged = append(acknowledged, o)
			sum += o.delta()
		case o.Outcome == Unknown:
			unknown += o.delta()
		}
	}
	slices.SortFunc(acknowledged, func(a, b Op) int { return cmp.Compare(a.N, b.N) })
	for i := 1; i < len(acknowledged); i++ {
		if a, b := acknowledged[i-1], acknowledged[i]; b.N-b.delta() < a.N {
			return violation(Lost, "two increments answered as if the other had not been: one is lost\n  %s\n  %s", a, b)
		}
	}
	switch {
	case len(acknowledged) > 0 && acknowledged[len(acknowledged)-1].N > final:
		return violation(Lost, "the counter ends at %d, below an answer: %s", final, acknowledged[len(acknowledged)-1])
	case final < sum:
		return violation(Lost, "the counter ends at %d, and %d were acknowledged", final, sum)
	case final > sum+unknown:
		return violation(Duplicated, "the counter ends at %d; %d were acknowledged and %d are unknown", final, sum, unknown)
	}
	return nil
}
