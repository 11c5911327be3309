package store

import "time"

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
