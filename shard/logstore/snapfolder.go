package logstore

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/hashicorp/raft"
)

// snapFolder is the folder of one group's snapshots, and the only one who writes to it.
type snapFolder struct {
	dir    string
	create func(path string) (snapFile, error) // os.Create, but for tests

	mu   sync.Mutex // protects the fields below; never held across I/O
	good []*snapEnds
	bad  []BadSnapshot
}

// BadSnapshot is a snapshot that cannot be used.
type BadSnapshot struct {
	File string
	Err  error
}

// snapFile is what a sink needs of a file.
type snapFile interface {
	io.WriteCloser
	Sync() error
	Name() string
}

var _ raft.SnapshotStore = (*snapFolder)(nil)

func openSnapFolder(dir string) (*snapFolder, error) {
	f := &snapFolder{dir: dir, create: func(path string) (snapFile, error) {
		return os.OpenFile(path, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
	}}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	parent := filepath.Dir(dir)
	if err := errors.Join(syncDir(parent), syncDir(filepath.Dir(parent))); err != nil {
		return nil, err
	}
	return f, f.look()
}

// look finds what is there, and deletes what a crash has left of a snapshot under way.
func (f *snapFolder) look() error {
	found, err := os.ReadDir(f.dir)
	if err != nil {
		return err
	}
	for _, entry := range found {
		name := entry.Name()
		path := filepath.Join(f.dir, name)
		if strings.HasSuffix(name, unfinishedSuffix) {
			if err := os.RemoveAll(path); err != nil {
				return err
			}
			continue
		}
		id, is := strings.CutSuffix(name, snapshotSuffix)
		if !is {
			continue
		}
		ends, file, err := openSnapFile(path, id)
		if err != nil {
			f.bad = append(f.bad, BadSnapshot{path, err})
			continue
		}
		_ = file.Close() // it was only read
		f.good = append(f.good, ends)
	}
	slices.SortFunc(f.good, newestFirst)
	return syncDir(f.dir)
}

func newestFirst(a, b *snapEnds) int {
	return cmp.Or(cmp.Compare(b.meta.Term, a.meta.Term), cmp.Compare(b.meta.Index, a.meta.Index), cmp.Compare(b.meta.ID, a.meta.ID))
}

func (f *snapFolder) path(id string) string { return filepath.Join(f.dir, id+snapshotSuffix) }

// List returns the snapshots that can be used as far as is known, newest first.
func (f *snapFolder) List() ([]*raft.SnapshotMeta, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	var metas []*raft.SnapshotMeta
	for _, e := range f.good {
		meta := e.meta
		metas = append(metas, &meta)
	}
	return metas, nil
}

// unusable returns those that cannot be used.
func (f *snapFolder) unusable() []BadSnapshot {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Clone(f.bad)
}

// Open opens the state of a snapshot.
func (f *snapFolder) Open(id string) (*raft.SnapshotMeta, io.ReadCloser, error) {
	ends, file, err := openSnapFile(f.path(id), id)
	if err != nil {
		f.markBad(id, err)
		return nil, nil, fmt.Errorf("%s: %w", f.path(id), err)
	}
	return &ends.meta, newSnapReader(file, ends, func(err error) { f.markBad(id, err) }), nil
}

// markBad takes a snapshot out of the list. Its file stays until two good ones are newer.
func (f *snapFolder) markBad(id string, err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for i, e := range f.good {
		if e.meta.ID == id {
			f.good = slices.Delete(f.good, i, i+1)
			f.bad = append(f.bad, BadSnapshot{f.path(id), err})
			return
		}
	}
}

// Create begins a snapshot. Its name is not taken yet, also where two are begun within a millisecond.
func (f *snapFolder) Create(version raft.SnapshotVersion, index, term uint64, configuration raft.Configuration,
	configurationIndex uint64, _ raft.Transport) (raft.SnapshotSink, error) {
	meta := raft.SnapshotMeta{
		Version: version, Index: index, Term: term, Configuration: configuration, ConfigurationIndex: configurationIndex,
	}
	for ms := time.Now().UnixMilli(); ; ms++ {
		meta.ID = fmt.Sprintf("%d-%d-%d", term, index, ms)
		_, err := os.Lstat(f.path(meta.ID))
		if err != nil && !errors.Is(err, os.ErrNotExist) {
			return nil, err
		}
		if err != nil {
			file, err := f.create(f.path(meta.ID) + unfinishedSuffix)
			if err == nil {
				return newSnapSink(f, file, meta)
			}
			if !errors.Is(err, os.ErrExist) {
				return nil, err
			}
		}
	}
}

// publish takes in a snapshot that is durable, and deletes what it makes useless. What cannot be deleted now is
// tried again with the next.
func (f *snapFolder) publish(e *snapEnds) {
	f.mu.Lock()
	f.good = append(f.good, e)
	slices.SortFunc(f.good, newestFirst)
	var old []string
	for len(f.good) > snapshotsRetained {
		last := len(f.good) - 1
		old = append(old, f.path(f.good[last].meta.ID))
		f.good = f.good[:last]
	}
	if len(f.good) == snapshotsRetained {
		for _, b := range f.bad {
			old = append(old, b.File)
		}
		f.bad = nil
	}
	f.mu.Unlock()
	for _, path := range old {
		if err := os.Remove(path); err != nil && !errors.Is(err, os.ErrNotExist) {
			f.mu.Lock()
			f.bad = append(f.bad, BadSnapshot{path, err})
			f.mu.Unlock()
		}
	}
}
