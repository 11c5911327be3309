package meta

import storagev1 "github.com/holtcache/holt/proto/holt/storage/v1"

// Fsync says when a replica syncs its log. The zero value means "not set".
type Fsync uint8

// The fsync policies, as Redis names them.
const (
	FsyncAlways   = Fsync(storagev1.FsyncPolicy_FSYNC_POLICY_ALWAYS)
	FsyncEverySec = Fsync(storagev1.FsyncPolicy_FSYNC_POLICY_EVERYSEC)
	FsyncNo       = Fsync(storagev1.FsyncPolicy_FSYNC_POLICY_NO)
)

// AckMode says what an acknowledged write has reached. The zero value means "not set".
type AckMode uint8

// The ack modes: committed, or in the leader's log.
const (
	AckMajority = AckMode(storagev1.AckMode_ACK_MODE_MAJORITY)
	AckAsync    = AckMode(storagev1.AckMode_ACK_MODE_ASYNC)
)

// ReadMode says how a leader makes sure that it still leads before it answers a read. The zero value means "not set".
type ReadMode uint8

// The read modes. Stale reads are asked for by connection, never by default.
const (
	ReadLease = ReadMode(storagev1.ReadMode_READ_MODE_LEASE)
	ReadIndex = ReadMode(storagev1.ReadMode_READ_MODE_INDEX)
)

// EvictionPolicy says which keys go when a shard is full, by the names of Redis. The zero value means "not set".
type EvictionPolicy uint8

// The eviction policies. The volatile ones choose among keys that have an expiry.
const (
	NoEviction     = EvictionPolicy(storagev1.EvictionPolicy_EVICTION_POLICY_NOEVICTION)
	AllKeysLRU     = EvictionPolicy(storagev1.EvictionPolicy_EVICTION_POLICY_ALLKEYS_LRU)
	VolatileLRU    = EvictionPolicy(storagev1.EvictionPolicy_EVICTION_POLICY_VOLATILE_LRU)
	AllKeysLFU     = EvictionPolicy(storagev1.EvictionPolicy_EVICTION_POLICY_ALLKEYS_LFU)
	VolatileLFU    = EvictionPolicy(storagev1.EvictionPolicy_EVICTION_POLICY_VOLATILE_LFU)
	AllKeysRandom  = EvictionPolicy(storagev1.EvictionPolicy_EVICTION_POLICY_ALLKEYS_RANDOM)
	VolatileRandom = EvictionPolicy(storagev1.EvictionPolicy_EVICTION_POLICY_VOLATILE_RANDOM)
	VolatileTTL    = EvictionPolicy(storagev1.EvictionPolicy_EVICTION_POLICY_VOLATILE_TTL)
)

var (
	fsyncNames    = []string{"", "always", "everysec", "no"}
	ackNames      = []string{"", "majority", "async"}
	readNames     = []string{"", "lease", "index"}
	evictionNames = []string{
		"", "noeviction", "allkeys-lru", "volatile-lru", "allkeys-lfu", "volatile-lfu", "allkeys-random", "volatile-random", "volatile-ttl",
	}
)

// What is said of a word that is none of the choices, in the order in which Redis names them.
const (
	fsyncChoices    = "argument(s) must be one of the following: everysec, always, no"
	ackChoices      = "argument(s) must be one of the following: majority, async"
	readChoices     = "argument(s) must be one of the following: lease, index"
	evictionChoices = "argument(s) must be one of the following: volatile-lru, volatile-lfu, volatile-random, volatile-ttl," +
		" allkeys-lru, allkeys-lfu, allkeys-random, noeviction"
)

// String is the name of the policy, as in --appendfsync.
func (f Fsync) String() string { return nameOf(fsyncNames, int(f)) }

// String is the name of the mode.
func (m AckMode) String() string { return nameOf(ackNames, int(m)) }

// String is the name of the mode.
func (m ReadMode) String() string { return nameOf(readNames, int(m)) }

// String is the name of the policy, as in Redis' maxmemory-policy.
func (p EvictionPolicy) String() string { return nameOf(evictionNames, int(p)) }

func nameOf(names []string, i int) string {
	if i > 0 && i < len(names) {
		return names[i]
	}
	return "unset"
}
