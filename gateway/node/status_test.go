package node

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/holtcache/holt/proto/apierr"
	cachev1 "github.com/holtcache/holt/proto/holt/cache/v1"
)

// What a node answers is what the other one hears: kind, outcome, text, and whom to ask instead.
func TestErrorsKeepTheirMeaningBetweenNodes(t *testing.T) {
	for _, kind := range apierr.Kinds() {
		for _, outcome := range []apierr.Outcome{0, apierr.OutcomeApplied, apierr.OutcomeNotApplied, apierr.OutcomeUnknown} {
			want := apierr.New(kind, "shard 7: %s", "why")
			want.Addr, want.Outcome = "node-2", outcome
			got := apierr.Of(fromStatus(toStatus(fmt.Errorf("around: %w", want)), true))
			if got.Kind != kind || got.Result() != want.Result() || got.Addr != want.Addr || got.Message != want.Message {
				t.Errorf("%v with %v: kind %v, %v, addr %q, %q", kind, outcome, got.Kind, got.Result(), got.Addr, got.Message)
			}
		}
	}
	if toStatus(nil) != nil || fromStatus(nil, true) != nil {
		t.Error("nil became an error")
	}
}

func TestErrorsFromElsewherePromiseNothing(t *testing.T) {
	withDetail := func(d *cachev1.ErrorDetail) error {
		st, err := status.New(codes.Internal, "x").WithDetails(d)
		if err != nil {
			t.Fatal(err)
		}
		return st.Err()
	}
	for _, c := range []struct {
		what string
		err  error
		sent bool
		kind apierr.Kind
		want apierr.Outcome
	}{
		{"cut off after sending", status.Error(codes.Unavailable, "reset"), true, apierr.KindUnknownOutcome, apierr.OutcomeUnknown},
		{"too slow", context.DeadlineExceeded, true, apierr.KindUnknownOutcome, apierr.OutcomeUnknown},
		{"never connected", status.Error(codes.Unavailable, "refused"), false, apierr.KindClusterDown, apierr.OutcomeNotApplied},
		{"a program that does not know the call", status.Error(codes.Unimplemented, "?"), true, apierr.KindUnknownOutcome, apierr.OutcomeNotApplied},
		{"an unknown kind", withDetail(&cachev1.ErrorDetail{Kind: "from-the-future", Outcome: cachev1.Outcome_OUTCOME_NOT_APPLIED}), true, apierr.KindInternal, apierr.OutcomeNotApplied},
		{"an unknown outcome", withDetail(&cachev1.ErrorDetail{Kind: "busy", Outcome: 99}), true, apierr.KindBusy, apierr.OutcomeUnknown},
		{"no outcome", withDetail(&cachev1.ErrorDetail{Kind: "busy"}), true, apierr.KindBusy, apierr.OutcomeUnknown},
	} {
		if e := apierr.Of(fromStatus(c.err, c.sent)); e.Kind != c.kind || e.Result() != c.want {
			t.Errorf("%s: %v, %v, want %v, %v", c.what, e.Kind, e.Result(), c.kind, c.want)
		}
	}
}

func TestFailedReadsChangedNothing(t *testing.T) {
	lost := readOnly(fromStatus(status.Error(codes.Unavailable, "reset"), true))
	if e := apierr.Of(lost); e.Result() != apierr.OutcomeNotApplied || strings.Contains(e.Message, "outcome unknown") {
		t.Errorf("%v: %v", e.Result(), e)
	}
	told := readOnly(fromStatus(toStatus(apierr.New(apierr.KindUnknownOutcome, "meta group: lost")), true))
	if e := apierr.Of(told); e.Result() != apierr.OutcomeNotApplied || e.Message != "meta group: lost" {
		t.Errorf("%v: %v", e.Result(), e)
	}
}

// A text goes into a header: one as long as a hostile argument, or cut inside a character, must not end the call.
func TestLongErrorTextsAreCut(t *testing.T) {
	err := toStatus(errors.New(strings.Repeat("ä", 1<<20)))
	st, _ := status.FromError(err)
	if n := len(st.Message()); n == 0 || n > messageMax {
		t.Errorf("%d bytes", n)
	}
}
