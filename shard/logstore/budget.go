package logstore

import (
	"container/list"
	"sync"
	"sync/atomic"
)

// Budget bounds the memory that the windows of all logs of a node keep together. When it is exceeded, the log that
// appended least recently gives up the older half of its window: what an idle group has in memory nobody asks for.
type Budget struct {
	bytesMax int64
	used     atomic.Int64

	mu   sync.Mutex // protects the field below; never held together with the mutex of a log
	logs *list.List // of *Log, least recent first
}

// NewBudget returns a budget for the logs whose LogConfig names it.
func NewBudget(bytesMax int64) *Budget { return &Budget{bytesMax: bytesMax, logs: list.New()} }

// UsedBytes is what the windows keep.
func (b *Budget) UsedBytes() int64 { return b.used.Load() }

func (b *Budget) join(l *Log) *list.Element {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.logs.PushBack(l)
}

func (b *Budget) leave(e *list.Element) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.logs.Remove(e)
}

// appended notes that a log's window has grown, and makes room. It is called without the mutex of any log.
func (b *Budget) appended(e *list.Element) {
	b.mu.Lock()
	b.logs.MoveToBack(e)
	b.mu.Unlock()
	if b.used.Load() <= b.bytesMax {
		return
	}
	for freed := true; freed; {
		freed = false
		for _, victim := range b.leastRecent() {
			if b.used.Load() <= b.bytesMax {
				return
			}
			freed = victim.giveHalf() || freed
		}
	}
}

func (b *Budget) leastRecent() []*Log {
	b.mu.Lock()
	defer b.mu.Unlock()
	logs := make([]*Log, 0, b.logs.Len())
	for e := b.logs.Front(); e != nil; e = e.Next() {
		logs = append(logs, e.Value.(*Log))
	}
	return logs
}

// giveHalf drops the older half of the window; false if there is only the newest entry.
func (l *Log) giveHalf() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	w := l.window
	if w.last == 0 || w.first == w.last {
		return false
	}
	w.keep(w.last-(w.last-w.first)/2, w.last)
	return true
}
