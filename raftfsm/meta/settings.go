package meta

import (
	"time"

	"github.com/holtcache/holt/proto/apierr"
	storagev1 "github.com/holtcache/holt/proto/holt/storage/v1"
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
}

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

var (
	fsyncNames = []string{"", "always", "everysec", "no"}
	ackNames   = []string{"", "majority", "async"}
	readNames  = []string{"", "lease", "index"}
)

// String is the name of the policy, as in --appendfsync.
func (f Fsync) String() string { return nameOf(fsyncNames, int(f)) }

// String is the name of the mode.
func (m AckMode) String() string { return nameOf(ackNames, int(m)) }

// String is the name of the mode.
func (m ReadMode) String() string { return nameOf(readNames, int(m)) }

func nameOf(names []string, i int) string {
	if i > 0 && i < len(names) {
		return names[i]
	}
	return "unset"
}

// Bounds of the durations. Below the lower ones a busy machine loses its leaders all the time; above the upper one a
// failover takes minutes, which is a slip of the pen.
const (
	heartbeatMin = 50 * time.Millisecond
	leaseMin     = 10 * time.Millisecond
	durationMax  = time.Minute
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

// Proto is the form in which the settings travel in InitCluster.
func (s Settings) Proto() *storagev1.MetaSettings {
	return &storagev1.MetaSettings{
		Replicas:    uint32(s.Replicas),
		Shards:      uint32(s.Shards),
		ExpectNodes: uint32(s.ExpectNodes),
		HeartbeatMs: uint64(s.Heartbeat.Milliseconds()),
		LeaseMs:     uint64(s.Lease.Milliseconds()),
		LeaseMaxMs:  uint64(s.LeaseMax.Milliseconds()),
		Appendfsync: storagev1.FsyncPolicy(s.AppendFsync),
		DefaultAck:  storagev1.AckMode(s.DefaultAck),
		DefaultRead: storagev1.ReadMode(s.DefaultRead),
	}
}

// SettingsFromProto is the inverse of Proto.
func SettingsFromProto(p *storagev1.MetaSettings) Settings {
	return Settings{
		Replicas:    int(p.GetReplicas()),
		Shards:      int(p.GetShards()),
		ExpectNodes: int(p.GetExpectNodes()),
		Heartbeat:   fromMs(p.GetHeartbeatMs()),
		Lease:       fromMs(p.GetLeaseMs()),
		LeaseMax:    fromMs(p.GetLeaseMaxMs()),
		AppendFsync: enumFromProto[Fsync](p.GetAppendfsync()),
		DefaultAck:  enumFromProto[AckMode](p.GetDefaultAck()),
		DefaultRead: enumFromProto[ReadMode](p.GetDefaultRead()),
	}
}

// enumFromProto reads a number that fits no enum of ours as "not set", rather than cutting it to one that does.
func enumFromProto[T ~uint8, P ~int32](p P) T {
	if p < 0 || p > 255 {
		return 0
	}
	return T(p)
}

// fromMs reads a duration that a time.Duration cannot hold as one that is over every bound.
func fromMs(ms uint64) time.Duration {
	return time.Duration(min(ms, uint64(durationMax.Milliseconds())+1)) * time.Millisecond
}
