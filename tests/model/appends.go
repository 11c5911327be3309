package model

import (
	"errors"
	"fmt"
	"strings"
	"time"
)

// CheckAppends is nil if every acknowledged append is there, and CheckAsyncAppends finds nothing wrong.
func CheckAppends(ops []Op) error {
	lost, err := CheckAsyncAppends(ops)
	for _, o := range lost {
		err = errors.Join(err, violation(Lost, "an acknowledged append is lost: %s", o))
	}
	return err
}

// CheckAsyncAppends is nil if a key to which unique ids were appended, each ended by a comma, never held one twice or
// changed their order, and if no append counted on one before it that is lost. It lists the acknowledged ones that are. The last read that was answered has to come after all appends. It needs one pass over the
// history, so it also judges histories that are too long for a search.
func CheckAsyncAppends(ops []Op) (lost []Op, err error) {
	final, err := longest(ops)
	if err != nil {
		return nil, err
	}
	ends := map[string]int{} // the length of the list up to and with an id
	for at := 0; at < len(final); {
		id, _, _ := strings.Cut(final[at:], ",")
		at += len(id) + 1
		if _, twice := ends[id+","]; twice {
			return nil, violation(Duplicated, "id %s was appended twice: %s", id, final)
		}
		ends[id+","] = at
	}
	if lost, err = checkIDs(ops, ends); err != nil {
		return nil, err
	}
	return lost, checkOrder(appendSteps(ops, ends))
}

// longest is the longest list that was read; every other has to be its prefix, and nothing may be appended unread.
func longest(ops []Op) (string, error) {
	final, last, lastAppend := "", time.Duration(-1), time.Duration(0)
	for _, o := range ops {
		if o.Outcome == OK && o.Kind == Get {
			last = max(last, o.Call)
			if len(o.Value) > len(final) {
				final = o.Value
			}
		}
		if o.Kind == Append && o.Outcome == OK {
			lastAppend = max(lastAppend, o.Return)
		}
	}
	if last < lastAppend {
		return "", fmt.Errorf("the history ends without a read after the last append")
	}
	for _, o := range ops {
		if o.Outcome == OK && o.Kind == Get && !strings.HasPrefix(final, o.Value) {
			return "", violation(Reordered, "two reads differ in order or content:\n  %s\n  %s", o, final)
		}
	}
	return final, nil
}

// checkIDs lists the acknowledged ids that are missing.
func checkIDs(ops []Op, ends map[string]int) (lost []Op, err error) {
	written := map[string]bool{}
	for _, o := range ops {
		if o.Kind != Append {
			continue
		}
		written[o.Arg] = true
		end, present := ends[o.Arg]
		switch {
		case o.Outcome == OK && !present:
			lost = append(lost, o)
		case o.Outcome == OK && o.N != int64(end):
			return nil, violation(Reordered, "an append answered another length than that up to its id, %d: %s", end, o)
		case o.Outcome == NotApplied && present:
			return nil, violation(Invented, "a refused append took effect: %s", o)
		}
	}
	for id := range ends {
		if !written[id] {
			return nil, violation(Invented, "nobody appended %q", id)
		}
	}
	return lost, nil
}

// appendSteps leaves out the appends that never took effect.
func appendSteps(ops []Op, ends map[string]int) []step {
	var steps []step
	for _, o := range ops {
		switch end := int64(ends[o.Arg]); {
		case o.Kind == Append && end > 0:
			steps = append(steps, step{o, end - int64(len(o.Arg)), end})
		case o.Kind == Get && o.Outcome == OK:
			steps = append(steps, step{o, int64(len(o.Value)), int64(len(o.Value))})
		}
	}
	return steps
}
