package shard

import "time"

// SaveRule asks for a snapshot once Every has passed since the last one and Changes keys were written since then
// (redis.conf, "save").
type SaveRule struct {
	Every   time.Duration
	Changes uint64
}

// SetSaveRules changes at once when snapshots are taken beside the trigger by bytes; none means by bytes alone.
func (m *member) SetSaveRules(rules []SaveRule) { m.saveRules.Store(&rules) }
