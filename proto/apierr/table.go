package apierr

import "google.golang.org/grpc/codes"

// Kind is a class of errors that clients treat alike. The zero value means "not set".
type Kind uint8

// The kinds, in the order of the table.
const (
	KindInvalid Kind = iota + 1
	KindWrongType
	KindTooLarge
	KindCrossSlot
	KindMoved
	KindAsk
	KindTryAgain
	KindImporting
	KindClusterDown
	KindNotLeader
	KindNotOwned
	KindBusy
	KindDeadline
	KindUnknownOutcome
	KindIDEnded
	KindOutOfMemory
	KindLoading
	KindReadOnly
	KindExecAbort
	KindNoAuth
	KindWrongPass
	KindNoPermission
	KindNoProto
	KindUnsupported
	KindNotFound
	KindExists
	KindShutdown
	KindNoScript
	KindInternal
	kindEnd
)

// Row is what the table says of a kind.
type Row struct {
	Name string
	// Code is the gRPC status code.
	Code codes.Code
	// RESPPrefix is the first word of the RESP error reply; Redis' own word wherever Redis has one.
	RESPPrefix string
	// Retryable tells whether the same request may succeed later with nothing changed by the caller.
	Retryable bool
	// Outcome of a write that is answered with this kind.
	Outcome Outcome
	// Meaning is one line for the documentation.
	Meaning string
}

var table = [kindEnd]Row{
	KindInvalid:        {"invalid", codes.InvalidArgument, "ERR", false, OutcomeNotApplied, "The request is malformed or its arguments are out of range."},
	KindWrongType:      {"wrong-type", codes.FailedPrecondition, "WRONGTYPE", false, OutcomeNotApplied, "The key holds a value of another type."},
	KindTooLarge:       {"too-large", codes.ResourceExhausted, "ERR", false, OutcomeNotApplied, "A key, value, batch or argument list is over its limit, which the message names."},
	KindCrossSlot:      {"cross-slot", codes.InvalidArgument, "CROSSSLOT", false, OutcomeNotApplied, "The keys of one command belong to different slots."},
	KindMoved:          {"moved", codes.FailedPrecondition, "MOVED", true, OutcomeNotApplied, "Another node leads the shard of this slot."},
	KindAsk:            {"ask", codes.FailedPrecondition, "ASK", true, OutcomeNotApplied, "The slot is being handed over; ask the leader of the other shard once."},
	KindTryAgain:       {"try-again", codes.Unavailable, "TRYAGAIN", true, OutcomeNotApplied, "The slot is being handed over; repeat in a moment."},
	KindImporting:      {"importing", codes.Unavailable, "TRYAGAIN", true, OutcomeNotApplied, "The slot is being handed over to this shard, which does not serve it yet; repeat in a moment."},
	KindClusterDown:    {"cluster-down", codes.Unavailable, "CLUSTERDOWN", true, OutcomeNotApplied, "No leader is known for the slot, or no shard owns it."},
	KindNotLeader:      {"not-leader", codes.FailedPrecondition, "CLUSTERDOWN", true, OutcomeNotApplied, "This node does not lead the shard."},
	KindNotOwned:       {"not-owned", codes.FailedPrecondition, "CLUSTERDOWN", true, OutcomeNotApplied, "The shard does not own the slot."},
	KindBusy:           {"busy", codes.ResourceExhausted, "TRYAGAIN", true, OutcomeNotApplied, "A bounded queue is full."},
	KindDeadline:       {"deadline", codes.DeadlineExceeded, "CLUSTERDOWN", true, OutcomeNotApplied, "The request waited for its turn until its deadline and was withdrawn."},
	KindUnknownOutcome: {"unknown-outcome", codes.Unknown, "UNKNOWN", false, OutcomeUnknown, "The write was proposed and its fate is not known yet: read before you retry."},
	KindIDEnded:        {"id-ended", codes.FailedPrecondition, "UNKNOWN", false, OutcomeUnknown, "The request's id has ended: this attempt is not applied, and of earlier ones nothing is known any more."},
	KindOutOfMemory:    {"out-of-memory", codes.ResourceExhausted, "OOM", true, OutcomeNotApplied, "The shard's memory budget is used up and nothing may be evicted."},
	KindLoading:        {"loading", codes.Unavailable, "LOADING", true, OutcomeNotApplied, "The node is loading its data."},
	KindReadOnly:       {"read-only", codes.FailedPrecondition, "READONLY", true, OutcomeNotApplied, "A write reached a replica that may only read."},
	KindExecAbort:      {"exec-abort", codes.Aborted, "EXECABORT", false, OutcomeNotApplied, "A queued command of the transaction was refused."},
	KindNoAuth:         {"no-auth", codes.Unauthenticated, "NOAUTH", false, OutcomeNotApplied, "The connection has not authenticated."},
	KindWrongPass:      {"wrong-pass", codes.Unauthenticated, "WRONGPASS", false, OutcomeNotApplied, "User name or password are wrong."},
	KindNoPermission:   {"no-permission", codes.PermissionDenied, "NOPERM", false, OutcomeNotApplied, "The user may not do this."},
	KindNoProto:        {"no-proto", codes.InvalidArgument, "NOPROTO", false, OutcomeNotApplied, "The RESP version is neither 2 nor 3."},
	KindUnsupported:    {"unsupported", codes.Unimplemented, "ERR", false, OutcomeNotApplied, "Holt does not do this; the message says what to use instead."},
	KindNotFound:       {"not-found", codes.NotFound, "ERR", false, OutcomeNotApplied, "The node, shard or key that was named does not exist."},
	KindExists:         {"exists", codes.AlreadyExists, "ERR", false, OutcomeNotApplied, "What was to be created exists already."},
	KindShutdown:       {"shutdown", codes.Unavailable, "CLUSTERDOWN", true, OutcomeNotApplied, "The node is shutting down."},
	KindNoScript:       {"no-script", codes.NotFound, "NOSCRIPT", false, OutcomeNotApplied, "The node knows no script of this name; send the script itself."},
	KindInternal:       {"internal", codes.Internal, "ERR", false, OutcomeUnknown, "A fault of Holt's own."},
}

// Row returns what the table says of the kind; an unknown kind reads as KindInternal.
func (k Kind) Row() Row {
	if k == 0 || k >= kindEnd {
		return table[KindInternal]
	}
	return table[k]
}

// String is the name of the kind.
func (k Kind) String() string { return k.Row().Name }

// Kinds lists every kind in table order.
func Kinds() []Kind {
	kinds := make([]Kind, 0, kindEnd-1)
	for k := Kind(1); k < kindEnd; k++ {
		kinds = append(kinds, k)
	}
	return kinds
}

// ByName finds a kind by its name, as it travels in gRPC error details.
func ByName(name string) (Kind, bool) {
	for _, k := range Kinds() {
		if table[k].Name == name {
			return k, true
		}
	}
	return 0, false
}
