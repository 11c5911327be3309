package logstore

import "fmt"

// Sync is the policy in force.
func (w *WAL) Sync() SyncPolicy { return SyncPolicy(w.policy.Load()) }

// SetSync changes the policy while groups write. A stronger one is in force when it returns: everything that was
// acknowledged before is as durable as if the policy had held all along. A weaker one is in force from some moment
// during the call on, so whoever keeps account of the weakest policy (Run.SetSync) does that before.
//
// The writer decides by the policy at the time of the write. A batch that was decided by the old policy was taken before
// the request below came, so that request's fsync covers it. The syncer is woken after the change because a writer may
// have looked just before it and not woken it, and because one may wait in waitForSync for a sync that everysec would
// have brought.
func (w *WAL) SetSync(p SyncPolicy) error {
	if p < SyncAlways || p > SyncNo {
		return fmt.Errorf("%w: %s; use always, everysec or no", ErrSyncPolicy, p)
	}
	old := SyncPolicy(w.policy.Swap(uint32(p)))
	w.wakeSyncer()
	if p >= old {
		return nil
	}
	if err := w.do(newWALRequest(nil, doneWhenSynced)); err != nil {
		return fmt.Errorf("sync the write-ahead log %s for appendfsync %s: %w", w.cfg.Dir, p, err)
	}
	return nil
}
