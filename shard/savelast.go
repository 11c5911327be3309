package shard

const (
	// lastSaveLog is the least log for which a snapshot before a stop is worth while: a start replays less in some
	// hundredths of a second.
	lastSaveLog = 1 << 20
	// lastSaveShare is which part of the store's size the log must have for that: replaying a byte of log costs several times
	// what loading one of a snapshot does.
	lastSaveShare = 8
)

// LastSave is the size of the store where a snapshot before a stop saves the next start more than it costs; 0 where it does not.
func (m *member) LastSave() int64 {
	if m.keys == nil {
		return 0
	}
	log, store := m.logBytes.Load()-m.snapAt.Load(), m.keys.UsedBytes()
	if log < max(lastSaveLog, uint64(store)/lastSaveShare) {
		return 0
	}
	return max(store, 1)
}
