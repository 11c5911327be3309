package respserver

import "time"

// InfoFacts is what INFO tells beyond the server's own counts; gateway/node supplies it.
type InfoFacts struct {
	// Version is Holt's own; to clients that ask for Redis' we say redisVersion.
	Version string
	// Node is the node's id; ConfigFile and DataDir are where it keeps things, empty where there are none.
	Node, ConfigFile, DataDir string
	Started                   time.Time
	Port                      int

	// UsedBytes is what keys and values take, RSSBytes the whole process, LimitBytes the budget; 0 means no limit.
	UsedBytes, RSSBytes, LimitBytes int64
	EvictionPolicy                  string

	// Expires is how many keys have an expiry; Expired and Evicted count keys since the start.
	Expires          int
	Expired, Evicted uint64

	// LastSave is when the last snapshot was written; SaveRunning that one is being written.
	LastSave    time.Time
	SaveRunning bool
	SaveFailed  bool

	// Loading is set while the node loads its data.
	Loading *LoadingFacts

	Shards []ShardFacts
	// CPUUser and CPUSystem are what the process has used.
	CPUUser, CPUSystem time.Duration
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
