package logstore

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/hashicorp/go-hclog"
	"github.com/hashicorp/raft"
)

const (
	// snapshotsRetained keeps one snapshot to fall back to beside the newest.
	snapshotsRetained = 2

	// The names that raft.FileSnapshotStore gives to its folder and to a snapshot that is not complete.
	snapshotsFolder  = "snapshots"
	unfinishedSuffix = ".tmp"
)

// Snapshots is the snapshot store of one group. It keeps the log's boundary in step with the newest snapshot, and refuses
// one that would take the replica back.
type Snapshots struct {
	inner raft.SnapshotStore
	log   *Log
	// published makes a snapshot durable under its final name.
	published func(id string) error

	// closing is held while a sink closes, across its I/O (a channel for the reason that Log.writer is one): raft may
	// take a snapshot and install one at the same time.
	closing chan struct{}
}

var _ raft.SnapshotStore = (*Snapshots)(nil)

// OpenSnapshots opens the snapshots under dir, on top of raft.FileSnapshotStore, and brings the log's boundary up to
// date. It must be called before raft starts on the log. logger may be nil.
func OpenSnapshots(dir string, log *Log, logger hclog.Logger) (*Snapshots, error) {
	if logger == nil {
		logger = hclog.NewNullLogger()
	}
	inner, err := raft.NewFileSnapshotStoreWithLogger(dir, snapshotsRetained, logger)
	if err != nil {
		return nil, fmt.Errorf("open snapshots of group %d in %s: %w", log.cfg.Group, dir, err)
	}
	folder := filepath.Join(dir, snapshotsFolder)
	err = errors.Join(dropUnfinished(folder), syncDir(folder), syncDir(dir), syncDir(filepath.Dir(filepath.Clean(dir))))
	if err != nil {
		return nil, fmt.Errorf("open snapshots of group %d in %s: %w", log.cfg.Group, dir, err)
	}
	s, err := NewSnapshots(inner, log, func(id string) error {
		// raft syncs the files and the folder above, but not the folder that names the files.
		return errors.Join(syncDir(filepath.Join(folder, id)), syncDir(folder))
	})
	if err != nil {
		return nil, fmt.Errorf("open snapshots of group %d in %s: %w", log.cfg.Group, dir, err)
	}
	return s, nil
}

// NewSnapshots puts the boundary of log in step with any snapshot store. published makes a closed snapshot durable.
func NewSnapshots(inner raft.SnapshotStore, log *Log, published func(id string) error) (*Snapshots, error) {
	s := &Snapshots{inner: inner, log: log, published: published, closing: make(chan struct{}, 1)}
	metas, err := inner.List()
	if err != nil {
		return nil, err
	}
	if len(metas) > 0 && metas[0].Index >= log.Boundary().Index {
		err := log.exclusively(func() error {
			return log.record(Boundary{Index: metas[0].Index, Term: metas[0].Term}, dropSuffix)
		})
		return s, err
	}
	newest := uint64(0)
	if len(metas) > 0 {
		newest = metas[0].Index
	}
	return s, log.covers(newest)
}

// covers reports whether the log holds every entry between a snapshot up to that index and the boundary. If not, a
// snapshot that this replica had is gone, and acknowledged entries with it.
func (l *Log) covers(index uint64) error {
	first, last, boundary := l.state()
	if index >= boundary.Index || last != 0 && first <= index+1 && last >= boundary.Index {
		return nil
	}
	return fmt.Errorf("%s: the snapshot up to entry %d is missing or damaged, the one before ends at %d and the log holds %d to %d: %w",
		l.cfg.Path, boundary.Index, index, first, last, ErrDamaged)
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
	return meta, state, nil
}

// dropUnfinished deletes what a crash left of snapshots under way: raft ignores it, but never frees it.
func dropUnfinished(folder string) error {
	found, err := os.ReadDir(folder)
	if err != nil {
		return err
	}
	for _, entry := range found {
		if strings.HasSuffix(entry.Name(), unfinishedSuffix) {
			err = errors.Join(err, os.RemoveAll(filepath.Join(folder, entry.Name())))
		}
	}
	return err
}
