package host

import (
	"errors"
	"io"
	"math"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/hashicorp/raft"
)

// Loading counts what a start has read of what is on disk: the segments of the log, and the newest snapshot of each group.
// What is applied later, on a leader's word, is not part of it.
type Loading struct {
	started                time.Time
	total, loaded, entries atomic.Int64
	done                   atomic.Bool
}

// LoadingStats are the counts at one moment.
type LoadingStats struct {
	Started                 time.Time
	TotalBytes, LoadedBytes int64
	// Entries are those of the log that were read and checked.
	Entries int64
}

// Stats returns the counts.
func (l *Loading) Stats() LoadingStats {
	s := LoadingStats{Started: l.started, TotalBytes: l.total.Load(), LoadedBytes: l.loaded.Load(), Entries: l.entries.Load()}
	s.LoadedBytes = min(s.LoadedBytes, s.TotalBytes)
	return s
}

// Percent is how much of the bytes has been read, 0 to 100.
func (s LoadingStats) Percent() float64 {
	if s.TotalBytes <= 0 {
		return 0
	}
	return 100 * float64(s.LoadedBytes) / float64(s.TotalBytes)
}

// Remaining is how long the rest takes if it goes on as it did so far, at least a second while that is not known.
func (s LoadingStats) Remaining(now time.Time) time.Duration {
	if s.LoadedBytes <= 0 {
		return time.Second
	}
	past := now.Sub(s.Started)
	return time.Duration(math.Round(float64(past) * float64(s.TotalBytes-s.LoadedBytes) / float64(s.LoadedBytes)))
}

// measure adds up the files that will be read.
func (l *Loading) measure(dir string) error {
	logs, err := filepath.Glob(filepath.Join(globSafe(dir), walFolder, "*.wal"))
	if err != nil {
		return err
	}
	bolt, snapshots := []string{}, []string{}
	for _, group := range []string{metaFolder, shardsFolder + "/*"} {
		files, err := filepath.Glob(filepath.Join(globSafe(dir), group, logFile))
		if err != nil {
			return err
		}
		bolt = append(bolt, files...)
		folders, err := filepath.Glob(filepath.Join(globSafe(dir), group, "snapshots"))
		if err != nil {
			return err
		}
		for _, folder := range folders {
			if newest := newestSnapshot(folder); newest != "" {
				snapshots = append(snapshots, filepath.Join(folder, newest, "state.bin"))
			}
		}
	}
	for _, path := range append(append(logs, bolt...), snapshots...) {
		if info, err := os.Stat(path); err == nil {
			l.total.Add(info.Size())
		} else if !errors.Is(err, os.ErrNotExist) {
			return err
		}
	}
	return nil
}

// globSafe is a path in which Glob sees no pattern.
func globSafe(path string) string {
	return strings.NewReplacer(`\`, `\\`, "*", `\*`, "?", `\?`, "[", `\[`).Replace(path)
}

// newestSnapshot is the name of the newest snapshot in a folder, "" for none. raft names a snapshot
// "term-index-milliseconds".
func newestSnapshot(folder string) string {
	found, err := os.ReadDir(folder)
	if err != nil {
		return ""
	}
	name, newest := "", uint64(0)
	for _, f := range found {
		parts := strings.Split(f.Name(), "-")
		if len(parts) != 3 || !f.IsDir() {
			continue
		}
		if _, err := strconv.ParseUint(parts[2], 10, 64); err != nil {
			continue // unfinished, say
		}
		if index, err := strconv.ParseUint(parts[1], 10, 64); err == nil && index >= newest {
			name, newest = f.Name(), index
		}
	}
	return name
}

// loadedSnapshots counts what is read of snapshots during a start, and ends a read when the start is given up.
type loadedSnapshots struct {
	raft.SnapshotStore
	loading *Loading
	stopped func() error
}

func (s loadedSnapshots) Open(id string) (*raft.SnapshotMeta, io.ReadCloser, error) {
	if s.loading.done.Load() {
		return s.SnapshotStore.Open(id)
	}
	if err := s.stopped(); err != nil {
		return nil, nil, err
	}
	meta, state, err := s.SnapshotStore.Open(id)
	if err != nil {
		return nil, nil, err
	}
	return meta, &loadedState{ReadCloser: state, left: meta.Size, snapshots: s}, nil
}

// loadedState is a snapshot that is being read.
type loadedState struct {
	io.ReadCloser
	left      int64 // bytes of the snapshot that are not counted yet
	snapshots loadedSnapshots
}

var _ raft.ReadCloserWrapper = (*loadedState)(nil)

func (r *loadedState) Read(p []byte) (int, error) {
	if err := r.snapshots.stopped(); err != nil {
		return 0, err
	}
	n, err := r.ReadCloser.Read(p)
	r.count(int64(n))
	return n, err
}

// WrappedReadCloser gives what is below to whoever reads it by other ways than Read; Close counts that.
func (r *loadedState) WrappedReadCloser() io.ReadCloser { return r.ReadCloser }

func (r *loadedState) Close() error {
	r.count(r.left)
	return r.ReadCloser.Close()
}

func (r *loadedState) count(n int64) {
	n = min(n, r.left)
	r.left -= n
	r.snapshots.loading.loaded.Add(n)
}
