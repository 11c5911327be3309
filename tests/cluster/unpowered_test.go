package cluster_test

import (
	"path/filepath"
	"testing"

	"github.com/hashicorp/raft"

	"github.com/holtcache/holt/shard/logstore"
	"github.com/holtcache/holt/tests/nemesis"
)

// Power is cut at the very moment at which a call has returned. No node is needed for that, nor would one show it: whatever
// else its disk syncs would save what was forgotten here.

func noError(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func cutPower(t *testing.T, m *nemesis.Machine, kill func()) {
	t.Helper()
	nemesis.During(t, &nemesis.PowerCut{Machines: []*nemesis.Machine{m}, Kill: kill}, func() {})
}

// A vote that is lost is a second vote.
func TestVoteOutlivesAPowerCut(t *testing.T) {
	t.Parallel()
	m := nemesis.NewMachine(t)
	path := filepath.Join(m.Dir, "stable")
	open := func() (*logstore.Stable, raft.StableStore) {
		t.Helper()
		s, err := logstore.OpenStable(path, func(err error) { t.Errorf("fatal: %v", err) })
		noError(t, err)
		return s, s.Group(7)
	}
	s, group := open()
	noError(t, group.SetUint64([]byte("CurrentTerm"), 5))
	noError(t, group.SetUint64([]byte("LastVoteTerm"), 5))
	noError(t, group.Set([]byte("LastVoteCand"), []byte("node-2")))
	cutPower(t, m, func() { noError(t, s.Close()) })
	s, group = open()
	defer s.Close()
	term, err := group.GetUint64([]byte("LastVoteTerm"))
	noError(t, err)
	candidate, err := group.Get([]byte("LastVoteCand"))
	noError(t, err)
	if term != 5 || string(candidate) != "node-2" {
		t.Errorf("the vote of term %d went to %q, want term 5 and node-2", term, candidate)
	}
}

// The log may go as soon as a snapshot counts, so the snapshot has to be there for good, and by its name.
func TestSnapshotThatCountsOutlivesAPowerCut(t *testing.T) {
	t.Parallel()
	m := nemesis.NewMachine(t)
	dir := filepath.Join(m.Dir, "shard")
	log, err := logstore.OpenLog(logstore.LogConfig{ // on another disk, whose syncs save nothing here
		Path: filepath.Join(t.TempDir(), "log"), Group: 7, Sync: logstore.SyncAlways, Fatal: func(err error) { t.Errorf("fatal: %v", err) },
	})
	noError(t, err)
	defer log.Close()
	var entries []*raft.Log
	for i := range uint64(10) {
		entries = append(entries, &raft.Log{Index: i + 1, Term: 2, Type: raft.LogCommand, Data: []byte("entry")})
	}
	noError(t, log.StoreLogs(entries))
	snapshots, err := logstore.OpenSnapshots(dir, log, nil)
	noError(t, err)
	sink, err := snapshots.Create(1, 6, 2, raft.Configuration{}, 1, nil)
	noError(t, err)
	_, err = sink.Write([]byte("state"))
	noError(t, err)
	noError(t, sink.Close())
	cutPower(t, m, func() {})
	if snapshots, err = logstore.OpenSnapshots(dir, log, nil); err != nil {
		t.Fatal(err)
	}
	metas, err := snapshots.List()
	noError(t, err)
	if len(metas) != 1 || metas[0].Index != 6 {
		t.Errorf("%d snapshots are there, want that up to entry 6", len(metas))
	}
}
