package model

import "errors"

// CheckStaleReads is nil if reads at any replica saw only what a counter once held, after it had been written, and never
// went back on one connection. How old what they see is does not matter.
func CheckStaleReads(ops []Op) error {
	var errs []error
	keys, split := byKey(ops)
	for _, key := range keys {
		errs = append(errs, checkStaleReads(split[key]))
	}
	return errors.Join(errs...)
}

func checkStaleReads(ops []Op) error {
	answers := map[int64]Op{} // the Incr that left the counter at a number
	unknown := false
	for _, o := range ops {
		switch {
		case o.Kind == Incr && o.Outcome == OK:
			answers[o.N] = o
		case o.Kind == Incr && o.Outcome == Unknown:
			unknown = true
		}
	}
	latest := map[string]Op{}
	var level = map[string]int64{}
	for _, o := range ops { // by time of call; a connection has one at a time
		if !o.Stale || o.Outcome != OK {
			continue
		}
		n, err := counted(o)
		if err != nil {
			return err
		}
		by, known := answers[n]
		switch {
		case n < level[o.Conn]:
			return violation(Stale, "reads of one connection went back:\n  %s\n  %s", latest[o.Conn], o)
		case n != 0 && !known && !unknown:
			return violation(Invented, "the counter never held what was read: %s", o)
		case known && by.Call > o.Return:
			return violation(Invented, "a value was read before it was written:\n  %s\n  %s", o, by)
		}
		if !known && n > attempted(ops, o) {
			return violation(Invented, "a number was read that nobody can have counted to yet: %s", o)
		}
		latest[o.Conn], level[o.Conn] = o, n
	}
	return nil
}

// attempted is the sum of all increments that may have taken effect when a read returned.
func attempted(ops []Op, read Op) int64 {
	var sum int64
	for _, o := range ops {
		if o.Kind == Incr && o.Outcome != NotApplied && o.Call <= read.Return {
			sum += o.delta()
		}
	}
	return sum
}
