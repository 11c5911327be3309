package model

import (
	"errors"
	"time"
)

// CheckTwins is nil if two keys that are only written together were never seen apart, and are one linearizable register.
func CheckTwins(ops []Op, budget time.Duration) (Report, error) {
	var errs []error
	for _, o := range ops {
		if o.Kind == GetTwins && o.Outcome == OK && (o.Found != o.TwinFound || o.Value != o.Twin) {
			errs = append(errs, violation(Torn, "key %s and its twin were seen apart: %s", o.Key, o))
		}
	}
	report, err := CheckRegisters(ops, budget)
	return report, errors.Join(append(errs, err)...)
}
