package host

import (
	"fmt"

	"github.com/holtcache/holt/shard/logstore"
)

// firstSync is the policy of every start: until a node knows the cluster's setting it goes by the strongest, which is
// never weaker than that.
const firstSync = logstore.SyncAlways

// SyncPolicy is when the log of this node is synced. It may be called at any time.
func (f *Folder) SyncPolicy() logstore.SyncPolicy {
	if !f.ready.Load() || f.WAL == nil {
		return firstSync
	}
	return f.WAL.Sync()
}

// SetSync makes the log go by another policy. A stronger one is in force when it returns. A weaker one is in the record of
// the run, durably, before anything is acknowledged under it: that is what the amnesia guard of the next start goes by.
// A log in raft-boltdb stays with always.
func (f *Folder) SetSync(p logstore.SyncPolicy) error {
	if f.WAL == nil {
		return nil
	}
	f.policy.Lock()
	defer f.policy.Unlock()
	steps := []func(logstore.SyncPolicy) error{f.WAL.SetSync, f.Run.SetSync}
	switch now := f.WAL.Sync(); {
	case p == now:
		return nil
	case p > now: // from always to no they get weaker
		steps[0], steps[1] = steps[1], steps[0]
	}
	for _, step := range steps {
		if err := step(p); err != nil {
			return fmt.Errorf("appendfsync %s: %w", p, err)
		}
	}
	return nil
}
