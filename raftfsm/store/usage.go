package store

import "time"

// Usage is what eviction knows of a key.
type Usage struct {
	// Frequency tells that the policy goes by how often keys are used: Freq is the logarithmic counter of uses then.
	Frequency bool
	Freq      uint8
	// Idle is how long ago the key was used, to the second; to the minute where the policy goes by frequency.
	Idle time.Duration
	// Bytes is what the key takes in memory: its cell and its share of the tables.
	Bytes int64
}
