package meta

import (
	"github.com/holtcache/holt/proto/apierr"
	storagev1 "github.com/holtcache/holt/proto/holt/storage/v1"
)

// changesMax bounds the settings of one command: more than there are.
const changesMax = 64

// changeSetting changes one setting. There is nothing to compare with: the last operator wins.
func (v *values) changeSetting(c *storagev1.ChangeSetting, r *Result) error {
	settings, err := v.settings.with(c, len(v.shards) > 0)
	if err != nil {
		return err
	}
	return v.useSettings(settings, r)
}

// changeSettings changes several settings and what one node may hold, all or none.
func (v *values) changeSettings(c *storagev1.ChangeSettings, r *Result) error {
	if len(c.Changes) > changesMax {
		return apierr.New(apierr.KindTooLarge, "%d settings are to be changed, at most %d can be (limit changesMax); not applied", len(c.Changes), changesMax)
	}
	settings := v.settings
	for _, change := range c.Changes {
		var err error
		if settings, err = settings.with(change, len(v.shards) > 0); err != nil {
			return err
		}
	}
	if c.NodeMemory != nil {
		if err := v.setNodeMemory(c.NodeMemory, r); err != nil {
			return err
		}
	}
	return v.useSettings(settings, r)
}

// With is the settings after a change, before a cluster is created with them.
func (s Settings) With(c *storagev1.ChangeSetting) (Settings, error) { return s.with(c, false) }

// with is the settings after a change. created tells that the shards have been created.
func (s Settings) with(c *storagev1.ChangeSetting, created bool) (Settings, error) {
	tooLate := func(name string) error {
		if !created {
			return nil
		}
		return apierr.New(apierr.KindInvalid, "setting %s: the shards have been created; not applied, it counts only before that", name)
	}
	var err error
	switch c := c.Setting.(type) {
	case *storagev1.ChangeSetting_Replicas:
		s.Replicas = int(c.Replicas)
	case *storagev1.ChangeSetting_Shards:
		s.Shards, err = int(c.Shards), tooLate("shards")
	case *storagev1.ChangeSetting_ExpectNodes:
		s.ExpectNodes, err = int(c.ExpectNodes), tooLate("expect-nodes")
	case *storagev1.ChangeSetting_HeartbeatMs:
		s.Heartbeat = fromMs(c.HeartbeatMs)
	case *storagev1.ChangeSetting_LeaseMs:
		s.Lease = fromMs(c.LeaseMs)
	case *storagev1.ChangeSetting_LeaseMaxMs:
		err = apierr.New(apierr.KindInvalid, "setting lease-max is fixed at %v since the cluster began, because leaders wait that long for leases of others to end; not applied, change lease instead", s.LeaseMax)
	case *storagev1.ChangeSetting_Appendfsync:
		s.AppendFsync = enumFromProto[Fsync](c.Appendfsync)
	case *storagev1.ChangeSetting_DefaultAck:
		s.DefaultAck = enumFromProto[AckMode](c.DefaultAck)
	case *storagev1.ChangeSetting_DefaultRead:
		s.DefaultRead = enumFromProto[ReadMode](c.DefaultRead)
	case *storagev1.ChangeSetting_MaxmemoryPolicy:
		s.MaxMemoryPolicy = enumFromProto[EvictionPolicy](c.MaxmemoryPolicy)
	case *storagev1.ChangeSetting_MaxmemorySamples:
		s.MaxMemorySamples = int(c.MaxmemorySamples)
	case *storagev1.ChangeSetting_LfuLogFactor:
		s.LFULogFactor = int(c.LfuLogFactor)
	case *storagev1.ChangeSetting_LfuDecayTime:
		s.LFUDecayMinutes = int(c.LfuDecayTime)
	case *storagev1.ChangeSetting_Save:
		s.Save = c.Save
	case *storagev1.ChangeSetting_MigrationRate:
		s.MigrationRateBytes = rateFromProto(c.MigrationRate)
	case *storagev1.ChangeSetting_NodeDeadAfterMs:
		s.NodeDeadAfter = deadAfterFromMs(c.NodeDeadAfterMs)
	default:
		err = apierr.New(apierr.KindInvalid, "change setting: none given; not applied")
	}
	return s, err
}

// useSettings makes settings those of the cluster if they are allowed.
func (v *values) useSettings(settings Settings, r *Result) error {
	if settings == v.settings {
		return nil
	}
	if err := settings.Check(); err != nil {
		return err
	}
	if len(v.shards) == 0 {
		if err := settings.checkBeginning(); err != nil {
			return err
		}
	}
	v.settings = settings
	r.Changed = true
	return nil
}

// setNodeMemory notes what a node may hold. The newest start of a node speaks for it.
func (v *values) setNodeMemory(c *storagev1.SetNodeMemory, r *Result) error {
	i, known := v.findNode(c.Id)
	switch {
	case !known || v.nodes[i].Phase != NodeRegistered:
		return apierr.New(apierr.KindNotFound, "node %.100s is not registered; not applied, see holt cluster nodes", c.Id)
	case v.nodes[i].StartCount != c.StartCount:
		return apierr.New(apierr.KindInvalid, "node %s: start %d has registered, not start %d; not applied", c.Id, v.nodes[i].StartCount, c.StartCount)
	case c.MaxBytes > memoryBytesMax:
		return apierr.New(apierr.KindTooLarge, "node %s: maxmemory of %d bytes is over the limit of %d (limit memoryBytesMax); not applied", c.Id, c.MaxBytes, uint64(memoryBytesMax))
	case v.nodes[i].MaxMemoryBytes == int64(c.MaxBytes):
		return nil
	}
	node := v.nodes[i]
	node.MaxMemoryBytes = int64(c.MaxBytes)
	v.putNode(node)
	r.Changed = true
	return nil
}
