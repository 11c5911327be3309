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

	// LastSave is when the last snapshot was written; SaveRunning that one is being written.
	LastSave    time.Time
	SaveRunning bool
	SaveFailed  bool

	Shards []ShardFacts
	// CPUUser and CPUSystem are what the process has used.
	CPUUser, CPUSystem time.Duration
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
