package model

import "errors"

// CheckAsync is nil if writes that were acknowledged early are as CheckElements and CheckAppends want them, except that
// acknowledged ones may be missing at the end: these it lists. What was ever read never goes again.
func CheckAsync(ops []Op) (lost []Op, err error) {
	var errs []error
	keys, split := byKey(ops)
	for _, key := range keys {
		history := split[key]
		var gone []Op
		var err error
		if isList(history) {
			gone, err = CheckAsyncAppends(history)
		} else {
			gone, err = checkAsyncElement(history)
		}
		lost = append(lost, gone...)
		errs = append(errs, err)
	}
	return lost, errors.Join(errs...)
}

func isList(ops []Op) bool {
	for _, o := range ops {
		if o.Kind == Append {
			return true
		}
	}
	return false
}

// checkAsyncElement judges the element as if its outcome were unknown, which is all that the acknowledgement says of what
// stays.
func checkAsyncElement(ops []Op) (lost []Op, err error) {
	weaker := make([]Op, len(ops))
	for i, o := range ops {
		if o.Kind == Set && o.Outcome == OK {
			o.Outcome = Unknown
		}
		weaker[i] = o
	}
	if err := checkElement(weaker); err != nil {
		return nil, err
	}
	last := Op{}
	for _, o := range ops {
		if o.Kind == Get && o.Outcome == OK && o.Call >= last.Call {
			last = o
		}
	}
	for _, o := range ops {
		if o.Kind == Set && o.Outcome == OK && !last.Found {
			lost = append(lost, o)
		}
	}
	return lost, nil
}
