package node

import (
	"strings"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/holtcache/holt/proto/apierr"
	cachev1 "github.com/holtcache/holt/proto/holt/cache/v1"
)

// outcomes are the outcomes as they travel.
var outcomes = map[apierr.Outcome]cachev1.Outcome{
	apierr.OutcomeApplied:    cachev1.Outcome_OUTCOME_APPLIED,
	apierr.OutcomeNotApplied: cachev1.Outcome_OUTCOME_NOT_APPLIED,
	apierr.OutcomeUnknown:    cachev1.Outcome_OUTCOME_UNKNOWN,
}

// outcomeOf reads an outcome from the wire. One that this program does not know promises nothing.
func outcomeOf(travelled cachev1.Outcome) apierr.Outcome {
	for outcome, o := range outcomes {
		if o == travelled {
			return outcome
		}
	}
	return apierr.OutcomeUnknown
}

// messageMax bounds an error text between nodes: it travels in headers, which are bounded.
const messageMax = 2 << 10

// toStatus carries a client error to another node. Addr travels as the leader's id: between nodes it is one.
func toStatus(err error) error {
	if err == nil {
		return nil
	}
	e := apierr.Of(err)
	st := status.New(e.Kind.Row().Code, strings.ToValidUTF8(e.Message[:min(len(e.Message), messageMax)], "?"))
	detail := &cachev1.ErrorDetail{Kind: e.Kind.String(), Outcome: outcomes[e.Result()], LeaderNodeId: e.Addr}
	if detailed, derr := st.WithDetails(detail); derr == nil {
		st = detailed
	}
	return st.Err()
}

// fromStatus is what another node answered. Without an answer of its own the outcome of a write is open, unless sent
// says that the call was never given a connection.
func fromStatus(err error, sent bool) error {
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
		e.Outcome = outcomeOf(detail.Outcome)
		return e
	}
	if !sent {
		return apierr.New(apierr.KindClusterDown, "another node can't be reached: %w; not applied, retry", err)
	}
	e := apierr.New(apierr.KindUnknownOutcome, "another node did not answer: %w; outcome unknown, read before you retry", err)
	if st.Code() == codes.Unimplemented || st.Code() == codes.FailedPrecondition {
		e.Outcome = apierr.OutcomeNotApplied
	}
	return e
}
