package executor

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"github.com/holtcache/holt/proto/slot"
)

// Log is the Raft log as its leader writes it.
type Log interface {
	// Leader returns the term that this replica leads at this instant, false where it leads none.
	Leader() (term uint64, leads bool)
	// Propose hands a record to Raft and does not wait for its fate. One goroutine calls it.
	Propose(record []byte) Proposal
}

// Proposal is the fate of one proposed record as Raft tells it.
type Proposal interface {
	// Wait blocks until Raft has an answer: nil where the record was committed, ErrRefused where it never entered the
	// log, any other error where nothing is known.
	Wait() error
}

// ErrRefused says that a record was not appended to the log and never will be.
var ErrRefused = errors.New("the log refused the record")

// Gate tells whether a leader is still the leader, for reads.
type Gate interface {
	// Leased tells whether the lease of this replica in term covers this instant.
	Leased(term uint64) bool
	// Confirm returns nil once a quorum has answered, to a message sent after the call, that it knows of no later term.
	Confirm(ctx context.Context, term uint64) error
}

// Observer hears of keys whose value changed, for invalidations. It is called on the FSM goroutine, and on Run's
// when this replica stops leading; it must not block.
type Observer interface {
	// KeyChanged says that an applied effect changed a key.
	KeyChanged(key []byte)
	// SlotsChanged says that anything may have changed in these slots: they were flushed, restored, or this replica
	// stopped leading.
	SlotsChanged(slots []slot.Range)
}

// Limits bound what an executor holds. Each has a default for its zero value.
type Limits struct {
	// QueueRequests is how many requests may wait for evaluation. Default 65,536: 50 connections with pipelines of
	// 1,000 fit; what is beyond is answered with TRYAGAIN.
	QueueRequests int
	// BatchBytes is where a batch is closed. Default 256 KiB: half of what hashicorp/raft suggests for one entry.
	BatchBytes int
	// RequestBytes bounds what the effects of one request take: all of them are in one log entry, and those on a slot in one message
	// where the slot is handed over. What is beyond is refused. Default RequestBytesMax.
	RequestBytes int
	// BatchesInFlight is how many batches are proposed and not yet applied. Default 4: enough to keep log and network
	// busy, few enough that batches stay large.
	BatchesInFlight int
	// AsyncAge and AsyncBytes end early acknowledgement in async mode: once the oldest batch in flight is older, or
	// all of them together larger, async writes wait for the majority. Defaults 100 ms and 4 MiB.
	AsyncAge   time.Duration
	AsyncBytes int
}

func (l Limits) withDefaults() Limits {
	if l.QueueRequests == 0 {
		l.QueueRequests = 65536
	}
	if l.BatchBytes == 0 {
		l.BatchBytes = 256 << 10
	}
	if l.RequestBytes == 0 {
		l.RequestBytes = RequestBytesMax
	}
	if l.BatchesInFlight == 0 {
		l.BatchesInFlight = 4
	}
	if l.AsyncAge == 0 {
		l.AsyncAge = 100 * time.Millisecond
	}
	if l.AsyncBytes == 0 {
		l.AsyncBytes = 4 << 20
	}
	return l
}

// Config is what an executor is made of.
type Config struct {
	Shard slot.ShardID
	Node  string
	Log   Log
	Gate  Gate
	// Nonce returns a number that no other call on any node returns.
	Nonce func() uint64
	// LeaseMax is D_max with its margin for clock rates: how long a new leader serves and acknowledges nothing.
	LeaseMax time.Duration
	// Slots are what the shard owns from its first start on: ownership from nobody.
	Slots    func() []slot.Range
	Observer Observer
	Limits   Limits
	Logger   *slog.Logger
	// Wall is the wall clock, time.Now where it is nil. Intervals are measured without it.
	Wall func() time.Time
	// Random gives the random numbers of eviction, from any goroutine; math/rand's where it is nil. Replicas need not agree.
	Random func() uint64

	yield func() // yield where it is nil
}
