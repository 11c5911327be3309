package respserver

import (
	"sync/atomic"
	"time"
)

// tallyRows is how many different commands, or different times of them, a connection sums up before it adds them to the
// counters that all share.
const tallyRows = 8

// tally sums up the commands of a round. A pipeline of equal commands costs a few atomic additions, not as many for each.
type tally struct {
	sums [tallyRows]tallySum
	used int
}

type tallySum struct {
	row    *row
	step   int
	calls  uint64
	failed uint64
	total  time.Duration
}

func (t *tally) add(conn int64, r *row, took time.Duration, how outcome) {
	step := stepOf(took)
	at := -1
	for i := t.used - 1; i >= 0; i-- {
		if t.sums[i].row == r && t.sums[i].step == step {
			at = i
			break
		}
	}
	if at < 0 {
		if t.used == tallyRows {
			t.flush(conn)
		}
		at = t.used
		t.used++
		t.sums[at] = tallySum{row: r, step: step}
	}
	sum := &t.sums[at]
	sum.calls++
	sum.total += took
	if how == failed {
		sum.failed++
	}
}

// flush adds the sums to the counters of their rows.
func (t *tally) flush(conn int64) {
	for i := range t.sums[:t.used] {
		t.sums[i].row.count(conn, &t.sums[i])
		t.sums[i].row = nil
	}
	t.used = 0
}

// countedParts is among how many counters the connections are spread, as in lookups.
const countedParts = 8

// counted counts the commands of one row that have ended. The array is there once the command is used.
type counted struct {
	parts atomic.Pointer[[countedParts]countedPart]
}

type countedPart struct {
	steps  [latencySteps]atomic.Uint64
	total  atomic.Int64
	failed atomic.Uint64
	_      [48]byte // the rest of a cache line
}

func (r *row) count(conn int64, sum *tallySum) {
	parts := r.ended.parts.Load()
	for parts == nil {
		r.ended.parts.CompareAndSwap(nil, new([countedParts]countedPart))
		parts = r.ended.parts.Load()
	}
	part := &parts[uint64(conn)%countedParts]
	part.steps[sum.step].Add(sum.calls)
	part.total.Add(int64(sum.total))
	if sum.failed > 0 {
		part.failed.Add(sum.failed)
	}
}

// sum is what was counted since the last reset. What ends at that moment may be lost.
func (c *counted) sum() (took Latency, failed uint64) {
	parts := c.parts.Load()
	if parts == nil {
		return took, 0
	}
	for i := range parts {
		for step := range took.Counts {
			took.Counts[step] += parts[i].steps[step].Load()
		}
		took.Total += time.Duration(parts[i].total.Load())
		failed += parts[i].failed.Load()
	}
	return took, failed
}

func (c *counted) reset() { c.parts.Store(nil) }
