package router

import (
	"context"
	"time"

	"github.com/holtcache/holt/gateway/ops"
	"github.com/holtcache/holt/proto/apierr"
	"github.com/holtcache/holt/proto/slot"
)

// Ack says when a write is acknowledged.
type Ack uint8

const (
	// AckMajority acknowledges a write that is committed and applied. The zero value.
	AckMajority Ack = iota
	// AckAsync acknowledges a write that is in the leader's log.
	AckAsync
)

// ReadMode says what a read promises.
type ReadMode uint8

const (
	// ReadLease is linearizable, by lease where it holds. The zero value.
	ReadLease ReadMode = iota
	// ReadIndex is linearizable without any assumption on clocks.
	ReadIndex
	// ReadStale shows some committed state of the past, on any replica.
	ReadStale
)

// RequestID names a request to all attempts at it.
type RequestID struct{ Client, Sequence uint64 }

// Op is one evaluation on the leader of a shard: a write, or a read that has to come after writes of its connection.
// The caller sets the first group of fields, submits the op once, and reads the second group after Flight.Wait.
type Op struct {
	// Slot is that of all keys. Ignored with AllSlots, which is for ops that touch whole slots.
	Slot     slot.ID
	AllSlots bool
	Ack      Ack
	// Do is evaluated on the leader's executor, one op after another; it must not block, and sets results anew each
	// time, because it may run again if the evaluation before left no trace. An op that makes no effect is a read.
	Do func(ops.Tx)

	// ID names the op to all attempts at it, and Until is its end in milliseconds of the shard's clock: until then the op is
	// applied once, whatever the number of attempts. Until 0: it has none. Not with AllSlots.
	ID    RequestID
	Until int64
	// Result is the answer in the caller's form. Where there is an id Do sets it; where Repeated is set afterwards it is that of
	// the attempt that was applied, and Do did not run. It is not to be changed.
	Result   []byte
	Repeated bool

	// Command is the op as its client has sent it, or Block are the commands of its transaction: for a Remote replica, which evaluates
	// nothing here. ReadOnly tells it that the op changes nothing, so that it may be repeated.
	Command  [][]byte
	Block    [][][]byte
	ReadOnly bool
	// Reply is what a Remote replica has answered, as RESP.
	Reply []byte

	// Err is nil for an op that is done as asked.
	Err *apierr.Error
	// Acked is how a write was acknowledged, which may be better than asked for.
	Acked Ack
	// Index is the log index that carries the effects; 0 where there were none.
	Index uint64

	// Handle belongs to the replica that takes the op.
	Handle any
}

// Remote is the replica of another node. It takes ops that carry their command and reads nothing by itself.
type Remote interface {
	Replica
	// Watch has a connection of its own watch keys until Unwatch or the next op with a Block, which goes over it too. It returns the
	// answer.
	Watch(command [][]byte, deadline time.Time) (reply []byte, err error)
	Unwatch()
	// Written asks the node how many other replicas hold the last write that went there by this handle, and which appendfsync policy
	// it goes by. known is false where it can't tell: another node leads now, or the connection of that write is gone.
	Written(deadline time.Time) (held int, policy string, known bool)
}

// Flight is a set of ops on one replica that one goroutine submits and then waits for. It is used again and again.
type Flight interface {
	// Submit queues ops for evaluation in order; with an error none is taken.
	Submit(ops ...*Op) error
	// Wait returns when every submitted op has its answer. Ops without one at the deadline are given up: their Err says
	// whether they may have taken effect.
	Wait(deadline time.Time)
}

// Replica is this node's replica of one shard.
type Replica interface {
	Shard() slot.ShardID
	// Leads tells whether the replica leads its group, serving already or about to.
	Leads() bool
	// NewFlight returns an empty flight for one connection.
	NewFlight() Flight
	// Read evaluates fn against one slot in the caller's goroutine and returns when what it saw cannot be lost any more.
	// fn runs under a lock, must not block, and may run several times. The reader is an ops.Scanner, too. The error is an
	// *apierr.Error.
	Read(ctx context.Context, s slot.ID, mode ReadMode, fn func(ops.Reader)) error
	// AwaitOwned returns nil once this replica, leading, serves a slot that is being handed over to its shard. The error is
	// an *apierr.Error: Importing where ctx ends before, Ask where the slot is being handed to another shard, else why the
	// slot is not on its way here. With a context that has ended it tells how things stand now.
	AwaitOwned(ctx context.Context, s slot.ID) error
	// Holds tells at no cost whether the replica has all of a slot: the slot is its shard's, or was handed over to the last byte
	// and waits for the decision. Whether the replica leads, or serves the slot, it does not tell.
	Holds(s slot.ID) bool
	// Acknowledged is how many other replicas hold the log up to index, for WAIT.
	Acknowledged(index uint64) int
	// Keys is how many keys the replica holds, and KeysInSlot how many of them in one slot.
	Keys() int
	KeysInSlot(s slot.ID) int
	// HasKeys tells at no cost whether the replica has keys of a slot of its shard's, those of writes on their way included.
	HasKeys(s slot.ID) bool
	// ListKeys lists keys of a slot that the replica holds and that have not expired, at most limit, in no particular order.
	ListKeys(s slot.ID, limit int) [][]byte
}
