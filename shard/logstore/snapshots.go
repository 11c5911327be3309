package logstore

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"path/filepath"
	"sync"

	"github.com/hashicorp/raft"
)

const (
	// snapshotsRetained keeps one snapshot to fall back to beside the newest; the log keeps what leads on from it.
	snapshotsRetained = 2

	snapshotsFolder = "snapshots"
)

// Snapshots is the snapshot store of one group. It keeps the log's boundary in step with the newest snapshot and the log's
// beginning in step with the oldest, and refuses a snapshot that would take the replica back.
type Snapshots struct {
	inner  raft.SnapshotStore
	folder *snapFolder // inner where that is on disk, else nil
	log    *Log
	logger *slog.Logger

	// closing is held while a sink closes, across its I/O (a channel for the reason that Log.writer is one): raft may
	// take a snapshot and install one at the same time.
	closing chan struct{}

	mu     sync.Mutex      // protects the field below
	warned map[string]bool // by the file that is used in place of a better one
}

var _ raft.SnapshotStore = (*Snapshots)(nil)

// OpenSnapshots opens the snapshots under dir and brings the log's boundary up to date. It must be called before raft
// starts on the log.
func OpenSnapshots(dir string, log *Log, logger *slog.Logger) (*Snapshots, error) {
	folder, err := openSnapFolder(filepath.Join(dir, snapshotsFolder))
	if err != nil {
		return nil, fmt.Errorf("open snapshots of group %d in %s: %w", log.cfg.Group, dir, err)
	}
	if logger == nil {
		logger = slog.New(slog.DiscardHandler)
	}
	s := &Snapshots{inner: folder, folder: folder, log: log, logger: logger}
	if err := s.open(); err != nil {
		return nil, fmt.Errorf("open snapshots of group %d in %s: %w", log.cfg.Group, dir, err)
	}
	return s, nil
}

// NewSnapshots puts a log in step with any snapshot store. A snapshot of inner is durable when its sink is closed.
func NewSnapshots(inner raft.SnapshotStore, log *Log) (*Snapshots, error) {
	s := &Snapshots{inner: inner, log: log, logger: slog.New(slog.DiscardHandler)}
	return s, s.open()
}

func (s *Snapshots) open() error {
	s.closing, s.warned = make(chan struct{}, 1), map[string]bool{}
	metas, err := s.inner.List()
	if err != nil {
		return err
	}
	newest := Boundary{}
	if len(metas) > 0 {
		newest = Boundary{Index: metas[0].Index, Term: metas[0].Term}
	}
	if len(metas) > 0 && newest.Index >= s.log.Boundary().Index {
		err = s.log.exclusively(func() error { return s.log.record(newest, dropSuffix) })
	} else {
		err = s.log.covers(newest.Index)
	}
	if err != nil {
		return errors.Join(err, s.Unusable())
	}
	if len(metas) == 0 {
		s.warn("the log alone")
	}
	return s.keepLog()
}

// keepLog lets the log go only as far as the oldest snapshot from which it leads on.
func (s *Snapshots) keepLog() error {
	metas, err := s.inner.List()
	if err != nil {
		return err
	}
	for i := len(metas) - 1; i >= 0; i-- {
		if s.log.covers(metas[i].Index) == nil {
			s.log.keepAfter(metas[i].Index)
			return nil
		}
	}
	return nil
}

// Unusable says which snapshots cannot be used and why; nil where all can.
func (s *Snapshots) Unusable() error {
	if s.folder == nil {
		return nil
	}
	var errs []error
	for _, b := range s.folder.unusable() {
		errs = append(errs, fmt.Errorf("snapshot %s cannot be used: %w", b.File, b.Err))
	}
	return errors.Join(errs...)
}

// covers reports whether the log holds every entry between a snapshot up to that index and the boundary. If not, a
// snapshot that this replica had is gone, and acknowledged entries with it.
func (l *Log) covers(index uint64) error {
	first, last, boundary := l.state()
	return leadsOn(l.cfg.Path, first, last, boundary, index)
}

func leadsOn(path string, first, last uint64, boundary Boundary, index uint64) error {
	if index >= boundary.Index || last != 0 && first <= index+1 && last >= boundary.Index {
		return nil
	}
	return fmt.Errorf("%s: the snapshot up to entry %d is missing or damaged, the one before ends at %d and the log holds %d to %d: %w",
		path, boundary.Index, index, first, last, ErrDamaged)
}

// Create begins a snapshot.
func (s *Snapshots) Create(version raft.SnapshotVersion, index, term uint64, configuration raft.Configuration,
	configurationIndex uint64, trans raft.Transport) (raft.SnapshotSink, error) {
	if err := s.notOlder(index); err != nil {
		return nil, err
	}
	inner, err := s.inner.Create(version, index, term, configuration, configurationIndex, trans)
	if err != nil {
		return nil, fmt.Errorf("create snapshot %d of group %d: %w", index, s.log.cfg.Group, err)
	}
	return &sink{SnapshotSink: inner, snapshots: s, boundary: Boundary{Index: index, Term: term}}, nil
}

// notOlder refuses a snapshot that ends before the newest one: a late InstallSnapshot, or one that raft took while
// a newer one was installed. raft would go back to its index.
func (s *Snapshots) notOlder(index uint64) error {
	if newest := s.log.Boundary().Index; index < newest {
		return fmt.Errorf("snapshot up to entry %d of group %d is older than the one up to %d", index, s.log.cfg.Group, newest)
	}
	return nil
}

// List returns the snapshots, newest first.
func (s *Snapshots) List() ([]*raft.SnapshotMeta, error) { return s.inner.List() }

// Open opens a snapshot. One that is older than the boundary is refused if the log cannot lead from it to there: raft
// falls back to an older snapshot without looking at the log.
func (s *Snapshots) Open(id string) (*raft.SnapshotMeta, io.ReadCloser, error) {
	meta, state, err := s.inner.Open(id)
	if err != nil {
		return nil, nil, fmt.Errorf("open snapshot %s of group %d: %w", id, s.log.cfg.Group, err)
	}
	if err := s.log.covers(meta.Index); err != nil {
		return nil, nil, errors.Join(err, state.Close())
	}
	if s.folder != nil {
		s.warn(s.folder.path(id))
	}
	return meta, state, nil
}

// warn says once of each snapshot that cannot be used what is used instead.
func (s *Snapshots) warn(used string) {
	if s.folder == nil {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, b := range s.folder.unusable() {
		if s.warned[b.File] {
			continue
		}
		s.warned[b.File] = true
		s.logger.Warn("a snapshot cannot be used; another one with the log behind it gives the same state. Look after the disk; "+
			"the damaged file goes once there are two good ones",
			"group", s.log.cfg.Group, "damaged", b.File, "used", used, "err", b.Err)
	}
}
