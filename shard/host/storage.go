package host

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/hashicorp/raft"

	"github.com/holtcache/holt/proto/slot"
	"github.com/holtcache/holt/shard"
	"github.com/holtcache/holt/shard/logstore"
	"github.com/holtcache/holt/shard/transport"
)

// LogStore says what keeps the logs of a node's groups.
type LogStore string

const (
	// LogStoreWAL is one write-ahead log for all groups.
	LogStoreWAL LogStore = "wal"
	// LogStoreBolt is one raft-boltdb file for each group: simple and slow.
	LogStoreBolt LogStore = "bolt"
)

// ParseLogStore reads a value of --log-store.
func ParseLogStore(word string) (LogStore, error) {
	switch s := LogStore(word); s {
	case LogStoreWAL, LogStoreBolt:
		return s, nil
	}
	return "", fmt.Errorf("log store %q is unknown; use wal or bolt", word)
}

const (
	logStoreMark = "log store"
	walFolder    = "wal"
	runFile      = "run"

	// acceptFile in the data folder says at a start that the operator accepts lost entries; the start removes it.
	acceptFile = "accept-data-loss"

	// windowBytesMax bounds what the logs of all groups keep in memory together: what followers that keep up, or lag by
	// a few seconds, still ask for.
	windowBytesMax = 64 << 20
)

// OpenLogs opens what all groups share: the record of this run, and the write-ahead log, which is read once for all of
// them. It ends with ctx. It may be called twice, by one goroutine after the other.
func (f *Folder) OpenLogs(ctx context.Context) error {
	if f.opened {
		return nil
	}
	f.opened = true
	if err := f.loading.measure(f.Dir); err != nil {
		return fmt.Errorf("look at data folder %s: %w", f.Dir, err)
	}
	var err error
	f.Run, err = logstore.BeginRun(logstore.RunConfig{Path: f.path(runFile), Sync: firstSync, Boot: logstore.BootID(), Fresh: f.fresh})
	if err != nil {
		return err
	}
	if f.cfg.Log == LogStoreWAL {
		if f.WAL, err = logstore.OpenWAL(logstore.WALConfig{
			Dir: f.path(walFolder), Sync: firstSync, Fatal: f.Fatal,
			Loaded: func(bytes int64, entries int) error {
				f.loading.loaded.Add(bytes)
				f.loading.entries.Add(int64(entries))
				return ctx.Err()
			},
		}); err != nil {
			return err
		}
		if f.fresh && len(f.WAL.Groups()) > 0 {
			return f.errNoIdentity()
		}
		if cut, was := f.WAL.TailCut(); was {
			if err := f.Run.Guard(cut.String()); err != nil {
				return err
			}
		}
	}
	f.ready.Store(true)
	return f.acceptLoss()
}

// Loading counts what this start reads.
func (f *Folder) Loading() *Loading { return &f.loading }

// checkLogStore refuses to begin another kind of log beside the one that the folder has.
func (f *Folder) checkLogStore(fresh bool) error {
	mark, found, err := f.Stable.GetMark(logStoreMark)
	if err != nil {
		return err
	}
	if !found {
		bolt, err := filepath.Glob(f.path("*/log.db"))
		if err != nil {
			return err
		}
		mark = []byte(f.cfg.Log)
		if !fresh && len(bolt) > 0 { // made before there was a choice
			mark = []byte(LogStoreBolt)
		}
		if err := f.Stable.SetMark(logStoreMark, mark); err != nil {
			return err
		}
	}
	if has := LogStore(mark); has != f.cfg.Log {
		return fmt.Errorf("--log-store=%s: data folder %s keeps its logs in %s; use --log-store=%s, or empty the folder to start as a new node", f.cfg.Log, f.Dir, has, has)
	}
	if fresh || !found || f.cfg.Log != LogStoreWAL {
		return nil
	}
	exists, err := logstore.WALExists(f.path(walFolder))
	if err == nil && !exists {
		err = fmt.Errorf("%s holds no log, but this node has voted and may have acknowledged writes; %s", f.path(walFolder), newNodeAdvice)
	}
	return err
}

// acceptLoss ends the amnesia guard if the operator has left word to do so while the node was stopped.
func (f *Folder) acceptLoss() error {
	path := f.path(acceptFile)
	if _, err := os.Stat(path); errors.Is(err, os.ErrNotExist) {
		return nil
	} else if err != nil {
		return err
	}
	if err := f.Run.ReleaseAll(); err != nil {
		return err
	}
	if err := os.Remove(path); err != nil {
		return err
	}
	return syncFolder(f.Dir)
}

// noteMax bounds how long a node that stops because of its disk tries to write that down on it.
const noteMax = time.Second

// Fatal leaves word of a failed write for the next start, then stops the process. Only the first error counts; who brings
// another one waits, so that the process does not end of something else meanwhile.
func (f *Folder) Fatal(err error) {
	f.fatal.Do(func() {
		f.failed.Store(true)
		if f.Run != nil && !errors.Is(err, logstore.ErrDamaged) {
			f.noteIOError(err)
		}
		f.cfg.Fatal(err)
	})
}

func (f *Folder) noteIOError(err error) {
	noted := make(chan struct{})
	go func() { // it may hang, and the process is about to end
		defer close(noted)
		_ = f.Run.NoteIOError(err) // the disk has just failed; err is what counts
	}()
	timer := time.NewTimer(noteMax)
	defer timer.Stop()
	select {
	case <-noted:
	case <-timer.C:
	}
}

// closeLogs closes what openLogs opened. A run whose log is closed without an error has ended clean.
func (f *Folder) closeLogs() error {
	if f.WAL != nil {
		if err := f.WAL.Close(); err != nil {
			return err
		}
	}
	if f.Run == nil || f.failed.Load() || f.WAL == nil && f.cfg.Log == LogStoreWAL {
		return nil // what was written before this run may still be in the page cache only
	}
	return f.Run.EndClean()
}

// logOf tells what holds a group's log, and whether the log was ever opened there.
func (f *Folder) logOf(group slot.ShardID, folder string) (name string, has bool) {
	if f.WAL != nil {
		return fmt.Sprintf("the log of group %d in %s", group, f.path(walFolder)), f.WAL.Has(uint64(group))
	}
	name = f.path(filepath.Join(folder, logFile))
	return name, exists(name)
}

// openStorage opens log and snapshots of one group.
func (h *Host) openStorage(group slot.ShardID, folder string, wire *transport.Group, hooks shard.Hooks) (shard.Storage, error) {
	f := h.cfg.Folder
	dir := f.path(folder)
	if name, has := f.logOf(group, folder); !has && f.hasVoted(uint64(group)) {
		return shard.Storage{}, fmt.Errorf("%s is missing and this node has voted in its group: without it writes that it has acknowledged could be lost; put it back, or empty the data folder and join as a new node", name)
	}
	if err := makeFolder(dir); err != nil {
		return shard.Storage{}, err
	}
	cfg := logstore.LogConfig{
		Path: filepath.Join(dir, logFile), Group: uint64(group), Sync: firstSync, Budget: h.windows,
		Appended: func(entries []*raft.Log) { hooks.Appended(entries) }, Floor: hooks.Floor, Fatal: f.Fatal,
	}
	if f.WAL != nil {
		backend, err := f.WAL.Group(uint64(group))
		if err != nil {
			return shard.Storage{}, err
		}
		if err := backend.Begin(); err != nil { // before the node votes in the group
			return shard.Storage{}, errors.Join(err, backend.Close())
		}
		cfg.Path, cfg.Backend = f.path(walFolder), backend
	}
	log, err := logstore.OpenLog(cfg)
	if err != nil {
		return shard.Storage{}, err
	}
	if info, err := os.Stat(cfg.Path); f.WAL == nil && err == nil {
		f.loading.loaded.Add(info.Size())
	}
	snapshots, err := logstore.OpenSnapshots(dir, log, h.cfg.Logger)
	if err != nil {
		return shard.Storage{}, errors.Join(err, log.Close())
	}
	wire.SetSuspended(h.watchdog(log))
	counted := loadedSnapshots{Snapshots: snapshots, loading: &f.loading, stopped: h.loadStopped}
	return shard.Storage{Log: log, Stable: f.Stable.Group(uint64(group)), Snapshots: counted, Close: log}, nil
}

// watchdog tells whether a group's log has been writing for too long. A leader whose disk hangs would go on sending
// heartbeats (hashicorp/raft#503) and nobody could write; without them, the others elect one whose disk works.
func (h *Host) watchdog(log *logstore.Log) func() bool {
	limit := stallElections * h.timings.Election
	return func() bool {
		if w := h.cfg.Folder.WAL; w != nil && w.WritingFor() > limit {
			return true // also for groups that do not write at the moment: their next write would hang
		}
		return log.WritingFor() > limit
	}
}

// stallElections is how many election timeouts a write may take before the node gives up its leaderships: a slow
// fsync is no reason, and giving up later would only add to the time without a leader.
const stallElections = 2
