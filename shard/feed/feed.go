package feed

import (
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
)

// Log is a replica's log as far as it is applied.
type Log interface {
	// Applied is the index of the last entry that was applied.
	Applied() uint64
	// First is the index of the oldest entry that the log has.
	First() uint64
	// Entry reads an entry: its term, and the record that it carries, nil where it carries none. The record is the caller's. An
	// entry that the log does not have any more is ErrGone.
	Entry(index uint64) (term uint64, record []byte, err error)
}

// ErrGone says that the log does not have an entry any more.
var ErrGone = errors.New("the log does not go back so far")

// CompactedError says that the changes behind a position, or a version, are not all there any more.
type CompactedError struct {
	// Oldest is the oldest version behind which all changes are there.
	Oldest uint64
	reason string
}

// Error is the message.
func (e *CompactedError) Error() string {
	return fmt.Sprintf("compacted: %s; read the keys, then watch from now on (the oldest version is %d)", e.reason, e.Oldest)
}

// Feed is the changes of one replica's shard.
type Feed struct {
	log Log
	// readers counts the readers; while it is 0, an applied entry costs one load.
	readers atomic.Int64

	mu      sync.Mutex // protects the fields below
	ring    ring
	history history
	// applied is closed at the next applied entry; nil while nobody waits.
	applied chan struct{}
}

// New returns the feed of a log from its first entry on.
func New(log Log) *Feed { return &Feed{log: log} }

// Watched tells whether anybody has to be woken.
func (f *Feed) Watched() bool { return f.readers.Load() > 0 }

// Wake says that entries were applied. It follows each of them while Watched.
func (f *Feed) Wake() {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.applied != nil {
		close(f.applied)
		f.applied = nil
	}
}

// awaited is closed when the next entry is applied.
func (f *Feed) awaited() <-chan struct{} {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.applied == nil {
		f.applied = make(chan struct{})
	}
	return f.applied
}

// Mark notes that the state machine was at a position.
func (f *Feed) Mark(p Position) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.history.mark(p)
}

// Moved notes a hand-over of slots. It comes from the state machine's goroutine, before the log is applied any further.
func (f *Feed) Moved(m Move) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.history.move(m)
}

// Restored notes that a snapshot has replaced the state: what came before p is not known.
func (f *Feed) Restored(p Position) {
	f.mu.Lock()
	f.history.restart(p)
	f.ring.clear()
	f.mu.Unlock()
	f.Wake()
}

// record is the entry at an index, which is applied.
func (f *Feed) record(index uint64) (*record, error) {
	f.mu.Lock()
	r := f.ring.get(index)
	f.mu.Unlock()
	if r != nil {
		return r, nil
	}
	term, data, err := f.log.Entry(index)
	if err != nil {
		return nil, err
	}
	if r, err = decode(index, term, data); err != nil {
		return nil, err
	}
	f.mu.Lock()
	f.ring.put(r)
	f.mu.Unlock()
	return r, nil
}

func (f *Feed) moveAt(index uint64) (m Move, moved, known bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.history.moveAt(index)
}

// compacted makes the error that tells from where on a selection may be watched.
func (f *Feed) compacted(sel *selection, reason string) error {
	first := f.log.First()
	f.mu.Lock()
	defer f.mu.Unlock()
	_, _, oldest := f.history.behind(0, first, &sel.slots)
	return &CompactedError{Oldest: oldest, reason: reason}
}
