package meta

import (
	"time"

	"github.com/holtcache/holt/proto/apierr"
)

// Settings are those of the whole cluster.
type Settings struct {
	// Replicas of each shard: 1, 3 or 5; 0 means the smaller of 3 and the nodes, made odd.
	Replicas int
	// Shards is how many to create in the beginning; 0 means one per node.
	Shards int
	// ExpectNodes is how many nodes to wait for before the shards are created.
	ExpectNodes int
	// Heartbeat is the heartbeat timeout as well as the election timeout.
	Heartbeat time.Duration
	// Lease is how long a leader may serve reads without asking again. Invariant: at most 0.9 LeaseMax, so that clocks
	// may differ in speed.
	Lease time.Duration
	// LeaseMax is how long a new leader waits for leases of others to end. Invariant: never changes, because leaders that
	// have not heard of a change would go by another.
	LeaseMax time.Duration
	// AppendFsync says when a replica syncs its log.
	AppendFsync Fsync
	// DefaultAck holds for writes whose client says nothing.
	DefaultAck AckMode
	// DefaultRead holds for reads whose client says nothing.
	DefaultRead ReadMode
	// MaxMemoryPolicy says which keys go when a shard is full, and MaxMemorySamples how many are looked at for each.
	MaxMemoryPolicy  EvictionPolicy
	MaxMemorySamples int
	// LFULogFactor makes the counter of uses grow more slowly; LFUDecayMinutes is the time in which it loses one, 0 for
	// never.
	LFULogFactor, LFUDecayMinutes int
	// Save says when snapshots are taken, as ParseSave reads it. Invariant: it is as FormatSave writes it.
	Save string
	// MigrationRateBytes is how many bytes a second a shard sends at most when its slots move away; 0 means no limit.
	MigrationRateBytes int64
	// NodeDeadAfter is how long a node may be silent before its replicas are built elsewhere; 0 means for ever.
	NodeDeadAfter time.Duration
}

// Bounds of the durations. Below the lower ones a busy machine loses its leaders all the time; above the upper one a
// failover takes minutes, which is a slip of the pen.
const (
	heartbeatMin = 50 * time.Millisecond
	leaseMin     = 10 * time.Millisecond
	durationMax  = time.Minute
)

// Bounds of the settings of eviction.
const (
	// samplesMax is where an eviction by samples is as good as one that looks at every key: more only costs time.
	samplesMax = 64
	// lfuMax is Redis' bound of lfu-log-factor and lfu-decay-time.
	lfuMax = 1<<31 - 1
)

// Bounds of the settings of a cluster whose nodes come and go.
const (
	// rateMin is a key or two a second: below it a migration never ends, which is a slip of the pen.
	rateMin = 1 << 10
	// rateMax is beyond any network, and sums of it never overflow.
	rateMax = 1 << 40
	// deadAfterMin is longer than a failover: a node that is only slow to answer must not be rebuilt.
	deadAfterMin = time.Second
	// deadAfterMax is a month: whoever wants longer wants 0.
	deadAfterMax = 30 * 24 * time.Hour
)

// DefaultSettings are those of a cluster for which nobody says anything, except that it expects one node.
func DefaultSettings() Settings {
	return Settings{
		ExpectNodes: 1,
		Heartbeat:   300 * time.Millisecond,
		Lease:       180 * time.Millisecond,
		LeaseMax:    200 * time.Millisecond,
		AppendFsync: FsyncAlways,
		DefaultAck:  AckMajority,
		DefaultRead: ReadLease,

		MaxMemoryPolicy:  NoEviction,
		MaxMemorySamples: 5,
		LFULogFactor:     10,
		LFUDecayMinutes:  1,
		Save:             "3600 1",

		MigrationRateBytes: 64 << 20,
		NodeDeadAfter:      5 * time.Minute,
	}
}

// Check tells what is wrong with the settings: an *apierr.Error, or nil.
func (s Settings) Check() error {
	if err := CheckReplicas(s.Replicas); err != nil {
		return err
	}
	switch {
	case s.Shards < 0 || s.Shards > ShardsMax:
		return invalidSetting("shards=%d: use 1 to %d, or 0 for one per node", s.Shards, ShardsMax)
	case s.ExpectNodes < 1 || s.ExpectNodes > NodesMax:
		return invalidSetting("expect-nodes=%d: use 1 to %d", s.ExpectNodes, NodesMax)
	case s.Heartbeat < heartbeatMin || s.Heartbeat > durationMax:
		return invalidSetting("heartbeat=%v: use %v to %v", s.Heartbeat, heartbeatMin, durationMax)
	case s.LeaseMax < leaseMin || s.LeaseMax > durationMax:
		return invalidSetting("lease-max=%v: use %v to %v", s.LeaseMax, leaseMin, durationMax)
	case s.Lease <= 0 || s.Lease*10 > s.LeaseMax*9:
		return invalidSetting("lease=%v: use at most 0.9 of lease-max, which is %v, so that clocks may differ in speed", s.Lease, s.LeaseMax)
	case nameOf(fsyncNames, int(s.AppendFsync)) == "unset":
		return invalidSetting("appendfsync: use always, everysec or no")
	case nameOf(ackNames, int(s.DefaultAck)) == "unset":
		return invalidSetting("default-ack: use majority or async")
	case nameOf(readNames, int(s.DefaultRead)) == "unset":
		return invalidSetting("default-read: use lease or index")
	}
	if err := s.checkElastic(); err != nil {
		return err
	}
	return s.checkEviction()
}

func (s Settings) checkElastic() error {
	switch {
	case s.MigrationRateBytes != 0 && (s.MigrationRateBytes < rateMin || s.MigrationRateBytes > rateMax):
		return invalidSetting("migration-rate=%d: use %d to %d bytes a second, or 0 for no limit", s.MigrationRateBytes, rateMin, int64(rateMax))
	case s.NodeDeadAfter != 0 && (s.NodeDeadAfter < deadAfterMin || s.NodeDeadAfter > deadAfterMax):
		return invalidSetting("node-dead-after=%v: use %v to %v, or 0 for never", s.NodeDeadAfter, deadAfterMin, deadAfterMax)
	}
	return nil
}

func (s Settings) checkEviction() error {
	switch {
	case nameOf(evictionNames, int(s.MaxMemoryPolicy)) == "unset":
		return invalidSetting("maxmemory-policy: %s", evictionChoices)
	case s.MaxMemorySamples < 1 || s.MaxMemorySamples > samplesMax:
		return invalidSetting("maxmemory-samples=%d: use 1 to %d", s.MaxMemorySamples, samplesMax)
	case s.LFULogFactor < 0 || s.LFULogFactor > lfuMax:
		return invalidSetting("lfu-log-factor=%d: use 0 to %d", s.LFULogFactor, lfuMax)
	case s.LFUDecayMinutes < 0 || s.LFUDecayMinutes > lfuMax:
		return invalidSetting("lfu-decay-time=%d: use 0 to %d", s.LFUDecayMinutes, lfuMax)
	}
	rules, err := ParseSave(s.Save)
	if err != nil || FormatSave(rules) != s.Save {
		return invalidSetting("save=%.100q: use pairs of seconds and changes, such as 3600 1", s.Save)
	}
	return nil
}

// checkBeginning tells whether the shards can be created with these settings once the expected nodes are there.
func (s Settings) checkBeginning() error {
	if s.Replicas > s.ExpectNodes {
		return invalidSetting("replicas=%d: that takes %d nodes and expect-nodes is %d; expect more nodes or use fewer replicas", s.Replicas, s.Replicas, s.ExpectNodes)
	}
	return nil
}

// CheckReplicas tells what is wrong with a number of replicas, 0 being the default: an *apierr.Error, or nil.
func CheckReplicas(n int) error {
	switch n {
	case 0, 1, 3, 5:
		return nil
	case 2:
		return apierr.New(apierr.KindInvalid, "--replicas=2: a shard of 2 tolerates no failure; use 1, 3 or 5")
	case 4:
		return apierr.New(apierr.KindInvalid, "--replicas=4: a shard of 4 tolerates no more failures than one of 3; use 1, 3 or 5")
	}
	return apierr.New(apierr.KindInvalid, "--replicas=%d: use 1, 3 or 5", n)
}

func invalidSetting(format string, args ...any) error {
	return apierr.New(apierr.KindInvalid, "setting "+format, args...)
}
