package client

import (
	"context"
	"errors"

	"github.com/holtcache/holt/proto/apierr"
	cachev1 "github.com/holtcache/holt/proto/holt/cache/v1"
)

var (
	errMoved    = errors.New("another node leads the shard by now")
	errNoAnswer = errors.New("there was no answer in time")
)

// errorOf is a server's answer as an error. A kind that this program does not know reads as internal.
func errorOf(answer *cachev1.CallError) *apierr.Error {
	d := answer.GetDetail()
	kind, known := apierr.ByName(d.GetKind())
	if !known {
		kind = apierr.KindInternal
	}
	err := apierr.New(kind, "%s", answer.GetMessage())
	switch d.GetOutcome() {
	case cachev1.Outcome_OUTCOME_NOT_APPLIED:
		err.Outcome = apierr.OutcomeNotApplied
	case cachev1.Outcome_OUTCOME_APPLIED:
		err.Outcome = apierr.OutcomeApplied
	default:
		err.Outcome = apierr.OutcomeUnknown
	}
	return err
}

// refused takes note of a server's answer and tells whether another attempt may follow.
func (l *call) refused(answer *cachev1.CallError) (again bool) {
	d := answer.GetDetail()
	l.last = errorOf(answer)
	if l.last.Outcome != apierr.OutcomeNotApplied && l.last.Kind != apierr.KindIDEnded {
		l.doubt() // an attempt behind the end of its id is not applied itself
	}
	l.hint, l.asking = "", false
	switch kind := l.last.Kind; kind {
	case apierr.KindNotLeader, apierr.KindAsk:
		l.hint, l.asking = d.GetLeaderGrpcAddr(), kind == apierr.KindAsk
		l.c.topology.doubted()
		return true
	case apierr.KindNotOwned, apierr.KindMoved, apierr.KindClusterDown, apierr.KindShutdown, apierr.KindLoading:
		l.c.topology.doubted()
		return true
	case apierr.KindImporting, apierr.KindTryAgain, apierr.KindBusy, apierr.KindDeadline:
		return true
	case apierr.KindUnknownOutcome, apierr.KindInternal:
		return l.last.Outcome == apierr.OutcomeUnknown && l.repeatable()
	}
	return false
}

// broken takes note of an attempt without an answer and tells whether another may follow.
func (l *call) broken(addr string, landed landing) (again bool) {
	if landed.sent {
		l.doubt()
	}
	l.last = apierr.New(apierr.KindClusterDown, "slot %d: node at %s: %w; not applied", l.slot, addr, landed.err)
	if landed.sent && l.writes {
		l.last = apierr.New(apierr.KindUnknownOutcome, "slot %d: node at %s: %w; outcome unknown, read before you retry", l.slot, addr, landed.err)
	}
	l.hint, l.asking = "", false
	if !errors.Is(landed.err, errMoved) && !errors.Is(landed.err, errQueueFull) && !isContext(landed.err) {
		if l.unreachable == nil {
			l.unreachable = map[string]bool{}
		}
		l.unreachable[addr] = true
		l.c.topology.doubted()
	}
	return !landed.sent || l.repeatable()
}

// doubt takes note of an attempt that was sent and of which nothing is known.
func (l *call) doubt() {
	if l.writes {
		l.perhaps = true
		l.c.counters.doubtful.Add(1)
	}
}

func isContext(err error) bool {
	return errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded)
}

// failure is the error of the call, from its last attempt. What an earlier one may have done counts too.
func (l *call) failure() error {
	err := *l.last
	switch {
	case !l.writes || !l.perhaps:
		err.Outcome = apierr.OutcomeNotApplied
	case err.Result() == apierr.OutcomeNotApplied:
		return apierr.New(apierr.KindUnknownOutcome, "slot %d: an attempt before the last one may have been applied; outcome unknown, read before you retry; last answer: %w", l.slot, l.last)
	}
	return &err
}

// gaveUp is the error of a call whose context has ended.
func (l *call) gaveUp(cause error) error {
	kind, what := apierr.KindDeadline, "not applied"
	if l.perhaps {
		kind, what = apierr.KindUnknownOutcome, "outcome unknown, read before you retry"
	}
	if l.last == nil || errors.Is(l.last, cause) {
		l.last = apierr.New(kind, "slot %d: %w; %s", l.slot, cause, what)
	} else {
		l.last = apierr.New(kind, "slot %d: %w; %s; last answer: %v", l.slot, cause, what, l.last)
	}
	return l.failure()
}
