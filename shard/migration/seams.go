package migration

import (
	"context"

	storagev1 "github.com/holtcache/holt/proto/holt/storage/v1"
	"github.com/holtcache/holt/proto/slot"
	"github.com/holtcache/holt/raftfsm"
	"github.com/holtcache/holt/raftfsm/entry"
	"github.com/holtcache/holt/raftfsm/meta"
	"github.com/holtcache/holt/raftfsm/store"
	"github.com/holtcache/holt/shard/executor"
)

// Group is this node's replica of a shard.
type Group interface {
	// Shard is the shard's id.
	Shard() slot.ShardID
	// Serving tells whether this replica leads and serves, and in which term.
	Serving() (term uint64, ok bool)
	// State is what the replica has applied.
	State() raftfsm.State
	// Store holds the replica's keys.
	Store() *store.Store
	// Control commits a record in sequence with everything else of the shard and returns when it is applied here.
	Control(ctx context.Context, c executor.Control) error
	// AddTap lets a tap hear what is applied to slots that it names, until it is removed.
	AddTap(ranges []slot.Range, t executor.Tap) (remove func())
	// Changed is closed at the next change of Serving.
	Changed() <-chan struct{}
}

// Meta is the meta group as this node reaches it.
type Meta interface {
	// State is the newest state that this node knows.
	State() *meta.State
	// Changed is closed at the next change of State.
	Changed() <-chan struct{}
	// Latest is a state that holds everything committed before the call.
	Latest(ctx context.Context) (*meta.State, error)
	// Propose commits a command and returns what became of it. The error is that of the proposal, Result.Err that of the
	// command.
	Propose(ctx context.Context, command *storagev1.MetaCommand) (meta.Result, error)
}

// Wire reaches the leaders of other shards.
type Wire interface {
	// Carry opens a stream to the node that leads the target, as far as this node knows. The stream ends with ctx.
	Carry(ctx context.Context, open Open) (Stream, error)
}

// Stream is the source's end of a stream. One goroutine sends, one receives.
type Stream interface {
	Send(c Chunk) error
	// Recv returns what the target has: once at the beginning, then after each chunk.
	Recv() (Ack, error)
}

// Carrier is the target's end of a stream. Receive's caller ends the stream when that returns, and Recv with it.
type Carrier interface {
	Recv() (Chunk, error)
	Send(a Ack) error
}

// Open says which migration a stream carries.
type Open struct {
	Migration uint64
	From, To  slot.ShardID
}

// Chunk is an entry.Chunk on its way, with parts as entry.AppendPart encodes them.
type Chunk struct {
	Attempt  entry.Attempt
	Sequence uint64
	Final    bool
	Version  uint64
	Time     int64
	Parts    []byte
}

// Ack is what the target's state machine has of a migration, committed in its group.
type Ack struct {
	Attempt entry.Attempt
	// Next is the sequence number of the chunk that it takes next.
	Next uint64
	// Final tells that it has the final chunk: it takes nothing more, of any attempt.
	Final bool
}
