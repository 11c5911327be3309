package host

import (
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"

	storagev1 "github.com/holtcache/holt/proto/holt/storage/v1"
	"github.com/holtcache/holt/shard/logstore"
)

const folderVersion = 1

// Folder is a node's data folder: who the node is, its votes, and one folder for each group. It is locked while open.
//
//	identity.json   who the node is (storage.v1.Identity)
//	lock            held while a process uses the folder
//	stable.db       terms and votes of all groups, marks of the node
//	meta/           log and snapshots of the meta group's replica
//	shards/<id>/    log and snapshots of a shard's replica
//	wal/            the write-ahead log of all groups (--log-store=wal)
//	run             how the last run ended, and which groups are guarded because of it
//	spool/          snapshots that are being received
type Folder struct {
	Dir      string
	Stable   *logstore.Stable
	Run      *logstore.Run
	WAL      *logstore.WAL // nil with LogStoreBolt
	cfg      FolderConfig
	fatal    sync.Once
	failed   atomic.Bool // Fatal was called
	identity *storagev1.Identity
	lock     *os.File
}

// FolderConfig says how a data folder is opened.
type FolderConfig struct {
	Dir string
	// Log and Sync are wal and always where they are not set. A folder keeps the log store that it was made with.
	Log  LogStore
	Sync logstore.SyncPolicy
	// Fatal stops the process: a write error, or a log that contradicts what was applied.
	Fatal func(error)
}

// OpenFolder opens the data folder, or makes a new node of an empty one, and counts the start.
func OpenFolder(cfg FolderConfig) (*Folder, error) {
	if cfg.Log == "" {
		cfg.Log = LogStoreWAL
	}
	if cfg.Sync == 0 {
		cfg.Sync = logstore.SyncAlways
	}
	dir := cfg.Dir
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("data folder %s cannot be made: %w; choose another with --dir", dir, err)
	}
	lock, err := os.OpenFile(filepath.Join(dir, "lock"), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fmt.Errorf("data folder %s cannot be written: %w; make it writable for this user or choose another with --dir", dir, err)
	}
	if err := unix.Flock(int(lock.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		return nil, errors.Join(fmt.Errorf("data folder %s is in use by another process: stop that one, or choose another folder with --dir", dir), lock.Close())
	}
	f := &Folder{Dir: dir, cfg: cfg, lock: lock}
	if err := f.load(); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}

func (f *Folder) load() error {
	data, err := os.ReadFile(f.path("identity.json"))
	fresh := errors.Is(err, fs.ErrNotExist)
	if err != nil && !fresh {
		return fmt.Errorf("read identity: %w", err)
	}
	_, stableErr := os.Stat(f.path("stable.db"))
	if !fresh && errors.Is(stableErr, fs.ErrNotExist) {
		return fmt.Errorf("%s is missing from the folder of a node that has voted: without it the node could vote twice; put it back, or empty the folder to start as a new node", f.path("stable.db"))
	}
	if f.Stable, err = logstore.OpenStable(f.path("stable.db"), f.Fatal); err != nil {
		return err
	}
	f.identity = &storagev1.Identity{}
	if fresh {
		id, err := newID()
		if err != nil {
			return err
		}
		f.identity = &storagev1.Identity{FormatVersion: folderVersion, NodeId: id, CreatedMs: time.Now().UnixMilli()}
	} else if err := protojson.Unmarshal(data, f.identity); err != nil {
		return fmt.Errorf("%s is damaged: %w; put it back from a copy, or empty the folder to start as a new node", f.path("identity.json"), err)
	}
	if f.identity.FormatVersion != folderVersion {
		return fmt.Errorf("data folder %s has format version %d, this program reads %d: run the newer program", f.Dir, f.identity.FormatVersion, folderVersion)
	}
	if err := f.openLogs(fresh); err != nil {
		return err
	}
	f.identity.StartCount++
	return f.save()
}

// newID is 20 random bytes in hexadecimal, the form of node ids that Redis Cluster clients expect.
func newID() (string, error) {
	id := make([]byte, 20)
	if _, err := rand.Read(id); err != nil {
		return "", fmt.Errorf("make a random id: %w", err)
	}
	return hex.EncodeToString(id), nil
}

// save replaces the identity file as a whole and makes it durable.
func (f *Folder) save() error {
	data, err := protojson.MarshalOptions{Multiline: true}.Marshal(f.identity)
	if err != nil {
		return fmt.Errorf("write identity: %w", err)
	}
	path := f.path("identity.json")
	if err := writeDurably(path+".tmp", append(data, '\n')); err != nil {
		return fmt.Errorf("write identity: %w", err)
	}
	if err := os.Rename(path+".tmp", path); err != nil {
		return fmt.Errorf("write identity: %w", err)
	}
	return syncFolder(f.Dir)
}

func writeDurably(path string, data []byte) error {
	file, err := os.OpenFile(path, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	_, err = file.Write(data)
	return errors.Join(err, file.Sync(), file.Close())
}

func syncFolder(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return fmt.Errorf("sync folder %s: %w", dir, err)
	}
	return errors.Join(d.Sync(), d.Close())
}

func (f *Folder) path(name string) string { return filepath.Join(f.Dir, name) }

// NodeID is the node's id: random, made with the folder.
func (f *Folder) NodeID() string { return f.identity.NodeId }

// ClusterID is the cluster that the node belongs to, "" before it belongs to one.
func (f *Folder) ClusterID() string { return f.identity.ClusterId }

// StartCount is how often the node has been started, this time included.
func (f *Folder) StartCount() uint64 { return f.identity.StartCount }

// SyncPolicy is when the log of this node is synced.
func (f *Folder) SyncPolicy() logstore.SyncPolicy { return f.cfg.Sync }

const settingsMark = "settings"

// Settings are those that the node joined with; the meta group's state has the latest ones.
func (f *Folder) Settings() (*storagev1.MetaSettings, error) {
	data, found, err := f.Stable.GetMark(settingsMark)
	if err != nil {
		return nil, err
	}
	if !found {
		return nil, fmt.Errorf("data folder %s belongs to cluster %s but its settings are missing; empty the folder to start as a new node", f.Dir, f.ClusterID())
	}
	settings := &storagev1.MetaSettings{}
	if err := proto.Unmarshal(data, settings); err != nil {
		return nil, fmt.Errorf("settings in data folder %s: %w", f.Dir, err)
	}
	return settings, nil
}

// Belong makes the node one of a cluster, for good. found tells that this node founds it, and so begins the meta group.
func (f *Folder) Belong(clusterID string, settings *storagev1.MetaSettings, found bool) error {
	if old := f.ClusterID(); old != "" && old != clusterID {
		return fmt.Errorf("data folder %s belongs to cluster %s, not to %s: use another folder, or empty this one to start as a new node", f.Dir, old, clusterID)
	}
	data, err := proto.MarshalOptions{Deterministic: true}.Marshal(settings)
	if err != nil {
		return err
	}
	if err := f.Stable.SetMark(settingsMark, data); err != nil {
		return err
	}
	if found {
		if err := f.setMark(metaFolder, &storagev1.GroupMark{FormatVersion: folderVersion, Phase: storagev1.GroupPhase_GROUP_PHASE_BOOTSTRAPPING, InitialMembers: []string{f.NodeID()}}); err != nil {
			return err
		}
	}
	f.identity.ClusterId = clusterID
	return f.save()
}

func (f *Folder) mark(group string) (*storagev1.GroupMark, error) {
	data, found, err := f.Stable.GetMark("group/" + group)
	if err != nil || !found {
		return nil, err
	}
	mark := &storagev1.GroupMark{}
	if err := proto.Unmarshal(data, mark); err != nil {
		return nil, fmt.Errorf("mark of group %s in data folder %s: %w", group, f.Dir, err)
	}
	return mark, nil
}

func (f *Folder) setMark(group string, mark *storagev1.GroupMark) error {
	mark.FormatVersion = folderVersion
	data, err := proto.MarshalOptions{Deterministic: true}.Marshal(mark)
	if err != nil {
		return err
	}
	return f.Stable.SetMark("group/"+group, data)
}

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
