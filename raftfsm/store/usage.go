package store

import (
	"time"

	"github.com/holtcache/holt/raftfsm/store/slab"
)

// Usage is what eviction knows of a key.
type Usage struct {
	// Frequency tells that the policy goes by how often keys are used: Freq says it. Otherwise Idle says how long ago the
	// last use was.
	Frequency bool
	Freq      uint8
	Idle      time.Duration
	// Bytes is what the key takes in memory: its cell and its share of the tables.
	Bytes int64
}

// CellBytes is what a key that holds item takes, or will take, in memory. A value that was changed in place may have more
// room than it needs; of a key in the store MemoryLocked tells exactly.
func CellBytes(key []byte, item Item) int64 {
	h := header{key: key, valueLen: len(item.Value), typ: item.Type, expireAt: item.ExpireAt, version: item.Version}
	n, _ := h.bytes()
	return int64(slab.SizeOf(n) + cellShareBytes)
}
