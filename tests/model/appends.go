package model

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// CheckAppends is nil if a key to which unique ids were appended, each ended by a comma, never lost one, held one twice
// or changed their order. The last read that was answered has to come after all appends. It needs one pass over the
// history, so it also judges histories that are too long for a search.
func CheckAppends(ops []Op) error {
	final, err := longest(ops)
	if err != nil {
		return err
	}
	ends := map[string]int{} // the length of the list up to and with an id
	for at := 0; at < len(final); {
		id, _, _ := strings.Cut(final[at:], ",")
		at += len(id) + 1
		if _, twice := ends[id+","]; twice {
			return fmt.Errorf("id %s was appended twice: %s", id, final)
		}
		ends[id+","] = at
	}
	if err := checkIDs(ops, ends); err != nil {
		return err
	}
	return checkOrder(ops, ends)
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
			return "", fmt.Errorf("two reads differ in order or content:\n  %s\n  %s", o, final)
		}
	}
	return final, nil
}

func checkIDs(ops []Op, ends map[string]int) error {
	written := map[string]bool{}
	for _, o := range ops {
		if o.Kind != Append {
			continue
		}
		written[o.Arg] = true
		end, present := ends[o.Arg]
		switch {
		case o.Outcome == OK && !present:
			return fmt.Errorf("an acknowledged append is lost: %s", o)
		case o.Outcome == OK && o.N != int64(end):
			return fmt.Errorf("an append answered another length than that up to its id, %d: %s", end, o)
		case o.Outcome == NotApplied && present:
			return fmt.Errorf("a refused append took effect: %s", o)
		}
	}
	for id := range ends {
		if !written[id] {
			return fmt.Errorf("nobody appended %q", id)
		}
	}
	return nil
}

// checkOrder: an operation that began after another had returned sees at least what that saw, and an append comes after
// all of it.
func checkOrder(ops []Op, ends map[string]int) error {
	type moment struct {
		at     time.Duration
		begins bool
		op     Op
		length int
	}
	var moments []moment
	for _, o := range ops {
		length := len(o.Value)
		if o.Kind == Append {
			length = ends[o.Arg] // 0 where it never took effect
		}
		if o.Kind == Get && o.Outcome != OK || o.Kind == Append && length == 0 {
			continue
		}
		moments = append(moments, moment{o.Call, true, o, length})
		if o.Outcome == OK {
			moments = append(moments, moment{o.Return, false, o, length})
		}
	}
	slices.SortStableFunc(moments, func(a, b moment) int {
		if a.at != b.at {
			return int(a.at - b.at)
		}
		if a.begins == b.begins {
			return 0
		}
		if a.begins { // both at one time are concurrent
			return -1
		}
		return 1
	})
	seen, by := 0, Op{}
	for _, m := range moments {
		if !m.begins {
			if m.length > seen {
				seen, by = m.length, m.op
			}
			continue
		}
		if m.length < seen || m.op.Kind == Append && m.length == seen {
			return fmt.Errorf("an operation does not see what had returned before it began:\n  %s\n  %s", by, m.op)
		}
	}
	return nil
}
