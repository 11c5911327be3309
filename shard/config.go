package shard

import (
	"io"
	"log/slog"
	"math"
	"time"

	"github.com/hashicorp/raft"

	"github.com/holtcache/holt/proto/slot"
	"github.com/holtcache/holt/shard/executor"
	"github.com/holtcache/holt/shard/transport"
)

// MetaGroup is the id of the meta group. Data groups share their ids with shards, which count up from 1.
const MetaGroup slot.ShardID = 1 << 63

// Timings are the clocks of one group.
type Timings struct {
	// Heartbeat is for how long a follower hears nothing before it becomes a candidate; Election for how long a
	// candidate waits for votes.
	Heartbeat, Election time.Duration
	// Lease is D: for how long a quorum's word lets a leader read without asking again, from the sending of the question.
	Lease time.Duration
	// LeaseMax is D_max: for how long a new leader serves nothing. It is fixed when the cluster is created, equal on all
	// nodes, and at least Lease/0.9, which leaves room for clocks whose rates differ by up to a tenth.
	LeaseMax time.Duration
}

// DefaultTimings give a failover in less than a second on a local network.
func DefaultTimings() Timings {
	return Timings{Heartbeat: 300 * time.Millisecond, Election: 300 * time.Millisecond, Lease: 180 * time.Millisecond, LeaseMax: 200 * time.Millisecond}
}

// Hooks are what the stores of a replica tell it.
type Hooks struct {
	// Appended hears of entries that are as durable as the sync policy asks, in log order.
	Appended func([]*raft.Log)
	// Floor is the index at or below which no suffix may be truncated.
	Floor func() uint64
}

// Storage is what a replica keeps on disk.
type Storage struct {
	Log       raft.LogStore
	Stable    raft.StableStore
	Snapshots raft.SnapshotStore
	// Close closes what OpenStorage opened for this replica alone.
	Close io.Closer
}

// Wire is a replica's place on the wire.
type Wire interface {
	raft.Transport
	raft.WithPreVote
	raft.WithClose
	// MatchIndex is the highest index that a node has acknowledged to this node as leader of the current term.
	MatchIndex(node string) uint64
	// AppliedIndex is how far a node's state machine was when it last answered this node as leader of the current term; 0 where
	// it did not answer.
	AppliedIndex(node string) uint64
	// ForgetMatch forgets what the node has acknowledged.
	ForgetMatch(node string)
	// SetApplied sets what tells the leader how far this node's state machine is.
	SetApplied(func() uint64)
}

// Config is what a replica is made of.
type Config struct {
	Group slot.ShardID
	// Node is this node's id: its raft server id and its address in every group.
	Node    string
	Timings Timings
	// OpenStorage opens the stores. It is called once, by Open.
	OpenStorage func(Hooks) (Storage, error)
	Wire        Wire
	Confirmer   *Confirmer
	// Amnesia, if set, guards a replica that may have lost acknowledged entries. The wire must be a GuardWire then.
	Amnesia Amnesia
	// VotesFrom, if set, is where the log of this replica ended when it was a member before and its data was deleted. It votes
	// for no log that ends earlier: what it acknowledged then still counts. The wire must be a GuardWire then.
	VotesFrom transport.LogEnd
	// Bootstrap, if set, is the group's first member set: the same on each of them, and never another for this group.
	// A group that has any log or snapshot ignores it.
	Bootstrap []string
	// Changed hears that leadership may have changed. It must not block.
	Changed func()
	// Slots are what the shard owns from its first start on (data groups only).
	Slots    func() []slot.Range
	Observer executor.Observer
	Limits   executor.Limits
	// HashSeed is the seed of the store's hash: the same on all replicas, so that a SCAN goes on at another one, and not
	// known to clients.
	HashSeed uint64
	// Nonce returns a number that no other call on any node returns.
	Nonce func() uint64
	// Wall is the wall clock, time.Now where it is nil. Intervals are measured without it.
	Wall   func() time.Time
	Logger *slog.Logger
	// Snapshots says when snapshots are taken; zero fields take their defaults.
	Snapshots SnapshotPolicy
	// Turn is the node's: who has it writes a snapshot. nil stands for one of this replica's own.
	Turn *Turn
	// Stamps says how fast access stamps are carried, where the wire is a StampWire; zero fields take their defaults.
	Stamps StampPacing
}

// SnapshotPolicy says when a snapshot is taken and how much log stays behind it.
type SnapshotPolicy struct {
	// Bytes of log entries since the last snapshot, or half of what the store takes where that is more. Default 64 MiB:
	// about a second of restart.
	Bytes uint64
	// Trailing is how many entries stay in the log behind a snapshot, so that a follower that was away for a moment
	// needs no snapshot. Default 1,024.
	Trailing uint64
}

func (p SnapshotPolicy) withDefaults() SnapshotPolicy {
	if p.Bytes == 0 {
		p.Bytes = 64 << 20
	}
	if p.Trailing == 0 {
		p.Trailing = 1024
	}
	return p
}

// maxAppendEntries bounds the entries of one AppendEntries and of raft's queue of proposals. Entries are batches, so a
// few are enough; the transport bounds bytes.
const maxAppendEntries = 128

func (c Config) raftConfig() *raft.Config {
	rc := raft.DefaultConfig()
	rc.LocalID = raft.ServerID(c.Node)
	rc.HeartbeatTimeout = c.Timings.Heartbeat
	rc.ElectionTimeout = c.Timings.Election
	rc.LeaderLeaseTimeout = c.Timings.Heartbeat * 5 / 6
	// A follower learns a commit index with the next entries, or after CommitTimeout. Stale readers on followers wait
	// that long, and nobody else.
	rc.CommitTimeout = 50 * time.Millisecond
	rc.MaxAppendEntries = maxAppendEntries
	rc.BatchApplyCh = true
	rc.ShutdownOnRemove = false
	rc.NoLegacyTelemetry = true
	rc.SnapshotThreshold = math.MaxUint64 // snapshotWhenDue decides
	rc.TrailingLogs = c.Snapshots.Trailing
	rc.Logger = raftLogger(c.Logger, c.Group)
	return rc
}
