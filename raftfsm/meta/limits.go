package meta

// Limits of the state. Each is checked when a command is applied, so raising one needs a new command version.
const (
	// NodesMax is how many nodes a cluster may have: what Redis Cluster recommends as its maximum.
	NodesMax = 1000
	// RemovedMax is how many removed nodes are remembered; it keeps the snapshot of a cluster whose nodes are replaced
	// all the time under a megabyte.
	RemovedMax = 10_000
	// ShardsMax is how many shards a cluster may have. Every shard costs each of its nodes a Raft group.
	ShardsMax = 1024
	// MigrationsMax is how many migrations there may be whose records stand: many times what the nodes carry at once, and
	// few enough for every node to look at all of them whenever the state changes.
	MigrationsMax = 256
	// EndedMigrationsMax is how many migrations are shown after their end: a few screens of people's.
	EndedMigrationsMax = 64
	// migrationRangesMax bounds the ranges of a migration, which stand in log records of both groups: a shard of the largest
	// cluster that owns as many has been cut up by hand.
	migrationRangesMax = 1024
	// reasonBytesMax bounds the reason of an abort: two lines of a terminal.
	reasonBytesMax = 200
	// idBytesMax bounds ids of clusters and nodes; ours have 32 bytes.
	idBytesMax = 64
	// addressBytesMax bounds an address: a host name of 253 bytes (RFC 1035), a colon, a port.
	addressBytesMax = 253 + 1 + 5
	// labelBytesMax bounds zones and program versions, which stand in lists that people read.
	labelBytesMax = 128
	// UsersMax is how many users there may be: people and services, not their end users. It keeps the state below 10 MB with
	// the longest rules, and every node is sent it as a whole.
	UsersMax = 1000
	// userRulesBytesMax bounds what a user may do in words: a hundred passwords, or some hundred patterns.
	userRulesBytesMax = 8 << 10
	// memoryBytesMax bounds what a node may hold: an exabyte, so that sums of it never overflow.
	memoryBytesMax = 1 << 60
)
