package logstore

import "sync/atomic"

type walCounters struct {
	requests, writes, syncs, bytes, moved, stalls atomic.Uint64
}

// WALStats counts what the log did since it was opened, and how large it is.
type WALStats struct {
	Requests   uint64 // writes that groups asked for
	Writes     uint64 // writes to the file they took
	Syncs      uint64 // fsyncs they took
	Bytes      uint64 // written, with frames
	MovedBytes uint64 // copied to free old segments
	Stalls     uint64 // batches that waited for a late fsync (everysec)
	Segments   int
	DiskBytes  int64 // of all segments, without what is reserved
}

// Stats returns the counters.
func (w *WAL) Stats() WALStats {
	s := WALStats{
		Requests: w.stats.requests.Load(), Writes: w.stats.writes.Load(), Syncs: w.stats.syncs.Load(),
		Bytes: w.stats.bytes.Load(), MovedBytes: w.stats.moved.Load(), Stalls: w.stats.stalls.Load(),
		DiskBytes: w.diskBytes.Load(),
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	s.Segments = len(w.segments)
	return s
}
