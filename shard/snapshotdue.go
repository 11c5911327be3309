package shard

import (
	"time"

	"github.com/hashicorp/raft"
)

const (
	// storeShare is which part of the store's size has to go into the log before bytes alone ask for a snapshot: a
	// snapshot costs as much as the store is large, so a share keeps its cost in proportion to what was written, and a
	// restart no longer than loading the store and half as much log.
	storeShare = 2

	// retryFirst and retryMax bound the time between attempts that fail. Redis waits 5 s; a full disk does not become
	// empty by writing to it more often.
	retryFirst = 5 * time.Second
	retryMax   = 5 * time.Minute

	// backlogSamples is how many entries are looked at to know about how large the log is.
	backlogSamples = 64
)

// snapshotWhenDue is the only one who decides on snapshots; raft's own trigger, which counts entries, is off.
func (m *member) snapshotWhenDue() {
	ticker := time.NewTicker(time.Second)
	defer ticker.Stop()
	var retry time.Duration
	var failedAt time.Time
	for {
		select {
		case <-m.ctx.Done():
			return
		case <-ticker.C:
		}
		if !m.due() || time.Since(failedAt) < retry {
			continue
		}
		err := m.Snapshot(m.ctx)
		switch {
		case err == nil:
			retry = 0
		case m.ctx.Err() == nil:
			retry, failedAt = min(max(2*retry, retryFirst), retryMax), time.Now()
			m.cfg.Logger.Warn("snapshot was not taken: the log stays as long as it is. See that the disk has room",
				"shard", m.cfg.Group, "err", err, "retry_in", retry)
		}
	}
}

// due tells whether enough bytes have gone into the log, or a save rule is met.
func (m *member) due() bool {
	enough := m.cfg.Snapshots.Bytes
	if m.keys != nil {
		enough = max(enough, uint64(m.keys.UsedBytes())/storeShare)
	}
	if m.logBytes.Load()-m.snapAt.Load() >= enough {
		return true
	}
	rules := m.saveRules.Load()
	if rules == nil || m.keys == nil {
		return false
	}
	unsaved, last := m.keys.Unsaved(), m.LastSnapshot()
	if last.IsZero() {
		last = m.opened
	}
	for _, r := range *rules {
		if unsaved >= max(r.Changes, 1) && time.Since(last) >= r.Every {
			return true
		}
	}
	return false
}

// backlogBytes is about how many bytes of log a start finds behind its newest snapshot: without it, a node that is
// started often would never take one.
func backlogBytes(s Storage) uint64 {
	first, err := s.Log.FirstIndex()
	if err != nil || first == 0 {
		return 0
	}
	last, err := s.Log.LastIndex()
	if err != nil {
		return 0
	}
	if metas, err := s.Snapshots.List(); err == nil && len(metas) > 0 {
		first = max(first, metas[0].Index+1)
	}
	if first > last {
		return 0
	}
	entries := last - first + 1
	samples := min(entries, backlogSamples)
	sum := uint64(0)
	for i := range samples {
		var l raft.Log
		if s.Log.GetLog(first+i*entries/samples, &l) == nil { // raft meets what cannot be read
			sum += uint64(len(l.Data)) + logOverheadBytes
		}
	}
	return sum / samples * entries
}
