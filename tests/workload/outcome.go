package workload

import (
	"errors"
	"strings"

	"github.com/holtcache/holt/tests/model"
)

// refusals are the prefixes of RESP errors that promise that nothing was applied.
var refusals = []string{"MOVED ", "ASK ", "CLUSTERDOWN", "TRYAGAIN", "LOADING", "READONLY", "MASTERDOWN", "OOM ", "EXECABORT"}

// outcomeOf is what an error says of the write that it answers. Anything that is no refusal leaves it open: UNKNOWN, a
// lost connection, a time-out.
func outcomeOf(err error) model.Outcome {
	if err == nil {
		return model.OK
	}
	if errors.As(err, new(withheld)) {
		return model.NotApplied
	}
	if f := (*failedCall)(nil); errors.As(err, &f) {
		return f.outcome
	}
	for _, prefix := range refusals {
		if strings.HasPrefix(err.Error(), prefix) {
			return model.NotApplied
		}
	}
	return model.Unknown
}

// unexpected tells whether a server answered what it never should to these workloads.
func unexpected(err error) bool {
	if err == nil {
		return false
	}
	if f := (*failedCall)(nil); errors.As(err, &f) {
		return f.unexpected()
	}
	for _, prefix := range []string{"ERR ", "WRONGTYPE", "CROSSSLOT", "NOAUTH", "NOPERM"} {
		if strings.HasPrefix(err.Error(), prefix) {
			return true
		}
	}
	return false
}
