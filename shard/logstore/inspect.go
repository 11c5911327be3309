package logstore

import (
	"errors"
	"fmt"
	"os"

	"github.com/hashicorp/raft"
	raftboltdb "github.com/hashicorp/raft-boltdb/v2"
	"go.etcd.io/bbolt"
)

// What stands in this file and in inspectsnapshot.go reads the files of a node that is stopped and changes nothing, not even
// what the next start would put right.

// InspectWAL opens a log for reading alone. It verifies every record as OpenWAL does; TailCut tells what OpenWAL would cut
// off. Nothing can be written to it. The caller sees to it that no other process uses the folder.
func InspectWAL(dir string) (*WAL, error) {
	w := &WAL{
		cfg: WALConfig{Dir: dir}, readOnly: true, stopped: ErrClosed, quit: make(chan struct{}), failed: make(chan struct{}),
		groups: map[uint64]*WALGroup{}, open: map[uint64]bool{}, segments: map[uint32]*segment{},
	}
	if err := w.load(); err != nil {
		return nil, errors.Join(fmt.Errorf("read write-ahead log: %w", err), w.closeFiles())
	}
	return w, nil
}

// InspectStable opens terms, votes and marks for reading alone.
func InspectStable(path string) (*Stable, error) {
	var s *Stable
	err := catchFaults(path, func() error {
		file, err := inspectBolt(path, stableKind, 0)
		if err != nil {
			return err
		}
		if s, err = NewStable(path, file, func(error) {}); err != nil {
			return errors.Join(err, file.Close())
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("read stable store: %w", err)
	}
	return s, nil
}

// InspectBolt opens the log of one group that is kept in a raft-boltdb file for reading alone.
func InspectBolt(path string, group uint64) (Backend, error) {
	var b *boltFile
	err := catchFaults(path, func() error {
		var err error
		b, err = inspectBolt(path, logKind(group), group)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("read log of group %d: %w", group, err)
	}
	return b, nil
}

func inspectBolt(path, kind string, group uint64) (*boltFile, error) {
	db, err := raftboltdb.New(raftboltdb.Options{
		Path: path, BoltOptions: &bbolt.Options{Timeout: lockWait, ReadOnly: true}, MsgpackUseNewTimeFormat: true,
	})
	if err != nil {
		return nil, explainBolt(path, err)
	}
	return (&boltFile{path: path, group: group, db: db}).ofKind(kind)
}

// LogView is the log of one group, opened for reading alone.
type LogView struct {
	// First and Last are what is stored, zero and zero for nothing. LastTerm is the term of the last entry.
	First, Last, LastTerm uint64
	// Boundary is the last entry that the newest snapshot covers, as the log knows it.
	Boundary Boundary
	// Damaged is why the log is marked so that it must not be opened again, "" where it is not.
	Damaged string

	group   uint64
	backend Backend
}

// InspectLog reads and verifies every entry of a group's log, with the marks that belong to it.
func InspectLog(group uint64, backend Backend) (*LogView, error) {
	v := &LogView{group: group, backend: backend}
	reason, damaged, err := backend.Mark(markDamaged)
	if err != nil {
		return nil, err
	}
	if damaged {
		v.Damaged = string(reason)
	}
	marks := Log{cfg: LogConfig{Path: fmt.Sprintf("log of group %d", group)}, backend: backend}
	if err := marks.loadBoundary(); err != nil {
		return nil, err
	}
	v.Boundary = marks.boundary
	if v.First, v.Last, err = backend.Bounds(); err != nil || v.Last == 0 {
		return v, err
	}
	for index := v.First; index <= v.Last; index++ {
		var entry raft.Log
		if err := backend.Read(index, &entry); err != nil {
			return nil, fmt.Errorf("entry %d of %d to %d of group %d: %w", index, v.First, v.Last, group, err)
		}
		if entry.Index != index || entry.Term < v.LastTerm {
			return nil, fmt.Errorf("entry %d of group %d is (index %d, term %d) behind one of term %d: %w", index, group, entry.Index, entry.Term, v.LastTerm, ErrDamaged)
		}
		v.LastTerm = entry.Term
	}
	return v, nil
}

// Covers reports whether a start from a snapshot up to that index, with the log behind it, has all that the newest
// snapshot had: as Log.covers.
func (v *LogView) Covers(index uint64) error {
	return leadsOn(fmt.Sprintf("log of group %d", v.group), v.First, v.Last, v.Boundary, index)
}

// Entry reads one entry; raft.ErrLogNotFound where it is not stored.
func (v *LogView) Entry(index uint64, entry *raft.Log) error { return v.backend.Read(index, entry) }

// Close closes what the view was opened on.
func (v *LogView) Close() error { return v.backend.Close() }

// RunView is what the record of a node's runs says.
type RunView struct {
	// Clean tells that the last run ended as it should.
	Clean bool
	// Weakest is the weakest policy since the last clean end.
	Weakest SyncPolicy
	// Boot is the boot of the machine in which it ran.
	Boot string
	// Guard is why the amnesia guard is on, "" where it is off; Released are the groups in which it has ended.
	Guard    string
	Released []uint64
}

// InspectRun reads the record. A record that is missing is os.ErrNotExist.
func InspectRun(path string) (RunView, error) {
	s, err := readRunState(path)
	if errors.Is(err, os.ErrNotExist) {
		return RunView{}, err
	}
	if err != nil {
		return RunView{}, fmt.Errorf("run record %s: %w", path, err)
	}
	return RunView{Clean: s.clean, Weakest: s.weakest, Boot: s.boot, Guard: s.reason, Released: s.released}, nil
}
