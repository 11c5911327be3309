package model

import (
	"errors"
	"fmt"
)

// CheckElements is nil if a set of elements, each a key that was written once with a unique value, held what it may: all
// that were acknowledged, none that was refused, unknown ones either way, and none gone again that was seen. The last read
// of each key is the final one. It needs one pass.
func CheckElements(ops []Op) error {
	var errs []error
	keys, split := byKey(ops)
	for _, key := range keys {
		if err := checkElement(split[key]); err != nil {
			errs = append(errs, fmt.Errorf("key %s: %w\n%s", key, err, listing(split[key])))
		}
	}
	return errors.Join(errs...)
}

func checkElement(ops []Op) error {
	var write, sure Op // sure is the first that returned of what shows that the element is there
	found := false
	for _, o := range ops {
		if o.Kind == Set {
			write = o
		}
	}
	if write.Outcome == OK {
		sure = write
	}
	var last Op
	for _, o := range ops {
		if o.Kind != Get || o.Outcome != OK {
			continue
		}
		if o.Call >= last.Call {
			last = o
		}
		found = found || o.Found
		if o.Found && (sure.Outcome != OK || o.Return < sure.Return) {
			sure = o
		}
		if o.Found && (o.Value != write.Arg || write.Outcome == NotApplied || o.Return < write.Call) {
			return violation(Invented, "nobody had written what was read: %s", o)
		}
	}
	if last.Outcome != OK {
		return fmt.Errorf("it was never read")
	}
	for _, o := range ops {
		if o.Kind != Get || o.Outcome != OK || o.Found || sure.Outcome != OK || o.Call <= sure.Return {
			continue
		}
		if last.Found {
			return violation(Stale, "a read does not see what had returned before it began:\n  %s\n  %s", sure, o)
		}
		return violation(Lost, "an element is lost:\n  %s\n  %s", sure, o)
	}
	return nil
}
