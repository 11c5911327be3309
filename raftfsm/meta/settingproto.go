package meta

import (
	"time"

	storagev1 "github.com/holtcache/holt/proto/holt/storage/v1"
)

// Proto is the form in which the settings travel in InitCluster. A setting that is younger than the form is left out where
// it has the value that holds for clusters without it: so older builds read on until somebody makes use of it.
func (s Settings) Proto() *storagev1.MetaSettings {
	p := &storagev1.MetaSettings{
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
	if s.MaxMemoryPolicy != absentPolicy {
		p.MaxmemoryPolicy = storagev1.EvictionPolicy(s.MaxMemoryPolicy)
	}
	p.MaxmemorySamples = unless(absentSamples, s.MaxMemorySamples)
	p.LfuLogFactor = unless(absentLogFactor, s.LFULogFactor)
	p.LfuDecayTime = unless(absentDecayMinutes, s.LFUDecayMinutes)
	if s.Save != absentSave {
		p.Save = &s.Save
	}
	if s.MigrationRateBytes != absentRateBytes {
		rate := uint64(s.MigrationRateBytes)
		p.MigrationRate = &rate
	}
	if s.NodeDeadAfter != absentDeadAfter {
		ms := uint64(s.NodeDeadAfter.Milliseconds())
		p.NodeDeadAfterMs = &ms
	}
	return p
}

// What holds for a cluster that was written down before there were these settings. They never change, whatever becomes of
// the defaults.
const (
	absentPolicy       = NoEviction
	absentSamples      = 5
	absentLogFactor    = 10
	absentDecayMinutes = 1
	absentSave         = "3600 1"
	absentRateBytes    = 64 << 20
	absentDeadAfter    = 5 * time.Minute
)

// unless is nil for the value that need not be said.
func unless(absent, value int) *uint32 {
	if value == absent {
		return nil
	}
	v := uint32(value)
	return &v
}

// orAbsent is what unless made a pointer of. Numbers beyond every bound stay so.
func orAbsent(p *uint32, absent int) int {
	if p == nil {
		return absent
	}
	return int(*p)
}

// SettingsFromProto is the inverse of Proto. Without a message there are no settings.
func SettingsFromProto(p *storagev1.MetaSettings) Settings {
	s := Settings{
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
	if p == nil {
		return s
	}
	s.MaxMemoryPolicy = absentPolicy
	if p.MaxmemoryPolicy != 0 {
		s.MaxMemoryPolicy = enumFromProto[EvictionPolicy](p.MaxmemoryPolicy)
	}
	s.MaxMemorySamples = orAbsent(p.MaxmemorySamples, absentSamples)
	s.LFULogFactor = orAbsent(p.LfuLogFactor, absentLogFactor)
	s.LFUDecayMinutes = orAbsent(p.LfuDecayTime, absentDecayMinutes)
	s.Save = absentSave
	if p.Save != nil {
		s.Save = *p.Save
	}
	s.MigrationRateBytes, s.NodeDeadAfter = absentRateBytes, absentDeadAfter
	if p.MigrationRate != nil {
		s.MigrationRateBytes = rateFromProto(*p.MigrationRate)
	}
	if p.NodeDeadAfterMs != nil {
		s.NodeDeadAfter = deadAfterFromMs(*p.NodeDeadAfterMs)
	}
	return s
}

// enumFromProto reads a number that fits no enum of ours as "not set", rather than cutting it to one that does.
func enumFromProto[T ~uint8, P ~int32](p P) T {
	if p < 0 || p > 255 {
		return 0
	}
	return T(p)
}

// fromMs reads a duration that a time.Duration cannot hold as one that is over every bound.
func fromMs(ms uint64) time.Duration { return boundedMs(ms, durationMax) }

func deadAfterFromMs(ms uint64) time.Duration { return boundedMs(ms, deadAfterMax) }

// boundedMs reads all that is over a bound as the least that is.
func boundedMs(ms uint64, bound time.Duration) time.Duration {
	return time.Duration(min(ms, uint64(bound.Milliseconds())+1)) * time.Millisecond
}

// rateFromProto reads a rate that an int64 cannot hold as one that is over the bound.
func rateFromProto(rate uint64) int64 { return int64(min(rate, rateMax+1)) }
