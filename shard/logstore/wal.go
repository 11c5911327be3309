package logstore

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"
)

const (
	segmentBytesDefault = 64 << 20
	segmentBytesMin     = 64 << 10
	segmentBytesMax     = 1 << 30

	// syncEvery is what the name everysec says.
	syncEvery = time.Second
	// unsyncedMax is for how long a write may stay without an fsync under everysec; then writers wait, as Redis' do.
	unsyncedMax = 2 * time.Second
)

var errNoSegment = errors.New("segment is gone")

// WALConfig describes the log of a node.
type WALConfig struct {
	// Dir is the folder of the segments. It belongs to this log alone.
	Dir string
	// Sync is the policy that the log begins with; see WAL.SetSync.
	Sync SyncPolicy
	// SegmentBytes is the size of a segment; 0 means 64 MiB. A record larger than it gets a segment of its own.
	SegmentBytes int64
	// Fatal hears once of an error after which nothing is acknowledged any more. It must stop the process.
	Fatal func(error)
	// Loaded, if set, hears of every segment that opening the log has read: its bytes, and how many entries stand in it. Its
	// error ends the opening.
	Loaded func(bytes int64, entries int) error

	faults walFaults // for tests
	window int       // for tests: see openWindow
}

// walFaults stand for a disk that fails. A nil one does nothing.
type walFaults struct {
	write, sync func() error
}

// WAL is the write-ahead log of all groups of a node.
type WAL struct {
	cfg  WALConfig
	lock *os.File

	readOnly bool     // opened by InspectWAL
	cut      *TailCut // what opening the log cut off, nil if nothing
	quit     chan struct{}
	wake     chan struct{} // tells the writer that something is pending; never closed
	done     sync.WaitGroup
	begin    time.Time
	failed   chan struct{} // closed after an error
	failOnce sync.Once

	policy    atomic.Uint32 // a SyncPolicy: the one in force
	busySince atomic.Int64  // nanoseconds after begin, 0 while the writer has nothing to do
	diskBytes atomic.Int64
	stats     walCounters
	buffers   [][]byte      // of the writer
	batchBuf  []byte        // of the writer
	newest    *segment      // of the writer
	cleaning  *cleaning     // of the writer
	liveBytes int64         // of the writer: of all segments
	allBytes  int64         // of the writer: of all segments
	synced    syncState     // what is durable
	dirty     chan struct{} // tells the syncer that something should be within a second

	mu       sync.Mutex // protects the fields below; never held across I/O
	pending  []*walRequest
	groups   map[uint64]*WALGroup
	open     map[uint64]bool     // groups whose backend is in use
	segments map[uint32]*segment // by number
	oldest   uint32
	stopped  error // why writes are refused: wraps ErrFatal or ErrClosed
}

// TailCut says what opening the log left out: a write that a crash cut short, and whatever came behind it. Nothing of it
// was known to be synced.
type TailCut struct {
	Path   string
	Offset int64
	Reason string
}

func (c TailCut) String() string {
	return fmt.Sprintf("%s was cut at offset %d: %s", c.Path, c.Offset, c.Reason)
}

// OpenWAL opens the log, or creates it. It verifies every record. Damage before the last synced position wraps
// ErrDamaged and is never cut; what lies behind it is, and TailCut tells.
func OpenWAL(cfg WALConfig) (*WAL, error) {
	w, err := openWAL(cfg)
	if err != nil {
		return nil, fmt.Errorf("open write-ahead log: %w", err)
	}
	return w, nil
}

func openWAL(cfg WALConfig) (*WAL, error) {
	if cfg.SegmentBytes == 0 {
		cfg.SegmentBytes = segmentBytesDefault
	}
	switch {
	case cfg.Fatal == nil:
		return nil, fmt.Errorf("%s: WALConfig.Fatal is not set; pass what stops the process", cfg.Dir)
	case cfg.Sync < SyncAlways || cfg.Sync > SyncNo:
		return nil, fmt.Errorf("%w: %s; use always, everysec or no", ErrSyncPolicy, cfg.Sync)
	case cfg.SegmentBytes < segmentBytesMin || cfg.SegmentBytes > segmentBytesMax:
		return nil, fmt.Errorf("%s: segments of %d bytes; use %d to %d", cfg.Dir, cfg.SegmentBytes, segmentBytesMin, segmentBytesMax)
	}
	w := &WAL{
		cfg: cfg, begin: time.Now(),
		quit: make(chan struct{}), failed: make(chan struct{}), wake: make(chan struct{}, 1), dirty: make(chan struct{}, 1),
		groups: map[uint64]*WALGroup{}, open: map[uint64]bool{}, segments: map[uint32]*segment{},
	}
	w.synced.changed = make(chan struct{})
	w.policy.Store(uint32(cfg.Sync))
	if err := w.lockFolder(); err != nil {
		return nil, err
	}
	if err := w.load(); err != nil {
		return nil, errors.Join(err, w.closeFiles())
	}
	w.done.Go(w.write)
	w.done.Go(w.syncInBackground)
	return w, nil
}

func (w *WAL) lockFolder() error {
	if _, err := os.Stat(w.cfg.Dir); errors.Is(err, os.ErrNotExist) {
		if err := os.MkdirAll(w.cfg.Dir, 0o700); err != nil {
			return err
		}
		if err := syncDir(filepath.Dir(filepath.Clean(w.cfg.Dir))); err != nil {
			return err
		}
	}
	lock, err := os.OpenFile(filepath.Join(w.cfg.Dir, "lock"), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return err
	}
	if err := unix.Flock(int(lock.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		return errors.Join(fmt.Errorf("%s is locked by another process; stop the node that uses this folder", w.cfg.Dir), lock.Close())
	}
	w.lock = lock
	return nil
}

// TailCut returns what opening the log cut off; false if it ended where a write ended.
func (w *WAL) TailCut() (TailCut, bool) {
	if w.cut == nil {
		return TailCut{}, false
	}
	return *w.cut, true
}

// Group returns the backend of a group. Only one may be open at a time.
func (w *WAL) Group(id uint64) (*WALGroup, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.open[id] {
		return nil, fmt.Errorf("group %d is open already in %s", id, w.cfg.Dir)
	}
	w.open[id] = true
	return w.groupLocked(id), nil
}

func (w *WAL) groupLocked(id uint64) *WALGroup {
	g := w.groups[id]
	if g == nil {
		g = &WALGroup{wal: w, id: id}
		w.groups[id] = g
	}
	return g
}

func (w *WAL) release(g *WALGroup) {
	w.mu.Lock()
	defer w.mu.Unlock()
	delete(w.open, g.id)
}

// Groups lists the groups that have anything in the log.
func (w *WAL) Groups() []uint64 {
	w.mu.Lock()
	defer w.mu.Unlock()
	var ids []uint64
	for id, g := range w.groups {
		g.mu.RLock()
		if len(g.spots)+len(g.marks) > 0 {
			ids = append(ids, id)
		}
		g.mu.RUnlock()
	}
	return ids
}

// Has tells whether a group has anything in the log.
func (w *WAL) Has(id uint64) bool { return slices.Contains(w.Groups(), id) }

// Forget deletes what the log has of a group whose replica has left this node. Its backend must be closed.
func (w *WAL) Forget(id uint64) error {
	w.mu.Lock()
	g, open := w.groups[id], w.open[id]
	w.mu.Unlock()
	if open {
		return fmt.Errorf("forget group %d: its log is open", id)
	}
	if g == nil {
		return nil
	}
	q := newWALRequest(g, doneWhenSynced)
	q.add(&record{kind: recordForget, group: id})
	if err := w.do(q); err != nil {
		return fmt.Errorf("forget group %d: %w", id, err)
	}
	return nil
}

// Close syncs what was written, notes that the end is known, and closes the files.
func (w *WAL) Close() error {
	if w.readOnly {
		return w.closeFiles()
	}
	w.mu.Lock()
	closed := errors.Is(w.stopped, ErrClosed)
	healthy := w.stopped == nil
	w.stopped = ErrClosed
	w.mu.Unlock()
	if closed {
		w.done.Wait()
		return nil
	}
	close(w.quit)
	w.done.Wait()
	var err error
	if healthy && !w.hasFailed() {
		err = w.seal()
	}
	if err = errors.Join(err, w.closeFiles()); err != nil {
		return fmt.Errorf("close write-ahead log %s: %w", w.cfg.Dir, err)
	}
	return nil
}

// seal makes everything durable, then writes where that was: after a clean end, damage anywhere is told from a torn
// write. What was reserved behind it is given back: the next start begins another segment and would only read zeros.
func (w *WAL) seal() error {
	if err := w.syncNow(); err != nil || w.newest.end == segmentHeaderBytes {
		return err
	}
	if err := w.writeAtEnd(nil); err != nil {
		return err
	}
	if err := w.syncNow(); err != nil {
		return err
	}
	return w.newest.file.Truncate(w.newest.end)
}

func (w *WAL) closeFiles() error {
	var err error
	for _, s := range w.segments {
		err = errors.Join(err, s.file.Close())
	}
	if w.lock != nil {
		err = errors.Join(err, w.lock.Close())
	}
	return err
}

func (w *WAL) pathOf(p place) string { return filepath.Join(w.cfg.Dir, segmentName(p.number())) }

// readRecord reads and verifies one record.
func (w *WAL) readRecord(s spot) (record, error) {
	w.mu.Lock()
	seg := w.segments[s.place.number()]
	w.mu.Unlock()
	if seg == nil {
		return record{}, errNoSegment
	}
	buf := make([]byte, s.bytes)
	if _, err := seg.file.ReadAt(buf, s.place.offset()); err != nil {
		return record{}, fmt.Errorf("read %s at offset %d: %w", seg.path, s.place.offset(), err)
	}
	r, _, err := decodeRecord(buf)
	if err != nil {
		return record{}, fmt.Errorf("%s: offset %d: %w: %w", seg.path, s.place.offset(), err, ErrDamaged)
	}
	return r, nil
}
