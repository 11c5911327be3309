package host

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"

	storagev1 "github.com/holtcache/holt/proto/holt/storage/v1"
	"github.com/holtcache/holt/shard/logstore"
)

const folderVersion = 1

// Folder is a node's data folder: who the node is, its votes, and one folder for each group. It is locked while open.
//
//	identity.json   who the node is (storage.v1.Identity)
//	nodes.json      where other nodes were seen last (storage.v1.MetaState with nodes alone); a hint
//	users.json      the users of the cluster, as heard of last (storage.v1.MetaState with users alone)
//	lock            held while a process uses the folder
//	stable.db       terms and votes of all groups, marks of the node
//	meta/           log and snapshots of the meta group's replica
//	shards/<id>/    log and snapshots of a shard's replica
//	wal/            the write-ahead log of all groups (--log-store=wal)
//	run             how the last run ended, and which groups are guarded because of it
//	spool/          snapshots that are being received
type Folder struct {
	Dir    string
	Stable *logstore.Stable
	Run    *logstore.Run
	WAL    *logstore.WAL // nil with LogStoreBolt
	cfg    FolderConfig
	policy sync.Mutex // held while the sync policy changes, across its I/O
	fatal  sync.Once
	failed atomic.Bool // Fatal was called
	// identity is what identity.json says. It is replaced as a whole, by whoever opens the folder, makes the node
	// belong to a cluster or corrects its hash seed: one at a time.
	identity atomic.Pointer[storagev1.Identity]
	lock     *os.File
	fresh    bool // nothing was in the folder
	opened   bool // OpenLogs has been called
	// ready: Run and WAL are set. Who reads them without being told that OpenLogs has returned looks here first.
	ready   atomic.Bool
	loading Loading
}

// FolderConfig says how a data folder is opened.
type FolderConfig struct {
	Dir string
	// Log is wal where it is not set. A folder keeps the log store that it was made with.
	Log LogStore
	// Fatal stops the process: a write error, or a log that contradicts what was applied.
	Fatal func(error)
}

// OpenFolder opens the data folder with its logs, or makes a new node of an empty one, and counts the start.
func OpenFolder(cfg FolderConfig) (*Folder, error) {
	f, err := BeginFolder(cfg)
	if err != nil {
		return nil, err
	}
	if err := f.OpenLogs(context.Background()); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}

// BeginFolder opens the data folder but for the logs, which may take long to read, and counts the start. A folder that was
// empty has its logs open already.
func BeginFolder(cfg FolderConfig) (*Folder, error) {
	if cfg.Log == "" {
		cfg.Log = LogStoreWAL
	}
	dir := cfg.Dir
	if err := makeFolder(dir); err != nil {
		return nil, fmt.Errorf("data folder %s cannot be made: %w; choose another with --dir", dir, err)
	}
	lock, err := os.OpenFile(filepath.Join(dir, "lock"), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fmt.Errorf("data folder %s cannot be written: %w; make it writable for this user or choose another with --dir", dir, err)
	}
	switch err := unix.Flock(int(lock.Fd()), unix.LOCK_EX|unix.LOCK_NB); {
	case errors.Is(err, unix.EWOULDBLOCK):
		return nil, errors.Join(fmt.Errorf("data folder %s is in use by another process: stop that one, or choose another folder with --dir", dir), lock.Close())
	case err != nil:
		return nil, errors.Join(fmt.Errorf("data folder %s cannot be locked: %w; choose one on a local disk with --dir", dir, err), lock.Close())
	}
	f := &Folder{Dir: dir, cfg: cfg, lock: lock}
	f.loading.started = time.Now()
	if err := f.load(); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}

func (f *Folder) path(name string) string { return filepath.Join(f.Dir, name) }

// Close closes the folder. It may be called twice.
func (f *Folder) Close() error {
	if f.lock == nil {
		return nil
	}
	err := f.closeLogs()
	if f.Stable != nil {
		err = errors.Join(err, f.Stable.Close())
	}
	err = errors.Join(err, f.lock.Close())
	f.lock = nil
	return err
}

// makeFolder makes a folder with those above it, durably: a log that is synced must not vanish with the folder it is in.
func makeFolder(dir string) error {
	var missing []string
	for d := filepath.Clean(dir); !exists(d); d = filepath.Dir(d) {
		missing = append(missing, d)
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	for _, d := range missing {
		if err := syncFolder(filepath.Dir(d)); err != nil {
			return err
		}
	}
	return nil
}

// exists tells whether something is there, or cannot be looked at.
func exists(path string) bool {
	_, err := os.Stat(path)
	return !errors.Is(err, fs.ErrNotExist)
}

func syncFolder(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return fmt.Errorf("sync folder %s: %w", dir, err)
	}
	return errors.Join(d.Sync(), d.Close())
}

// replaceFile replaces a file as a whole and makes it durable.
func replaceFile(path string, data []byte) error {
	if err := writeDurably(path+".tmp", data); err != nil {
		return err
	}
	if err := os.Rename(path+".tmp", path); err != nil {
		return err
	}
	return syncFolder(filepath.Dir(path))
}

func writeDurably(path string, data []byte) error {
	file, err := os.OpenFile(path, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	_, err = file.Write(data)
	return errors.Join(err, file.Sync(), file.Close())
}
