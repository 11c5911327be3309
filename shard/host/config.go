package host

import (
	"context"
	"log/slog"
	"net"
	"time"

	"github.com/holtcache/holt/proto/slot"
	"github.com/holtcache/holt/raftfsm/meta"
	"github.com/holtcache/holt/shard/executor"
	"github.com/holtcache/holt/shard/gossip"
	"github.com/holtcache/holt/shard/migration"
	"github.com/holtcache/holt/shard/placement"
)

// Gossip is what the host needs of package gossip: hints.
type Gossip interface {
	Nodes() []gossip.Node
	Node(id string) (gossip.Node, bool)
	AnnounceLeader(gossip.Leader)
	Leaders() map[uint64]gossip.Leader
	AnnounceEpoch(uint64)
	Watch() (changed <-chan struct{}, stop func())
}

// Nodes is how a host reaches other nodes outside Raft. Every call is bounded by its context.
type Nodes interface {
	// Propose asks a node to commit a meta command if it leads the meta group. The error is an *apierr.Error:
	// KindNotLeader, with the leader's id as Addr where the node knows it, or an unknown outcome.
	Propose(ctx context.Context, node string, command []byte) (meta.Result, error)
	// ReadMeta returns a snapshot of the meta state of a node; with latest only the leader answers, after it has
	// confirmed that it leads.
	ReadMeta(ctx context.Context, node string, latest bool) ([]byte, error)
	// CommandVersion asks a node up to which version it knows meta commands.
	CommandVersion(ctx context.Context, node string) (uint32, error)
	// WatchMeta calls got with a snapshot of the meta state whenever it is newer than the one before, until ctx ends
	// or the connection does.
	WatchMeta(ctx context.Context, node string, after uint64, got func(snapshot []byte) error) error
	// Transfer asks the leader of a shard to hand over in a term (0 for any).
	Transfer(ctx context.Context, node string, shard slot.ShardID, term uint64, to string) error
	// ChangeMembers asks the leader of a shard for one change of its group's members.
	ChangeMembers(ctx context.Context, node string, shard slot.ShardID, term uint64, change placement.MemberChange) error
	// Replica asks for the state of a node's replica of a shard.
	Replica(ctx context.Context, node string, shard slot.ShardID) (ReplicaStatus, error)
	// SlotUsage asks the leader of a shard what its slots hold.
	SlotUsage(ctx context.Context, node string, shard slot.ShardID) (placement.SlotUsage, error)
	// Carry opens a stream of a migration to a node. The stream ends with ctx.
	Carry(ctx context.Context, node string, open migration.Open) (migration.Stream, error)
}

// ReplicaStatus is the state of one replica.
type ReplicaStatus struct {
	Shard   slot.ShardID
	Node    string
	Term    uint64
	Leader  string
	Serving bool
	// Last, Committed and Applied are log indexes.
	Last, Committed, Applied uint64
	Keys                     int
	// Voters and Learners are those of the newest configuration in its log, at MembersIndex.
	Voters, Learners []string
	MembersIndex     uint64
	// CaughtUp lists, on the leader, the members whose logs are as long as its own but for what is on its way.
	CaughtUp []string
	// Unsettled: the node has not yet applied the logs of all its replicas since it started, or is stopping.
	Unsettled bool
}

// Config is what a host is made of.
type Config struct {
	Folder *Folder
	// Self is this node as it registers: id, start count, addresses, zone, version.
	Self meta.Node
	// Settings with which the node joined.
	Settings meta.Settings
	// MaxMemoryBytes is what keys and values may take on this node, 0 for no limit; nil leaves it at what the cluster
	// remembers of this node.
	MaxMemoryBytes *int64
	Gossip         Gossip
	Nodes          Nodes
	// Known are addresses of cluster ports that this node has heard of by other ways than gossip and the meta group.
	Book *Book
	// Dial is the node's one dialing seam, where TLS sits.
	Dial     func(ctx context.Context, addr string) (net.Conn, error)
	Observer executor.Observer
	Limits   executor.Limits
	// Wall is the wall clock, time.Now where it is nil. Intervals are measured without it.
	Wall func() time.Time
	// MigrationHook hears of each step of the migrations that this node drives; nil for nobody.
	MigrationHook migration.Hook
	Logger        *slog.Logger
	// Changed hears that state, leaders or replicas may have changed. It must not block.
	Changed func()
}
