package logstore

import "time"

// LogStats counts what a log did since it was opened.
type LogStats struct {
	Appends     uint64 // calls of StoreLogs that returned nil
	Entries     uint64 // entries in them
	CacheHits   uint64 // reads answered from memory
	CacheMisses uint64 // reads from the file
	Truncations uint64 // suffixes deleted after a conflict
}

// Stats returns the counters.
func (l *Log) Stats() LogStats {
	return LogStats{
		Appends:     l.appends.Load(),
		Entries:     l.entries.Load(),
		CacheHits:   l.hits.Load(),
		CacheMisses: l.misses.Load(),
		Truncations: l.truncations.Load(),
	}
}

// WritingFor returns how long the write under way has taken so far, 0 if there is none. A disk that hangs shows here:
// raft itself keeps sending heartbeats (hashicorp/raft#503).
func (l *Log) WritingFor() time.Duration {
	started := l.started.Load()
	if started == 0 {
		return 0
	}
	return max(time.Since(time.Unix(0, started)), 1)
}
