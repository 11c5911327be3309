package executor

import "github.com/holtcache/holt/raftfsm/store"

// EvictionPolicy says which keys go when a shard is full. The names are those of Redis' maxmemory-policy.
type EvictionPolicy uint8

// The eight policies. The volatile ones choose among keys that have an expiry.
const (
	NoEviction EvictionPolicy = iota
	AllKeysLRU
	VolatileLRU
	AllKeysLFU
	VolatileLFU
	AllKeysRandom
	VolatileRandom
	VolatileTTL
)

var evictionNames = [...]string{
	"noeviction", "allkeys-lru", "volatile-lru", "allkeys-lfu", "volatile-lfu", "allkeys-random", "volatile-random", "volatile-ttl",
}

// String is the name of the policy.
func (p EvictionPolicy) String() string { return evictionNames[p] }

// ParseEvictionPolicy is the inverse of String; false for what is no policy.
func ParseEvictionPolicy(name string) (EvictionPolicy, bool) {
	for i, n := range evictionNames {
		if n == name {
			return EvictionPolicy(i), true
		}
	}
	return 0, false
}

// Eviction says how much a shard may hold, and what goes when it is full.
type Eviction struct {
	Policy EvictionPolicy
	// BudgetBytes bounds the memory of keys and values; 0 means no limit.
	BudgetBytes int64
	// Samples is how many keys are looked at for each that is evicted (maxmemory-samples). Default 5.
	Samples int
	// LFULogFactor and LFUDecayMinutes are store.LFU's (lfu-log-factor, lfu-decay-time).
	LFULogFactor, LFUDecayMinutes int
}

// samplesDefault is Redis' maxmemory-samples.
const samplesDefault = 5

// SetEviction changes the rules of eviction at once, on any replica; the leader goes by them. Where the meaning of access
// stamps changes with the policy, LRU to LFU or back, it converts those of all keys: about a second for ten million.
func (e *Executor) SetEviction(ev Eviction) {
	if ev.Samples == 0 {
		ev.Samples = samplesDefault
	}
	e.stampMu.Lock()
	defer e.stampMu.Unlock()
	e.eviction.Store(&ev)
	e.restamp(&ev)
	e.stampWritesLocked()
}

// Eviction returns the rules of eviction; the zero value is no limit.
func (e *Executor) Eviction() Eviction {
	if ev := e.eviction.Load(); ev != nil {
		return *ev
	}
	return Eviction{}
}

func (p EvictionPolicy) lfu() bool    { return p == AllKeysLFU || p == VolatileLFU }
func (p EvictionPolicy) random() bool { return p == AllKeysRandom || p == VolatileRandom }

func (p EvictionPolicy) volatile() bool {
	return p == VolatileLRU || p == VolatileLFU || p == VolatileRandom || p == VolatileTTL
}

func (ev *Eviction) lfu() store.LFU {
	return store.LFU{LogFactor: ev.LFULogFactor, DecayMinutes: ev.LFUDecayMinutes}
}
