package host

import (
	"errors"
	"io"
	"math"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"time"

	"github.com/hashicorp/raft"

	"github.com/holtcache/holt/shard/logstore"
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
	var bolt []string
	for _, group := range []string{metaFolder, shardsFolder + "/*"} {
		files, err := filepath.Glob(filepath.Join(globSafe(dir), group, logFile))
		if err != nil {
			return err
		}
		bolt = append(bolt, files...)
		folders, err := filepath.Glob(filepath.Join(globSafe(dir), group))
		if err != nil {
			return err
		}
		for _, folder := range folders {
			snapshots, _, _ := logstore.InspectSnapshots(folder) // what is wrong there is told when it is read
			if len(snapshots) > 0 {
				l.total.Add(snapshots[0].Size)
			}
		}
	}
	for _, path := range append(logs, bolt...) {
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

// loadedSnapshots counts what is read of snapshots during a start, and ends a read when the start is given up.
type loadedSnapshots struct {
	*logstore.Snapshots
	loading *Loading
	stopped func() error
}

func (s loadedSnapshots) Open(id string) (*raft.SnapshotMeta, io.ReadCloser, error) {
	if s.loading.done.Load() {
		return s.Snapshots.Open(id)
	}
	if err := s.stopped(); err != nil {
		return nil, nil, err
	}
	meta, state, err := s.Snapshots.Open(id)
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

func (r *loadedState) Read(p []byte) (int, error) {
	if err := r.snapshots.stopped(); err != nil {
		return 0, err
	}
	n, err := r.ReadCloser.Read(p)
	r.count(int64(n))
	return n, err
}

func (r *loadedState) Close() error {
	r.count(r.left)
	return r.ReadCloser.Close()
}

func (r *loadedState) count(n int64) {
	n = min(n, r.left)
	r.left -= n
	r.snapshots.loading.loaded.Add(n)
}
