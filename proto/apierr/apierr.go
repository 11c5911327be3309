// Package apierr is the one table of errors that clients can see.
//
// Each kind has a gRPC code, a RESP prefix, an answer to "may I retry", and an outcome: whether the write may have
// taken effect.
package apierr

import (
	"errors"
	"fmt"

	"github.com/holtcache/holt/proto/slot"
)

// Outcome tells whether a write has taken effect. The zero value means "not set".
type Outcome uint8

const (
	// OutcomeNotApplied means the write has not taken effect and never will.
	OutcomeNotApplied Outcome = iota + 1
	// OutcomeUnknown means the write may have taken effect, or may still do so.
	OutcomeUnknown
	// OutcomeApplied means the write has taken effect, yet what was asked beyond it was not reached.
	OutcomeApplied
)

// String names the outcome as error texts do.
func (o Outcome) String() string {
	switch o {
	case OutcomeNotApplied:
		return "not applied"
	case OutcomeUnknown:
		return "outcome unknown"
	case OutcomeApplied:
		return "applied"
	}
	return "outcome not set"
}

// Error is an error that reaches a client. Compare kinds with Is or KindOf, never texts.
type Error struct {
	Kind Kind
	// Message says what happened and what to do; it carries no RESP prefix.
	Message string
	// Slot is set for Moved and Ask.
	Slot slot.ID
	// Shard is set for Ask by whoever knows the shard and not its leader's address: the one that is to have the slot.
	Shard slot.ShardID
	// Addr is where to go: the RESP address for Moved and Ask, the gRPC address of the leader for NotLeader; may be empty.
	Addr string
	// Outcome overrides that of the kind where it is set.
	Outcome Outcome
	cause   error
}

// New makes an error of a kind. A %w verb in the format wraps its cause.
func New(kind Kind, format string, args ...any) *Error {
	err := fmt.Errorf(format, args...)
	return &Error{Kind: kind, Message: err.Error(), cause: errors.Unwrap(err)}
}

// Moved sends a client to the leader of a slot for good.
func Moved(s slot.ID, addr string) *Error {
	return &Error{Kind: KindMoved, Message: fmt.Sprintf("%d %s", s, addr), Slot: s, Addr: addr}
}

// Ask sends a client to another node for one command.
func Ask(s slot.ID, addr string) *Error {
	return &Error{Kind: KindAsk, Message: fmt.Sprintf("%d %s", s, addr), Slot: s, Addr: addr}
}

// AskShard sends a client to the leader of another shard, which is being handed the slot. Whoever knows the leader's
// address makes an Ask of it.
func AskShard(s slot.ID, to slot.ShardID) *Error {
	return &Error{Kind: KindAsk, Message: fmt.Sprintf("slot %d is being handed over to shard %d; not applied, ask there", s, to), Slot: s, Shard: to}
}

// Error is the message without its RESP prefix.
func (e *Error) Error() string { return e.Message }

// Unwrap gives the cause, if there is one.
func (e *Error) Unwrap() error { return e.cause }

// Is makes errors.Is match errors of the same kind.
func (e *Error) Is(target error) bool {
	other, ok := target.(*Error)
	return ok && other.Kind == e.Kind && other.Message == ""
}

// RESP is the line of the error reply: prefix, space, message; without the leading '-'. An Ask without an address, which no
// client could follow, reads as TRYAGAIN.
func (e *Error) RESP() string {
	prefix := e.Kind.Row().RESPPrefix
	if e.Kind == KindAsk && e.Addr == "" {
		prefix = KindTryAgain.Row().RESPPrefix
	}
	return prefix + " " + e.Message
}

// Result is the outcome of the write that this error answers.
func (e *Error) Result() Outcome {
	if e.Outcome != 0 {
		return e.Outcome
	}
	return e.Kind.Row().Outcome
}

// Of returns the client error in err's chain. Any other error becomes KindInternal with an unknown outcome, so that
// nothing reaches a client as a promise that nobody made.
func Of(err error) *Error {
	if err == nil {
		return nil
	}
	var e *Error
	if errors.As(err, &e) {
		return e
	}
	return &Error{Kind: KindInternal, Message: err.Error(), cause: err}
}

// KindOf is the kind of the client error in err's chain, KindInternal for any other error, 0 for nil.
func KindOf(err error) Kind {
	if err == nil {
		return 0
	}
	return Of(err).Kind
}
