package host

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"

	"golang.org/x/sys/unix"

	storagev1 "github.com/holtcache/holt/proto/holt/storage/v1"
	"github.com/holtcache/holt/proto/slot"
	"github.com/holtcache/holt/shard"
	"github.com/holtcache/holt/shard/logstore"
)

// Inspection is the data folder of a node that is stopped, opened for reading alone. It is locked against a start meanwhile.
type Inspection struct {
	folder *Folder // with Stable and WAL, neither of which can be written
	run    logstore.RunView
	log    LogStore
}

// Inspect opens a data folder for reading alone. What is damaged beyond it (a segment of the log, say) is returned as an
// error beside an Inspection of the rest; without one, nothing can be told.
func Inspect(dir string) (*Inspection, error) {
	lock, err := os.Open(filepath.Join(dir, "lock"))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("%s is no data folder of a node: it holds no file named lock; name the folder with --dir", dir)
	}
	if err != nil {
		return nil, fmt.Errorf("data folder %s cannot be read: %w", dir, err)
	}
	switch err := unix.Flock(int(lock.Fd()), unix.LOCK_EX|unix.LOCK_NB); {
	case errors.Is(err, unix.EWOULDBLOCK):
		return nil, errors.Join(fmt.Errorf("data folder %s is in use by another process: stop that node first", dir), lock.Close())
	case err != nil:
		return nil, errors.Join(fmt.Errorf("data folder %s cannot be locked: %w", dir, err), lock.Close())
	}
	i := &Inspection{folder: &Folder{Dir: dir, lock: lock}}
	identity, err := i.folder.readIdentity()
	if err == nil && identity == nil {
		err = i.folder.errNoIdentity()
	}
	if err != nil {
		return nil, errors.Join(err, lock.Close())
	}
	i.folder.identity.Store(identity)
	if err := withoutPanic(i.folder.path("stable.db"), func() error { return i.openStable() }); err != nil {
		return nil, errors.Join(err, i.Close())
	}
	return i, i.openShared()
}

func (i *Inspection) openStable() (err error) {
	if i.folder.Stable, err = logstore.InspectStable(i.folder.path("stable.db")); err != nil {
		return err
	}
	mark, found, err := i.folder.Stable.GetMark(logStoreMark)
	if err != nil {
		return err
	}
	i.log = LogStore(mark)
	if !found {
		return fmt.Errorf("%s does not say what keeps the logs: start the node once, or put the file back", i.folder.path("stable.db"))
	}
	return nil
}

// openShared opens what all groups share.
func (i *Inspection) openShared() error {
	var errs []error
	run, err := logstore.InspectRun(i.folder.path(runFile))
	if err != nil {
		errs = append(errs, err)
	}
	i.run = run
	if i.log == LogStoreWAL {
		if i.folder.WAL, err = logstore.InspectWAL(i.folder.path(walFolder)); err != nil {
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}

// Close lets go of the folder.
func (i *Inspection) Close() error {
	var err error
	if i.folder.WAL != nil {
		err = i.folder.WAL.Close()
	}
	if i.folder.Stable != nil {
		err = errors.Join(err, i.folder.Stable.Close())
	}
	return errors.Join(err, i.folder.lock.Close())
}

// groups lists the groups that the node has a folder of, the meta group first.
func (i *Inspection) groups() ([]slot.ShardID, error) {
	var ids []slot.ShardID
	if exists(i.folder.path(metaFolder)) {
		ids = append(ids, shard.MetaGroup)
	}
	entries, err := os.ReadDir(i.folder.path(shardsFolder))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	first := len(ids)
	for _, e := range entries {
		if id, err := strconv.ParseUint(e.Name(), 10, 64); err == nil {
			ids = append(ids, slot.ShardID(id))
		}
	}
	slices.Sort(ids[first:])
	return ids, nil
}

// folderOf is the folder of a group below the data folder, and its name in marks.
func folderOf(id slot.ShardID) (folder, name string) {
	if id == shard.MetaGroup {
		return metaFolder, metaFolder
	}
	return filepath.Join(shardsFolder, groupName(id)), groupName(id)
}

// GroupText names a group as operators know it.
func GroupText(id slot.ShardID) string {
	if id == shard.MetaGroup {
		return "meta group"
	}
	return fmt.Sprintf("shard %d", id)
}

// openLog opens the log of one group.
func (i *Inspection) openLog(id slot.ShardID) (*logstore.LogView, error) {
	folder, _ := folderOf(id)
	var backend logstore.Backend
	var err error
	switch {
	case i.log == LogStoreBolt:
		backend, err = logstore.InspectBolt(i.folder.path(filepath.Join(folder, logFile)), uint64(id))
	case i.folder.WAL != nil:
		backend, err = i.folder.WAL.Group(uint64(id))
	default:
		err = errors.New("the log could not be read")
	}
	if err != nil {
		return nil, err
	}
	view, err := logstore.InspectLog(uint64(id), backend)
	if err != nil {
		return nil, errors.Join(err, backend.Close())
	}
	return view, nil
}

// withoutPanic turns a panic into an error: a damaged file can make what reads it panic.
func withoutPanic(what string, f func() error) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("%s: %v", what, p)
		}
	}()
	return f()
}

// phaseText is how far a replica has come.
func phaseText(mark *storagev1.GroupMark) string {
	switch mark.GetPhase() {
	case storagev1.GroupPhase_GROUP_PHASE_BOOTSTRAPPING:
		return "beginning"
	case storagev1.GroupPhase_GROUP_PHASE_BOOTSTRAPPED:
		return "begun"
	case storagev1.GroupPhase_GROUP_PHASE_REMOVED:
		return "removed"
	}
	return "unknown"
}
