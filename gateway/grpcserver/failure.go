package grpcserver

import (
	"context"
	"errors"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/holtcache/holt/gateway/router"
	"github.com/holtcache/holt/proto/apierr"
	cachev1 "github.com/holtcache/holt/proto/holt/cache/v1"
	"github.com/holtcache/holt/proto/slot"
)

// failure is an error with what its ErrorDetail says beyond the error's kind.
type failure struct {
	err *apierr.Error
	// reads tells that the call only reads, so that nothing was applied whatever happened.
	reads bool
	// slot and shard are what the error is about; hasSlot tells whether slot counts.
	slot    slot.ID
	hasSlot bool
	shard   slot.ShardID
	// leader is who leads the shard, as far as this node knows.
	leader router.Node
}

// Error is the message.
func (f *failure) Error() string { return f.err.Error() }

// Unwrap gives the client error.
func (f *failure) Unwrap() error { return f.err }

// GRPCStatus is the status that grpc-go sends.
func (f *failure) GRPCStatus() *status.Status {
	st := status.New(f.err.Kind.Row().Code, f.err.Message)
	detailed, err := st.WithDetails(f.detail())
	if err != nil {
		return st // only a status of code OK takes no details, and the table has none
	}
	return detailed
}

func (f *failure) detail() *cachev1.ErrorDetail {
	d := &cachev1.ErrorDetail{
		Kind:           f.err.Kind.String(),
		Outcome:        f.outcome(),
		Retry:          f.advice(),
		ShardId:        uint64(f.shard),
		LeaderNodeId:   f.leader.ID,
		LeaderGrpcAddr: f.leader.GRPC,
	}
	if f.hasSlot {
		s := uint32(f.slot)
		d.Slot = &s
	}
	return d
}

func (f *failure) outcome() cachev1.Outcome {
	switch {
	case f.reads, f.err.Result() == apierr.OutcomeNotApplied:
		return cachev1.Outcome_OUTCOME_NOT_APPLIED
	case f.err.Result() == apierr.OutcomeApplied:
		return cachev1.Outcome_OUTCOME_APPLIED
	}
	return cachev1.Outcome_OUTCOME_UNKNOWN
}

func (f *failure) advice() cachev1.RetryAdvice {
	switch outcome := f.outcome(); {
	case outcome == cachev1.Outcome_OUTCOME_UNKNOWN:
		return cachev1.RetryAdvice_RETRY_ADVICE_READ_FIRST
	case outcome == cachev1.Outcome_OUTCOME_APPLIED:
		return cachev1.RetryAdvice_RETRY_ADVICE_NEVER
	case (f.err.Kind == apierr.KindNotLeader || f.err.Kind == apierr.KindAsk) && f.leader.GRPC != "":
		return cachev1.RetryAdvice_RETRY_ADVICE_AT_LEADER
	case f.err.Kind.Row().Retryable, f.err.Result() == apierr.OutcomeUnknown:
		return cachev1.RetryAdvice_RETRY_ADVICE_AGAIN
	}
	return cachev1.RetryAdvice_RETRY_ADVICE_NEVER
}

// callError is the failure where a status can't carry it.
func callError(err error) *cachev1.CallError {
	err = statusError(err)
	st, _ := status.FromError(err)
	return &cachev1.CallError{Code: int32(st.Code()), Message: st.Message(), Detail: detailOf(err)}
}

// statusError gives an error its status and detail, where it has none yet.
func statusError(err error) error {
	switch {
	case err == nil:
		return nil
	case errors.As(err, new(*failure)), detailOf(err) != nil:
		return err
	case errors.As(err, new(*apierr.Error)):
		return &failure{err: apierr.Of(err)}
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return status.FromContextError(err).Err()
	}
	if st, ok := status.FromError(err); ok && st.Code() != codes.Unknown {
		return err // grpc-go's own
	}
	return &failure{err: apierr.Of(err)}
}

// detailOf finds the ErrorDetail in the status of an error, nil where there is none.
func detailOf(err error) *cachev1.ErrorDetail {
	st, ok := status.FromError(err)
	if !ok {
		return nil
	}
	for _, detail := range st.Details() {
		if d, ok := detail.(*cachev1.ErrorDetail); ok {
			return d
		}
	}
	return nil
}

// invalid refuses a request that has to be changed.
func invalid(format string, args ...any) *apierr.Error {
	return apierr.New(apierr.KindInvalid, format+"; not applied", args...)
}
