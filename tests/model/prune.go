package model

// prepare makes of one key's history what the model is run on. Refused operations go, and so do reads without an answer.
// A write of unknown outcome lasts for ever, unless its unique value was seen: then it had taken effect when the first
// read that saw it returned. A value that was never seen is one that never was, as far as operations go that return what
// they saw; so it goes too, but only where no Del, which does not return it, came later, and where it had no end of its own that
// may be why the key was gone. Every value with an expiry gets an operation of the clock's own.
func prepare(ops []Op, report *Report) ([]Op, error) {
	seen := map[string]Op{} // the first to return of those that saw a value
	for _, o := range ops {
		if o.Outcome != OK || !o.Found {
			continue
		}
		if first, ok := seen[o.Value]; !ok || o.Return < first.Return {
			seen[o.Value] = o
		}
	}
	var history []Op
	for _, o := range ops {
		if o.Outcome == NotApplied || o.Kind == Cas && o.Outcome == OK && o.N == 0 {
			if by, ok := seen[o.Arg]; ok && isUnique(o) {
				return nil, violation(Invented, "the value of a refused write was read: %s\n%s", o, by)
			}
		}
		if o.Outcome == NotApplied {
			continue
		}
		if o.Outcome == Unknown {
			if !o.Kind.Writes() {
				continue
			}
			report.Unknown++
			o.Return = forever
			if isUnique(o) {
				by, ok := seen[o.Arg]
				switch {
				case ok:
					report.Seen++
					o.Return = max(o.Call, by.Return)
				case !deletedAfter(ops, o) && !goneAfter(ops, o):
					report.Pruned++
					continue
				}
			}
		}
		history = append(history, o)
		if o.TTL != 0 {
			history = append(history, expiryOf(o))
		}
	}
	return history, nil
}

// isUnique tells whether Arg is a value that no other operation writes.
func isUnique(o Op) bool {
	return o.Kind == Set || o.Kind == SetNX || o.Kind == Cas || o.Kind == SetTwins
}

// deletedAfter tells whether a Del could have met the write.
func deletedAfter(ops []Op, write Op) bool {
	for _, o := range ops {
		if o.Kind == Del && o.Outcome == OK && o.Return >= write.Call {
			return true
		}
	}
	return false
}

// goneAfter tells whether the key was seen to be gone after a write whose value may have ended by then.
func goneAfter(ops []Op, write Op) bool {
	if write.TTL == 0 {
		return false
	}
	for _, o := range ops {
		if o.Outcome == OK && !o.Found && o.Kind != Set && o.Kind != SetTwins && o.Return >= write.Call+write.TTL-ExpirySlack {
			return true
		}
	}
	return false
}

// expiryOf is the end of a value by the clock: at the earliest a TTL after the write was called, at the latest a TTL
// after it returned.
func expiryOf(write Op) Op {
	end := Op{Kind: expire, Key: write.Key, Arg: write.Arg, Outcome: OK, Call: write.Call + write.TTL - ExpirySlack, Return: forever}
	if write.Outcome == OK {
		end.Return = write.Return + write.TTL + ExpirySlack
	}
	end.Call = max(end.Call, write.Call)
	return end
}
