package shard

import (
	"strconv"
	"strings"
	"time"

	"github.com/hashicorp/raft"
)

// LastSnapshot is when the newest snapshot of this replica was complete, or begun if that was before the start; the zero
// time where there is none.
func (m *member) LastSnapshot() time.Time {
	m.saves.mu.Lock()
	defer m.saves.mu.Unlock()
	return m.saves.status.Last
}

// newestBegan is when the newest snapshot of a store was begun. Stores name a snapshot "term-index-milliseconds", as
// raft.FileSnapshotStore does; of other names nothing is known.
func newestBegan(s raft.SnapshotStore) time.Time {
	metas, err := s.List()
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
