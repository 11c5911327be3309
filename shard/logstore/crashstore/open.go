package crashstore

import (
	"errors"
	"fmt"

	"github.com/hashicorp/raft"

	"github.com/holtcache/holt/shard/logstore"
)

// Hooks are the callbacks of logstore.LogConfig.
type Hooks struct {
	Appended func(entries []*raft.Log)
	Floor    func() uint64
	Fatal    func(error) // not called for a ghost
}

// Stores is what one run of a process has open.
type Stores struct {
	Log       *logstore.Log
	Stable    raft.StableStore
	Snapshots *logstore.Snapshots

	stable *logstore.Stable // nil with VoteInTwoSteps
}

// Open starts a run on what the disk holds. The run before must have ended by Crash or Close.
func (d *Disk) Open(hooks Hooks) (*Stores, error) {
	if hooks.Fatal == nil {
		return nil, errors.New("open crash store: Hooks.Fatal is not set")
	}
	d.mu.Lock()
	now := d.log.clone()
	now.apply(d.unsynced) // still in the page cache after a kill or a clean end
	d.stats.TornRecords += uint64(d.torn)
	d.torn = 0
	epoch := d.epoch
	logFile := &logFile{disk: d, epoch: epoch, now: now}
	stableFile := d.openStable()
	snapshots := &snapshotStore{disk: d, epoch: epoch}
	d.mu.Unlock()

	fatal := func(err error) {
		d.mu.Lock()
		ghost := d.ghostLocked(epoch)
		d.mu.Unlock()
		if !ghost {
			hooks.Fatal(err)
		}
	}
	log, err := logstore.OpenLog(logstore.LogConfig{
		Path:     fmt.Sprintf("memory/group-%d", d.cfg.Group),
		Group:    d.cfg.Group,
		Appended: hooks.Appended,
		Floor:    hooks.Floor,
		Fatal:    fatal,
		Backend:  logFile,
	})
	if err != nil {
		return nil, err
	}
	s := &Stores{Log: log}
	if s.Snapshots, err = logstore.NewSnapshots(snapshots, log); err != nil {
		return nil, err
	}
	if d.cfg.Defect == VoteInTwoSteps {
		s.Stable = twoStepStable{stableFile}
		return s, nil
	}
	if s.stable, err = logstore.NewStable("memory/stable", stableFile, fatal); err != nil {
		return nil, err
	}
	s.Stable = s.stable.Group(d.cfg.Group)
	return s, nil
}

// Close ends the run without a crash, or puts a ghost to rest. raft must have been shut down.
func (s *Stores) Close() error {
	err := s.Log.Close()
	if s.stable != nil {
		err = errors.Join(err, s.stable.Close())
	}
	return err
}
