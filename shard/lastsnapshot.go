package shard

import (
	"strconv"
	"strings"
	"time"
)

// LastSnapshot is when the newest snapshot of this replica was begun, the zero time where there is none. Snapshot stores
// name a snapshot "term-index-milliseconds", as raft.FileSnapshotStore does; of other names nothing is known.
func (m *member) LastSnapshot() time.Time {
	metas, err := m.storage.Snapshots.List()
	if err != nil || len(metas) == 0 {
		return time.Time{}
	}
	id := metas[0].ID
	ms, err := strconv.ParseInt(id[strings.LastIndexByte(id, '-')+1:], 10, 64)
	if err != nil {
		return time.Time{}
	}
	return time.UnixMilli(ms)
}
