package logstore

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/hashicorp/raft"
)

// SnapshotView is one snapshot on disk.
type SnapshotView struct {
	raft.SnapshotMeta
	Path string `json:"-"`
}

// InspectSnapshots lists the snapshots under a group's folder whose head and end are sound, the newest first, and the paths of
// those that were never finished, which the next start removes. The error tells of each snapshot that is not in the list.
func InspectSnapshots(dir string) (found []SnapshotView, unfinished []string, err error) {
	folder := filepath.Join(dir, snapshotsFolder)
	entries, err := os.ReadDir(folder)
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil, nil
	}
	if err != nil {
		return nil, nil, err
	}
	var good []*snapEnds
	var errs []error
	for _, entry := range entries {
		path := filepath.Join(folder, entry.Name())
		if strings.HasSuffix(path, unfinishedSuffix) {
			unfinished = append(unfinished, path)
			continue
		}
		id, is := strings.CutSuffix(entry.Name(), snapshotSuffix)
		if !is {
			continue
		}
		ends, file, err := openSnapFile(path, id)
		if err != nil {
			errs = append(errs, fmt.Errorf("snapshot %s: %w", path, err))
			continue
		}
		_ = file.Close() // it was only read
		good = append(good, ends)
	}
	slices.SortFunc(good, newestFirst)
	for _, ends := range good {
		found = append(found, SnapshotView{ends.meta, filepath.Join(folder, ends.meta.ID+snapshotSuffix)})
	}
	return found, unfinished, errors.Join(errs...)
}

// Verify reads the whole state and compares it with its checksum.
func (v SnapshotView) Verify() error {
	state, err := v.Open()
	if err != nil {
		return err
	}
	defer state.Close()
	if _, err := io.Copy(io.Discard, state); err != nil {
		return fmt.Errorf("snapshot %w", err)
	}
	return nil
}

// Open returns the state, which is checked while it is read.
func (v SnapshotView) Open() (io.ReadCloser, error) {
	ends, file, err := openSnapFile(v.Path, v.ID)
	if err != nil {
		return nil, fmt.Errorf("snapshot %s: %w", v.Path, err)
	}
	return newSnapReader(file, ends, func(error) {}), nil
}
