package cluster

import (
	"errors"
	"time"
)

// pollEvery is how often a condition is looked at again.
const pollEvery = 20 * time.Millisecond

// Eventually returns when the condition holds, that is when it returns nil, and fails the test at the Deadline or when
// the condition can never hold.
func Eventually(t T, what string, condition func() error) {
	t.Helper()
	for end := time.Now().Add(Deadline); ; time.Sleep(pollEvery) {
		err := condition()
		if err == nil {
			return
		}
		var never neverError
		if errors.As(err, &never) {
			t.Fatalf("%s: %v", what, err)
		}
		if time.Now().After(end) {
			t.Fatalf("%s: not within %v: %v", what, Deadline, err)
		}
	}
}

type neverError struct{ error }

func (e neverError) Unwrap() error { return e.error }

// Never marks the reason why a condition will not hold, however long it is waited for.
func Never(err error) error { return neverError{err} }
