package node

import (
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/holtcache/holt/proto/apierr"
	cachev1 "github.com/holtcache/holt/proto/holt/cache/v1"
)

// toStatus carries a client error to another node. Addr travels as the leader's id: between nodes it is one.
func toStatus(err error) error {
	if err == nil {
		return nil
	}
	e := apierr.Of(err)
	st := status.New(e.Kind.Row().Code, e.Message)
	detail := &cachev1.ErrorDetail{Kind: e.Kind.String(), Outcome: cachev1.Outcome_OUTCOME_NOT_APPLIED, LeaderNodeId: e.Addr}
	if e.Result() == apierr.OutcomeUnknown {
		detail.Outcome = cachev1.Outcome_OUTCOME_UNKNOWN
	}
	if detailed, derr := st.WithDetails(detail); derr == nil {
		st = detailed
	}
	return st.Err()
}

// fromStatus is what another node answered. An error of the connection leaves the outcome of a write open, unless the
// request certainly was not sent.
func fromStatus(err error) error {
	if err == nil {
		return nil
	}
	st, _ := status.FromError(err)
	for _, d := range st.Details() {
		detail, ok := d.(*cachev1.ErrorDetail)
		if !ok {
			continue
		}
		kind, known := apierr.ByName(detail.Kind)
		if !known {
			kind = apierr.KindInternal
		}
		e := apierr.New(kind, "%s", st.Message())
		e.Addr = detail.LeaderNodeId
		e.Outcome = apierr.OutcomeNotApplied
		if detail.Outcome == cachev1.Outcome_OUTCOME_UNKNOWN {
			e.Outcome = apierr.OutcomeUnknown
		}
		return e
	}
	e := apierr.New(apierr.KindUnknownOutcome, "another node did not answer: %w; outcome unknown, read before you retry", err)
	if st.Code() == codes.Unimplemented || st.Code() == codes.FailedPrecondition {
		e.Outcome = apierr.OutcomeNotApplied
	}
	return e
}
