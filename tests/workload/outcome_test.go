package workload

import (
	"errors"
	"io"
	"testing"

	"github.com/holtcache/holt/tests/model"
)

func TestOnlyARefusalPromisesThatNothingWasApplied(t *testing.T) {
	for _, tt := range []struct {
		err        error
		outcome    model.Outcome
		unexpected bool
	}{
		{nil, model.OK, false},
		{ServerError("MOVED 866 127.0.0.1:7001"), model.NotApplied, false},
		{ServerError("CLUSTERDOWN no leader"), model.NotApplied, false},
		{ServerError("TRYAGAIN"), model.NotApplied, false},
		{ServerError("UNKNOWN shard 7: leadership lost"), model.Unknown, false},
		{ServerError("ERR syntax error"), model.Unknown, true},
		{ServerError("WRONGTYPE"), model.Unknown, true},
		{io.ErrUnexpectedEOF, model.Unknown, false},
		{errors.New("i/o timeout"), model.Unknown, false},
	} {
		if got := outcomeOf(tt.err); got != tt.outcome {
			t.Errorf("%v: outcome %v, want %v", tt.err, got, tt.outcome)
		}
		if got := unexpected(tt.err); got != tt.unexpected {
			t.Errorf("%v: unexpected %v, want %v", tt.err, got, tt.unexpected)
		}
	}
}
