package logstore

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/hashicorp/raft"
	raftboltdb "github.com/hashicorp/raft-boltdb/v2"
	"go.etcd.io/bbolt"
	bbolterrors "go.etcd.io/bbolt/errors"
)

const (
	// lockWait is how long an open waits for another process to let go of the file. A restart overlaps the end of the
	// old process by less.
	lockWait = time.Second

	// markKind names what a file holds, so that a file in the wrong place is refused.
	markKind = "kind"
)

// boltFile is a Backend in one raft-boltdb file, always synced.
type boltFile struct {
	path  string
	group uint64
	db    *raftboltdb.BoltStore
}

var _ Backend = (*boltFile)(nil)

// openBolt opens the file, or creates it with its kind and the given marks. A file appears under its name only when it
// is complete and durable, so a crash cannot leave half a file behind.
func openBolt(path, kind string, group uint64, initial map[string][]byte) (*boltFile, error) {
	if _, err := os.Stat(path); errors.Is(err, os.ErrNotExist) {
		if err := createBolt(path, kind, initial); err != nil {
			return nil, err
		}
	}
	db, err := connect(path)
	if err != nil {
		return nil, err
	}
	return (&boltFile{path: path, group: group, db: db}).ofKind(kind)
}

// logKind is what the file of a group's log says that it holds.
func logKind(group uint64) string { return fmt.Sprintf("log of group %d, format 1", group) }

// ofKind closes a file that holds something else.
func (f *boltFile) ofKind(kind string) (*boltFile, error) {
	found, ok, err := f.Mark(markKind)
	path := f.path
	switch {
	case err != nil:
	case !ok:
		err = fmt.Errorf("%s: not a file of this program; use another folder: %w", path, ErrDamaged)
	case string(found) != kind:
		err = fmt.Errorf("%s holds %q, want %q; put the right file in its place: %w", path, found, kind, ErrDamaged)
	}
	if err != nil {
		return nil, errors.Join(err, f.db.Close())
	}
	return f, nil
}

func createBolt(path, kind string, initial map[string][]byte) error {
	unfinished := path + ".new"
	if err := os.Remove(unfinished); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	db, err := connect(unfinished)
	if err != nil {
		return err
	}
	f := &boltFile{path: unfinished, db: db}
	for name, value := range initial {
		err = errors.Join(err, f.SetMark(name, value))
	}
	err = errors.Join(err, f.SetMark(markKind, []byte(kind)), db.Close())
	if err != nil {
		return err
	}
	if err := os.Rename(unfinished, path); err != nil {
		return err
	}
	return syncDir(filepath.Dir(path))
}

func connect(path string) (*raftboltdb.BoltStore, error) {
	db, err := raftboltdb.New(raftboltdb.Options{
		Path: path,
		BoltOptions: &bbolt.Options{
			Timeout:        lockWait,
			NoFreelistSync: true, // the free list would be written whole with every commit
			FreelistType:   bbolt.FreelistMapType,
		},
		MsgpackUseNewTimeFormat: true,
	})
	if err != nil {
		return nil, explainBolt(path, err)
	}
	return db, nil
}

func explainBolt(path string, err error) error {
	switch {
	case errors.Is(err, bbolterrors.ErrTimeout):
		return fmt.Errorf("%s is locked by another process; stop the node that uses this folder", path)
	case errors.Is(err, os.ErrPermission):
		return fmt.Errorf("%w; make the folder writable for this user", err)
	case errors.Is(err, bbolterrors.ErrInvalid), errors.Is(err, bbolterrors.ErrChecksum), errors.Is(err, bbolterrors.ErrVersionMismatch):
		return fmt.Errorf("%s: %w: %w", path, err, ErrDamaged)
	default:
		return fmt.Errorf("%s: %w", path, err)
	}
}

func (f *boltFile) Bounds() (first, last uint64, err error) {
	if first, err = f.db.FirstIndex(); err != nil {
		return 0, 0, err
	}
	last, err = f.db.LastIndex()
	return first, last, err
}

func (f *boltFile) Verified() bool { return false }

func (f *boltFile) Read(index uint64, entry *raft.Log) error {
	var sealed raft.Log // fresh: decoding leaves absent fields as they were
	err := f.db.GetLog(index, &sealed)
	switch {
	case errors.Is(err, raft.ErrLogNotFound), errors.Is(err, bbolterrors.ErrDatabaseNotOpen):
		return err
	case err != nil:
		return fmt.Errorf("%s: entry %d: %w: %w", f.path, index, err, ErrDamaged)
	case !openEntry(f.group, index, &sealed):
		return fmt.Errorf("%s: entry %d: checksum mismatch: %w", f.path, index, ErrDamaged)
	}
	*entry = sealed
	return nil
}

func (f *boltFile) Append(entries []*raft.Log) error {
	sealed := make([]raft.Log, len(entries))
	pointers := make([]*raft.Log, len(entries))
	for i, entry := range entries {
		sealed[i] = sealEntry(f.group, entry)
		pointers[i] = &sealed[i]
	}
	return f.db.StoreLogs(pointers)
}

func (f *boltFile) Delete(first, last uint64) error { return f.db.DeleteRange(first, last) }

func (f *boltFile) Mark(name string) (value []byte, found bool, err error) {
	sealed, err := f.db.Get([]byte(name))
	switch {
	case errors.Is(err, raftboltdb.ErrKeyNotFound):
		return nil, false, nil
	case err != nil:
		return nil, false, fmt.Errorf("%s: %w", f.path, err)
	}
	value, ok := openMark(name, sealed)
	if !ok {
		return nil, false, fmt.Errorf("%s: %s: checksum mismatch: %w", f.path, name, ErrDamaged)
	}
	return value, true, nil
}

func (f *boltFile) SetMark(name string, value []byte) error {
	return f.db.Set([]byte(name), sealMark(name, value))
}

func (f *boltFile) Close() error { return f.db.Close() }

// syncDir makes the entries of a folder durable: a file that was created or renamed there.
func syncDir(path string) error {
	dir, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(dir.Sync(), dir.Close())
}
