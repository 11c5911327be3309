package executor

import (
	"sync/atomic"

	"github.com/holtcache/holt/proto/slot"
)

// readParts is among how many counters reads are spread, so that those of different slots do not take a cache line from each
// other.
const readParts = 16

// readCounter counts reads.
type readCounter [readParts]struct {
	atomic.Uint64
	_ [56]byte // the rest of a cache line
}

func (c *readCounter) add(s slot.ID) { c[s%readParts].Add(1) }

func (c *readCounter) sum() (n uint64) {
	for i := range c {
		n += c[i].Load()
	}
	return n
}

type counters struct {
	reads                                                                       readCounter
	evaluated, batches, batchBytes, skipped, expired, evicted, refusedOOM, held atomic.Uint64
}

// Stats counts what this replica's executor has done since it was opened.
type Stats struct {
	// Evaluated counts requests, Batches and BatchBytes what was proposed for them.
	Evaluated, Batches, BatchBytes uint64
	// Skipped counts records that failed the fence.
	Skipped uint64
	// Expired counts keys that were deleted because their expiry had passed, Evicted those that went because the shard's
	// memory was used up: those that this replica, leading, has deleted. RefusedOOM counts requests that were refused
	// because nothing could be evicted for them.
	Expired, Evicted, RefusedOOM uint64
	// UsedBytes is what the keys take once all that is evaluated has been applied; BudgetBytes bounds it, 0 for no limit.
	UsedBytes, BudgetBytes int64
	// Reads counts reads that no executor evaluated: by lease, by a quorum's word, and stale ones.
	Reads uint64
	// Held counts looks at values that were not committed yet; their replies waited for the commit.
	Held uint64
	// Queued is how many requests wait for evaluation now.
	Queued int
}

// Stats returns the counts.
func (e *Executor) Stats() Stats {
	return Stats{
		Evaluated: e.stats.evaluated.Load(), Batches: e.stats.batches.Load(), BatchBytes: e.stats.batchBytes.Load(),
		Skipped: e.stats.skipped.Load(), Expired: e.stats.expired.Load(), Evicted: e.stats.evicted.Load(), RefusedOOM: e.stats.refusedOOM.Load(),
		UsedBytes: e.memory.projected.Load(), BudgetBytes: e.Eviction().BudgetBytes,
		Reads: e.stats.reads.sum(), Held: e.stats.held.Load(), Queued: e.queued(),
	}
}
