package respserver

import (
	"time"

	"github.com/holtcache/holt/gateway/ops"
)

// InfoFacts is what INFO tells beyond the server's own counts; gateway/node supplies it.
type InfoFacts struct {
	// Version is Holt's own; to clients that ask for Redis' we say redisVersion.
	Version string
	// Node is the node's id; ConfigFile and DataDir are where it keeps things, empty where there are none.
	Node, ConfigFile, DataDir string
	Started                   time.Time
	Port                      int

	Memory MemoryFacts
	// EvictionPolicy is the cluster's maxmemory-policy, AppendFsync the sync policy of this node's log.
	EvictionPolicy, AppendFsync string

	// Expires is how many keys of the shards that this node leads have an expiry.
	Expires int
	// Expired and Evicted count the keys that this node, leading, has deleted for one of these reasons since its start.
	Expired, Evicted uint64
	// Lookups counts what other servers of this node than the RESP server have looked for.
	Lookups ops.Lookups

	Save SaveFacts

	// Loading is set while the node loads its data.
	Loading *LoadingFacts

	Shards []ShardFacts
	// CPUUser and CPUSystem are what the process has used.
	CPUUser, CPUSystem time.Duration
}

// SaveFacts is what is known of the log and the snapshots of this node's shards.
type SaveFacts struct {
	// Last is when the newest snapshot of the shard that was saved longest ago was complete; the zero time means not since
	// the node was started.
	Last time.Time
	// Running tells that a snapshot is being written, Began since when: that of the first one where somebody asked for all.
	Running bool
	Began   time.Time
	// Failed tells that the last snapshot of a shard could not be written.
	Failed bool
	// Took is for how long the last snapshots of all shards were written, one after the other; 0 means none yet.
	Took time.Duration
	// Saves counts snapshots since the start, Unsaved changed keys since the last ones.
	Saves, Unsaved uint64
	// LogBytes is what the logs take on disk.
	LogBytes int64
	// HeldMax and Held tell for how long snapshots have kept a shard from applying writes: times under 0.1 ms, 1 ms,
	// 5 ms, and longer ones.
	HeldMax time.Duration
	Held    [4]uint64
}

// LoadingFacts is how far the node has come with the loading of its data.
type LoadingFacts struct {
	Started                 time.Time
	TotalBytes, LoadedBytes int64
	Percent                 float64
	Remaining               time.Duration
}

// ShardFacts is one replica of this node.
type ShardFacts struct {
	Shard   uint64
	Leads   bool
	Term    uint64
	Applied uint64
	// Replicas is how many replicas the shard has beside this one.
	Replicas int
}

func (s *Server) facts() InfoFacts {
	if s.cfg.Info == nil {
		return InfoFacts{}
	}
	return s.cfg.Info()
}
