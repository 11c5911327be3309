package host

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"

	"github.com/hashicorp/raft"
	"google.golang.org/protobuf/proto"

	storagev1 "github.com/holtcache/holt/proto/holt/storage/v1"
	"github.com/holtcache/holt/shard/logstore"
)

// recoverMark names the record of a group's recovery among the marks of stable.db.
const recoverMark = "recovered/"

// Recover does what a plan says, on the folder of a survivor that is stopped: each group of which the majority is lost gets a
// last log entry, a configuration whose voters are the survivors, and so a leader at the next start. That leader commits
// everything in its log, also what never was; what only the lost nodes had is lost. The amnesia guard ends.
//
// hashicorp's RecoverCluster is not used: it applies the log to a state machine and replaces it by a snapshot whose
// configuration stands at index 1, so a second crash in the middle, or a follower that comes back, meets a history that
// was rewritten. One more entry is what raft itself would have written.
func Recover(p *RecoverPlan) (err error) {
	f, err := OpenFolder(FolderConfig{Dir: p.Dir, Log: p.log, Fatal: func(error) {}}) // every write says so itself
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	for _, g := range p.Groups {
		if g.Action != RecoverGroup {
			continue
		}
		if err := f.recoverGroup(g); err != nil {
			return fmt.Errorf("%s: %w; do it again once the cause is gone", GroupText(g.ID), err)
		}
	}
	return f.Run.ReleaseAll()
}

// A recovered group goes on in a term that is higher than any that the lost nodes have, whatever they do before they are
// emptied: so theirs is never taken for the later one. It is random, so that two recoveries at two nodes, which nobody
// should do, do not give one term two histories.
const termsSkipped = 1 << 20

func (f *Folder) recoverGroup(g GroupPlan) error {
	folder, name := folderOf(g.ID)
	log, snapshots, err := f.openGroupLog(uint64(g.ID), folder)
	if err != nil {
		return err
	}
	defer log.Close()
	last, term, err := logEnd(log, snapshots)
	if err != nil {
		return err
	}
	if last != g.Last || term != g.LastTerm {
		return fmt.Errorf("its log ends at entry %d of term %d now, and ended at %d of term %d: somebody has used the folder meanwhile", last, term, g.Last, g.LastTerm)
	}
	stable := f.Stable.Group(uint64(g.ID))
	current, err := stable.GetUint64([]byte("CurrentTerm"))
	if err != nil && err.Error() != "not found" { // raft tells a missing key by this text too
		return err
	}
	term = max(term, current) + termsSkipped + rand.Uint64N(termsSkipped)
	// The mark first: whatever becomes of the rest, this node speaks with the lost ones no more.
	if err := f.setRecovered(name, &storagev1.GroupRecovery{Group: uint64(g.ID), Index: last + 1, Term: term, Voters: g.Left, Lost: g.Lost}); err != nil {
		return err
	}
	if err := stable.SetUint64([]byte("CurrentTerm"), term); err != nil {
		return err
	}
	if name == metaFolder { // what is known of users may be of a state that is lost
		if err := f.forgetUsers(); err != nil {
			return err
		}
	}
	return log.StoreLog(&raft.Log{Index: last + 1, Term: term, Type: raft.LogConfiguration, Data: raft.EncodeConfiguration(configurationOf(g.Left))})
}

// openGroupLog opens log and snapshots of a group outside of a host.
func (f *Folder) openGroupLog(group uint64, folder string) (*logstore.Log, *logstore.Snapshots, error) {
	dir := f.path(folder)
	cfg := logstore.LogConfig{Path: filepath.Join(dir, logFile), Group: group, Sync: firstSync, Fatal: f.Fatal}
	if f.WAL != nil {
		backend, err := f.WAL.Group(group)
		if err != nil {
			return nil, nil, err
		}
		cfg.Path, cfg.Backend = f.path(walFolder), backend
	}
	log, err := logstore.OpenLog(cfg)
	if err != nil {
		return nil, nil, err
	}
	snapshots, err := logstore.OpenSnapshots(dir, log, nil)
	if err != nil {
		return nil, nil, errors.Join(err, log.Close())
	}
	return log, snapshots, nil
}

// logEnd is where a log ends, the newest snapshot included.
func logEnd(log *logstore.Log, snapshots *logstore.Snapshots) (index, term uint64, err error) {
	metas, err := snapshots.List()
	if err != nil {
		return 0, 0, err
	}
	if len(metas) > 0 {
		index, term = metas[0].Index, metas[0].Term
	}
	last, err := log.LastIndex()
	if err != nil || last <= index {
		return index, term, err
	}
	var entry raft.Log
	if err := log.GetLog(last, &entry); err != nil {
		return 0, 0, err
	}
	return last, entry.Term, nil
}

// recovered is the record of a group's recovery, nil where there was none.
func (f *Folder) recovered(group string) (*storagev1.GroupRecovery, error) {
	data, found, err := f.Stable.GetMark(recoverMark + group)
	if err != nil || !found {
		return nil, err
	}
	r := &storagev1.GroupRecovery{}
	if err := proto.Unmarshal(data, r); err != nil {
		return nil, fmt.Errorf("record of the recovery of group %s in data folder %s: %w", group, f.Dir, err)
	}
	return r, nil
}

func (f *Folder) setRecovered(group string, r *storagev1.GroupRecovery) error {
	before, err := f.recovered(group)
	if err != nil {
		return err
	}
	if before != nil { // whoever was lost before stays so
		r.Lost = union(r.Lost, before.Lost)
	}
	r.FormatVersion = folderVersion
	data, err := proto.MarshalOptions{Deterministic: true}.Marshal(r)
	if err != nil {
		return err
	}
	return f.Stable.SetMark(recoverMark+group, data)
}

// lostNodes are the nodes that recoveries on this folder have given up.
func (f *Folder) lostNodes() ([]string, error) {
	names := []string{metaFolder}
	shards, err := os.ReadDir(f.path(shardsFolder))
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, err
	}
	for _, s := range shards {
		names = append(names, s.Name())
	}
	var lost []string
	for _, name := range names {
		r, err := f.recovered(name)
		if err != nil {
			return nil, err
		}
		lost = union(lost, r.GetLost())
	}
	return lost, nil
}

// union is the sorted union of two lists.
func union(a, b []string) []string {
	return slices.Compact(slices.Sorted(slices.Values(slices.Concat(a, b))))
}
