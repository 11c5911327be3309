package logstore

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc64"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/hashicorp/raft"
)

// The names that raft.FileSnapshotStore gives to the parts of a snapshot.
const (
	snapshotMetaFile  = "meta.json"
	snapshotStateFile = "state.bin"
)

// SnapshotView is one snapshot on disk.
type SnapshotView struct {
	raft.SnapshotMeta
	// CRC is that of the state, as raft.FileSnapshotStore writes it.
	CRC []byte
	// Path is its folder.
	Path string `json:"-"`
}

// InspectSnapshots lists the snapshots under a group's folder, the newest first, and the names of those that were never
// finished, which the next start removes. An error tells of a snapshot that cannot be read; the others are listed anyway.
func InspectSnapshots(dir string) (found []SnapshotView, unfinished []string, err error) {
	folder := filepath.Join(dir, snapshotsFolder)
	names, err := os.ReadDir(folder)
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil, nil
	}
	if err != nil {
		return nil, nil, err
	}
	var errs []error
	for _, name := range names {
		path := filepath.Join(folder, name.Name())
		switch {
		case !name.IsDir():
			continue
		case strings.HasSuffix(name.Name(), unfinishedSuffix):
			unfinished = append(unfinished, path)
			continue
		}
		data, err := os.ReadFile(filepath.Join(path, snapshotMetaFile))
		v := SnapshotView{Path: path}
		if err == nil {
			if err = json.Unmarshal(data, &v); err != nil {
				err = fmt.Errorf("%s: %w: %w", filepath.Join(path, snapshotMetaFile), err, ErrDamaged)
			}
		}
		if err != nil {
			errs = append(errs, err)
			continue
		}
		found = append(found, v)
	}
	slices.SortFunc(found, func(a, b SnapshotView) int {
		return cmp.Or(cmp.Compare(b.Term, a.Term), cmp.Compare(b.Index, a.Index), strings.Compare(b.ID, a.ID))
	})
	return found, unfinished, errors.Join(errs...)
}

// Verify reads the whole state and compares it with size and checksum.
func (v SnapshotView) Verify() error {
	path := filepath.Join(v.Path, snapshotStateFile)
	file, err := os.Open(path)
	if err != nil {
		return err
	}
	defer file.Close()
	sum := crc64.New(crc64.MakeTable(crc64.ECMA))
	n, err := io.Copy(sum, file)
	switch {
	case err != nil:
		return fmt.Errorf("read %s: %w", path, err)
	case n != v.Size:
		return fmt.Errorf("%s has %d bytes, want %d: %w", path, n, v.Size, ErrDamaged)
	case !bytes.Equal(sum.Sum(nil), v.CRC):
		return fmt.Errorf("%s: checksum mismatch over its %d bytes: %w", path, n, ErrDamaged)
	}
	return nil
}

// Open returns the state.
func (v SnapshotView) Open() (io.ReadCloser, error) {
	return os.Open(filepath.Join(v.Path, snapshotStateFile))
}
