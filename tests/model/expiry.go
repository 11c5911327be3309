package model

import (
	"errors"
	"fmt"
)

// CheckExpiry is nil if keys that were written once, with a TTL, were there until it was over, were gone afterwards, and
// never came back.
func CheckExpiry(ops []Op) error {
	var errs []error
	keys, split := byKey(ops)
	for _, key := range keys {
		if err := checkExpiry(split[key]); err != nil {
			errs = append(errs, fmt.Errorf("key %s: %w\n%s", key, err, listing(split[key])))
		}
	}
	return errors.Join(errs...)
}

func checkExpiry(ops []Op) error {
	var write *Op
	for i, o := range ops {
		if o.Kind == Set {
			if write != nil {
				return errors.New("it was written twice")
			}
			write = &ops[i]
		}
	}
	if write == nil {
		return errors.New("it was not written")
	}
	gone := forever // when the first read returned that found the key gone
	for _, o := range ops {
		if o.Kind != Get || o.Outcome != OK {
			continue
		}
		switch end := expiryOf(*write); {
		case o.Found && (o.Value != write.Arg || write.Outcome == NotApplied):
			return violation(Invented, "nobody wrote what was read: %s", o)
		case o.Found && o.Call > end.Return:
			return violation(Expiry, "it was read after its end, at %.3f ms: %s", ms(end.Return), o)
		case !o.Found && write.Outcome == OK && o.Call > write.Return && o.Return < end.Call:
			return violation(Expiry, "it was gone before its end, at %.3f ms: %s", ms(end.Call), o)
		}
		if !o.Found && write.Outcome == OK && o.Call > write.Return {
			gone = min(gone, o.Return)
		}
	}
	for _, o := range ops {
		if o.Kind == Get && o.Outcome == OK && o.Found && o.Call > gone {
			return violation(Resurrected, "it came back after a read at %.3f ms had found it gone: %s", ms(gone), o)
		}
	}
	return nil
}
