package logstore

import (
	"container/list"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/hashicorp/raft"
)

// LogConfig describes the log of one group.
type LogConfig struct {
	Path  string // file of the log; with a Backend only its name in errors
	Group uint64
	Sync  SyncPolicy // how Path is written; a Backend has its own policy

	// CacheEntries is how many of the newest entries stay in memory (also bounded in bytes); 0 means 512.
	CacheEntries int
	// Budget, if set, bounds what the windows of several logs keep together.
	Budget *Budget

	// Appended hears of entries that are durable, just before StoreLogs returns nil, on the same goroutine. It never
	// blocks and keeps no entry without copying it. May be nil.
	Appended func(entries []*raft.Log)

	// Floor returns the higher of the group's commit index and applied index. A suffix truncation at or below it, or
	// at or below the newest snapshot, is fatal. It never blocks. May be nil before the group runs.
	Floor func() uint64

	// Fatal hears once of a write error or a fatal truncation. It must stop the process: nothing is written any more.
	Fatal func(error)

	// Backend, if set, is used instead of the file. Close closes it.
	Backend Backend
}

// Log is the Raft log of one group.
type Log struct {
	cfg     LogConfig
	backend Backend

	// writer is held by the one write under way, across its I/O. It is a channel, not a mutex, so that testing/synctest
	// sees a goroutine behind a hung write as blocked.
	writer chan struct{}

	fatalOnce sync.Once
	started   atomic.Int64 // Unix nanoseconds when the write under way began, 0 if none is

	appends, entries, hits, misses, truncations atomic.Uint64

	mu sync.RWMutex // protects the fields below; never held across I/O

	// Invariant: first..last is stored without a hole; both are 0 when the log is empty.
	first, last uint64
	boundary    Boundary
	// kept is the oldest snapshot that this replica may have to begin with: compaction stops there. 0 for none.
	kept    uint64
	window  *window
	damaged bool
	share   *list.Element // in cfg.Budget; nil without one. Set before the log is used
	stopped error         // why writes are refused: wraps ErrFatal or ErrClosed
}

var _ raft.LogStore = (*Log)(nil)

// OpenLog opens the log, or creates it, and verifies every entry. ErrDamaged means that the replica must be rebuilt.
func OpenLog(cfg LogConfig) (*Log, error) {
	l, err := openLog(cfg)
	if err != nil {
		return nil, fmt.Errorf("open log of group %d: %w", cfg.Group, err)
	}
	return l, nil
}

func openLog(cfg LogConfig) (*Log, error) {
	if cfg.Fatal == nil {
		return nil, fmt.Errorf("%s: LogConfig.Fatal is not set; pass what stops the process", cfg.Path)
	}
	l := &Log{cfg: cfg, backend: cfg.Backend, writer: make(chan struct{}, 1), window: newWindow(cfg.CacheEntries, cfg.Budget)}
	if l.backend == nil {
		if err := cfg.Sync.OnBolt(); err != nil {
			return nil, err
		}
	}
	err := catchFaults(cfg.Path, func() error {
		if l.backend == nil {
			file, err := openBolt(cfg.Path, logKind(cfg.Group), cfg.Group, nil)
			if err != nil {
				return err
			}
			l.backend = file
		}
		if err := l.load(); err != nil {
			_ = l.backend.Close() // the first error says more
			return err
		}
		return nil
	})
	if err != nil {
		l.window.keep(0, 0)
		return nil, err
	}
	if cfg.Budget != nil {
		l.share = cfg.Budget.join(l)
		cfg.Budget.appended(l.share)
	}
	return l, nil
}

// FirstIndex returns the first stored index, 0 for an empty log.
func (l *Log) FirstIndex() (uint64, error) {
	l.mu.RLock()
	defer l.mu.RUnlock()
	return l.first, nil
}

// LastIndex returns the last stored index, 0 for an empty log.
func (l *Log) LastIndex() (uint64, error) {
	l.mu.RLock()
	defer l.mu.RUnlock()
	return l.last, nil
}

// GetLog fills entry with exactly what was stored, with the placeholder of the snapshot boundary, or returns
// raft.ErrLogNotFound. Data is shared with the log: copy what must outlive the call.
func (l *Log) GetLog(index uint64, entry *raft.Log) error {
	l.mu.RLock()
	stored := l.last != 0 && l.first <= index && index <= l.last
	cached := stored && l.window.get(index, entry)
	boundary := l.boundary
	l.mu.RUnlock()
	switch {
	case cached:
		l.hits.Add(1)
		return nil
	case stored:
		l.misses.Add(1)
		return l.backend.Read(index, entry)
	default:
		return boundary.placeholder(index, entry)
	}
}

// StoreLog appends one entry.
func (l *Log) StoreLog(entry *raft.Log) error { return l.StoreLogs([]*raft.Log{entry}) }

// StoreLogs appends consecutive entries and returns when they are durable. An index that is already stored
// overwrites it and what follows it; after a snapshot the next index may leave a gap.
func (l *Log) StoreLogs(entries []*raft.Log) error {
	if len(entries) == 0 {
		return nil
	}
	if err := l.exclusively(func() error { return l.append(entries) }); err != nil {
		return fmt.Errorf("store entries %d to %d of group %d in %s: %w",
			entries[0].Index, entries[len(entries)-1].Index, l.cfg.Group, l.cfg.Path, err)
	}
	l.appends.Add(1)
	l.entries.Add(uint64(len(entries)))
	if l.share != nil {
		l.cfg.Budget.appended(l.share)
	}
	if l.cfg.Appended != nil {
		l.cfg.Appended(entries)
	}
	return nil
}

// append runs with the writer held.
func (l *Log) append(entries []*raft.Log) error {
	for i, entry := range entries {
		if entry.Index == 0 || entry.Index != entries[0].Index+uint64(i) {
			return fmt.Errorf("entry %d does not follow in its batch", entry.Index)
		}
	}
	first, last, boundary := l.state()
	if first == 0 || first > boundary.Index {
		// A late message may carry what an installed snapshot already covers. Raft never reads it again.
		for len(entries) > 0 && entries[0].Index <= boundary.Index {
			entries = entries[1:]
		}
		if len(entries) == 0 {
			return nil
		}
	}
	next := entries[0].Index
	if last != 0 && next <= last {
		if err := l.truncateSuffix(next, last); err != nil {
			return err
		}
	} else if hole := max(last, boundary.Index) + 1; next > hole && hole > 1 {
		return fmt.Errorf("entry %d would leave a hole; the next one is %d", next, hole)
	}
	if err := l.backend.Append(entries); err != nil {
		return &fatalError{err}
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.last == 0 {
		l.first = next
	}
	l.last = entries[len(entries)-1].Index
	for _, entry := range entries {
		l.window.push(entry)
	}
	return nil
}

// exclusively runs one write. A fatal error refuses every later write, then stops the process through Fatal.
func (l *Log) exclusively(write func() error) error {
	l.writer <- struct{}{}
	l.started.Store(time.Now().UnixNano())
	l.mu.RLock()
	err := l.stopped
	l.mu.RUnlock()
	if err == nil {
		err = write()
	}
	fatal, isFatal := asFatal(err)
	if isFatal {
		l.mu.Lock()
		l.stopped = fmt.Errorf("%w: %w", ErrFatal, fatal.err)
		l.mu.Unlock()
	}
	l.started.Store(0)
	<-l.writer
	if isFatal {
		l.fatalOnce.Do(func() {
			l.cfg.Fatal(fmt.Errorf("log %s of group %d: %w", l.cfg.Path, l.cfg.Group, fatal.err))
		})
	}
	return err
}

// state returns what the log holds. Only the holder of the writer may rely on it afterwards.
func (l *Log) state() (first, last uint64, boundary Boundary) {
	l.mu.RLock()
	defer l.mu.RUnlock()
	return l.first, l.last, l.boundary
}

// Close closes the file once the write under way has ended. The group must have been shut down.
func (l *Log) Close() error {
	l.writer <- struct{}{}
	defer func() { <-l.writer }()
	l.mu.Lock()
	closed := errors.Is(l.stopped, ErrClosed)
	l.stopped = ErrClosed
	if !closed && l.cfg.Budget != nil {
		l.window.keep(0, 0)
	}
	l.mu.Unlock()
	if closed {
		return nil
	}
	if l.share != nil {
		l.cfg.Budget.leave(l.share)
	}
	if err := l.backend.Close(); err != nil {
		return fmt.Errorf("close log %s of group %d: %w", l.cfg.Path, l.cfg.Group, err)
	}
	return nil
}
