package logstore

import "github.com/hashicorp/raft"

const (
	// cacheEntriesDefault covers what followers that keep up still ask for.
	cacheEntriesDefault = 512

	// cacheBytesMax bounds the data that one window keeps alive: 32 batches of 256 KiB. Each byte is two of resident memory,
	// because the collector lets the heap double.
	cacheBytesMax = 8 << 20
)

// window keeps the newest entries of a log in memory. Unlike raft.LogCache it survives compaction, which deletes old
// entries only, and is bounded in bytes. Not safe for concurrent use.
type window struct {
	slots []raft.Log // entry i is at i % len(slots)

	// Invariant: the window holds first..last without a hole, or is empty with last == 0.
	first, last uint64
	bytes       int
	budget      *Budget // counts bytes too; may be nil
}

func newWindow(entries int, budget *Budget) *window {
	if entries <= 0 {
		entries = cacheEntriesDefault
	}
	return &window{slots: make([]raft.Log, entries), budget: budget}
}

func (w *window) get(index uint64, entry *raft.Log) bool {
	if w.last == 0 || index < w.first || index > w.last {
		return false
	}
	*entry = *w.slot(index)
	return true
}

// push adds the entry that follows the last one.
func (w *window) push(entry *raft.Log) {
	if w.last == 0 {
		w.first = entry.Index
	}
	if entry.Index-w.first == uint64(len(w.slots)) {
		w.drop(w.first)
		w.first++
	}
	*w.slot(entry.Index) = *entry
	w.last = entry.Index
	w.count(len(entry.Data))
	for w.bytes > cacheBytesMax && w.first < w.last {
		w.drop(w.first)
		w.first++
	}
}

// keep drops every entry outside first..last.
func (w *window) keep(first, last uint64) {
	if w.last == 0 {
		return
	}
	for ; w.first < first && w.first <= w.last; w.first++ {
		w.drop(w.first)
	}
	for ; w.last > last && w.last >= w.first; w.last-- {
		w.drop(w.last)
	}
	if w.first > w.last {
		w.first, w.last = 0, 0
	}
}

func (w *window) drop(index uint64) {
	w.count(-len(w.slot(index).Data))
	*w.slot(index) = raft.Log{} // lets the data go
}

func (w *window) count(bytes int) {
	w.bytes += bytes
	if w.budget != nil {
		w.budget.used.Add(int64(bytes))
	}
}

func (w *window) slot(index uint64) *raft.Log { return &w.slots[index%uint64(len(w.slots))] }
