package metrics

import (
	"time"

	"github.com/holtcache/holt/gateway/respserver"
	"github.com/holtcache/holt/shard/executor"
	"github.com/holtcache/holt/shard/logstore"
	"github.com/holtcache/holt/shard/transport"
)

// Facts is what a node tells at one moment.
type Facts struct {
	Version, Node string
	// Ready is what /readyz says, Loading that the data is being loaded.
	Ready, Loading bool
	RESP           respserver.Stats
	// Hits and Misses count the keys that reads have looked for, RESP and gRPC.
	Hits, Misses uint64
	// MemoryUsed is what keys and values take on all replicas of this node, in bytes, MemoryLimit bounds it, 0 for no limit.
	MemoryUsed, MemoryLimit int64
	// Epoch is that of the slot map; 0 while this node belongs to no cluster.
	Epoch  uint64
	Shards []Shard
	// Nodes counts the nodes of the cluster by what gossip believes of them.
	Nodes map[string]int
	// Migrations counts those of the cluster that have not ended.
	Migrations int
	// Transport is nil while this node belongs to no cluster, Log where the logs are not kept by the write-ahead log.
	Transport *transport.Stats
	Log       *logstore.WALStats
}

// Shard is one replica of this node.
type Shard struct {
	ID      uint64
	Leads   bool
	Serving bool
	// Term is the Raft term, Last, Committed and Applied are log indexes.
	Term, Last, Committed, Applied uint64
	Keys, Expires                  int
	Executor                       executor.Stats
	// LastSnapshot is when the newest snapshot was complete, zero for never; SnapshotTook is for how long it was written.
	LastSnapshot time.Time
	SnapshotTook time.Duration
	// SnapshotFailed tells that the last attempt did; Unsaved counts the changes of keys since the newest.
	SnapshotFailed     bool
	Snapshots, Unsaved uint64
}
