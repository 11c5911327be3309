package placement

import (
	"context"

	storagev1 "github.com/holtcache/holt/proto/holt/storage/v1"
	"github.com/holtcache/holt/proto/slot"
	"github.com/holtcache/holt/raftfsm/meta"
)

// Meta is this node's replica of the meta group.
type Meta interface {
	// State is the newest state that this replica has applied.
	State() *meta.State
	// Leading tells whether this replica leads the meta group, as far as it knows.
	Leading() bool
	// Propose commits a command and returns what became of it. The error is that of the proposal, Result.Err that of
	// the command.
	Propose(ctx context.Context, command *storagev1.MetaCommand) (meta.Result, error)
	// Changed returns a channel that is closed when State or Leading next differ from what they are now.
	Changed() <-chan struct{}
}

// MetaMembers changes who belongs to the meta group. It is used on the leader only; anywhere else it returns errors.
type MetaMembers interface {
	// Members is the latest configuration of the group.
	Members() (Members, error)
	// AddLearner adds a registered node as learner, Promote makes a learner a voter. Both are refused where the latest
	// configuration is not the one at index, and return when the change is committed.
	AddLearner(ctx context.Context, node string, index uint64) error
	Promote(ctx context.Context, node string, index uint64) error
	// Remove takes a node out, on the same condition.
	Remove(ctx context.Context, node string, index uint64) error
	// HandOver gives up the leadership to another voter.
	HandOver(ctx context.Context, to string) error
	// CaughtUp tells whether a learner holds the log up to the commit index, but for a few entries, twice in a row.
	CaughtUp(node string) (bool, error)
}

// Leaders knows who leads the shards and moves leaderships.
type Leaders interface {
	// Leader is the leader of a shard with the highest term heard of, and that term; false where there is none.
	Leader(shard slot.ShardID) (node string, term uint64, ok bool)
	// Transfer asks the leader of that term to hand over to another replica, and returns when the leadership was given
	// up. A leader of another term refuses.
	Transfer(ctx context.Context, shard slot.ShardID, term uint64, to string) error
	// CaughtUp tells whether a replica holds the shard's log up to the commit index, but for a few entries.
	CaughtUp(ctx context.Context, shard slot.ShardID, node string) (bool, error)
}

// Groups knows and changes who belongs to the shards' groups, through their leaders.
type Groups interface {
	// Group is what the leader of a shard says of its group; an error where none can be asked.
	Group(ctx context.Context, shard slot.ShardID) (Group, error)
	// Change asks that leader for one change of the members, and returns when it is committed. It is refused by a leader of
	// another term, and where the configuration has changed.
	Change(ctx context.Context, shard slot.ShardID, leader string, term uint64, change MemberChange) error
}

// Liveness is what gossip believes; a hint.
type Liveness interface {
	Alive(node string) bool
}
