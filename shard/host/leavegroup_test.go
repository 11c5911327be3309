package host

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/hashicorp/raft"

	storagev1 "github.com/holtcache/holt/proto/holt/storage/v1"
	"github.com/holtcache/holt/proto/slot"
	"github.com/holtcache/holt/raftfsm/meta"
	"github.com/holtcache/holt/shard"
	"github.com/holtcache/holt/shard/transport"
)

// A replica is deleted only on the word of both leaders: one that still votes would take what it has acknowledged with it.
func TestReplicaStaysUntilBothLeadersSayThatItIsToGo(t *testing.T) {
	gone := ReplicaStatus{Serving: true, Voters: []string{"a", "b", "c"}, MembersIndex: 7, Committed: 7}
	with := func(change func(*ReplicaStatus)) ReplicaStatus {
		s := gone
		change(&s)
		return s
	}
	for _, c := range []struct {
		what     string
		replicas []string
		phase    meta.ShardPhase
		status   ReplicaStatus
		leader   string
		silent   error
		want     string
	}{
		{what: "it is to go", status: gone},
		{what: "the state names it again", replicas: []string{"a", "b", "self"}, status: gone, want: "counts on it again"},
		{what: "the shard is being created", phase: meta.ShardCreating, status: gone, want: "counts on it again"},
		{what: "it still votes", status: with(func(s *ReplicaStatus) { s.Voters = []string{"a", "b", "self"} }), want: "no member of the group"},
		{what: "it still learns", status: with(func(s *ReplicaStatus) { s.Learners = []string{"self"} }), want: "no member of the group"},
		{what: "its removal is not committed", status: with(func(s *ReplicaStatus) { s.Committed = 6 }), want: "a leader that serves"},
		{what: "the leader is not ready", status: with(func(s *ReplicaStatus) { s.Serving = false }), want: "a leader that serves"},
		{what: "the leader runs an older program", status: ReplicaStatus{Serving: true, Committed: 7}, want: "older program"},
		{what: "the leader does not answer", silent: errors.New("no route"), want: "no route"},
		{what: "there is no leader", leader: "none", want: "a leader of the group"},
	} {
		if c.replicas == nil {
			c.replicas = []string{"a", "b", "c"}
		}
		if c.phase == 0 {
			c.phase = meta.ShardFormed
		}
		now := withShard(t, clusterOf(t, "a", "b", "c", "self"), c.phase, c.replicas...)
		h, _ := outsider(t, &others{
			read:    func(context.Context, string) ([]byte, error) { return now.State().Snapshot(), nil },
			replica: func(context.Context, string, slot.ShardID) (ReplicaStatus, error) { return c.status, c.silent },
		})
		h.cfg.Book.Note(nodeForTest("a", 1))
		leader := "a"
		if c.leader == "none" {
			leader = ""
		}
		err := h.checkLeft(1, leader)
		if c.want == "" && err != nil || c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)) {
			t.Errorf("%s: %v, want %q", c.what, err, c.want)
		}
	}
}

func TestReplicaOfAShardThatTheMetaLeaderNeverHeardOfStays(t *testing.T) {
	now := clusterOf(t, "a", "self")
	h, _ := outsider(t, &others{read: func(context.Context, string) ([]byte, error) { return now.State().Snapshot(), nil }})
	h.cfg.Book.Note(nodeForTest("a", 1))
	if err := h.checkLeft(1, "a"); err == nil || !strings.Contains(err.Error(), "not known to the meta leader") {
		t.Errorf("got %v", err)
	}
}

// What is deleted stays deleted, whenever the node is stopped meanwhile; what the votes of the group rest on stays. When the
// replica is to come back it begins empty, without another bootstrap.
func TestRemovedReplicaLeavesATombstone(t *testing.T) {
	for _, store := range []LogStore{LogStoreWAL, LogStoreBolt} {
		now := withShard(t, clusterOf(t, "a", "b", "c", "self"), meta.ShardFormed, "a", "b", "self")
		h, _ := outsider(t, &others{read: func(context.Context, string) ([]byte, error) { return now.State().Snapshot(), nil }})
		h.cfg.Book.Note(nodeForTest("a", 1))
		h.cfg.Folder = openTestFolder(t, FolderConfig{Dir: t.TempDir(), Log: store})
		folder := filepath.Join(shardsFolder, "1")
		must(t, h.cfg.Folder.setMark("1", &storagev1.GroupMark{Phase: bootstrapped, InitialMembers: []string{"a", "b", "self"}}))
		must(t, h.cfg.Folder.setFormed("1"))
		must(t, makeFolder(h.cfg.Folder.path(folder)))
		log, _, err := h.cfg.Folder.openGroupLog(1, folder)
		must(t, err)
		must(t, log.StoreLogs([]*raft.Log{{Index: 1, Term: 1}, {Index: 2, Term: 5}, {Index: 3, Term: 5}}))
		must(t, log.Close())
		must(t, h.cfg.Folder.Stable.Group(1).SetUint64([]byte("CurrentTerm"), 6))

		must(t, h.cfg.Folder.removeGroup(1))
		wantRemoved(t, h.cfg.Folder, store)
		// The same once more: a process may end between the tombstone and the deletion.
		must(t, os.MkdirAll(h.cfg.Folder.path(folder), 0o700))
		beginLog(t, h.cfg.Folder, 1)
		h.cfg.Folder = reopen(t, h.cfg.Folder)
		if known, err := h.knownGroups(); err != nil || len(known) > 0 {
			t.Errorf("%s: after a restart: %v, %v", store, known, err)
		}
		wantRemoved(t, h.cfg.Folder, store)

		mark, err := h.cfg.Folder.mark("1")
		must(t, err)
		must(t, h.beginAgain(1, mark))
		mark, err = h.cfg.Folder.mark("1")
		must(t, err)
		if mark.Phase != bootstrapped || mark.LastIndex != 3 || mark.LastTerm != 5 {
			t.Errorf("%s: when it came back: %v", store, mark)
		}
		h.cfg.Folder = reopen(t, h.cfg.Folder)
		known, err := h.knownGroups()
		if err != nil || len(known) != 1 {
			t.Fatalf("%s: known %v, %v", store, known, err)
		}
		s, err := h.openStorage(1, folder, &transport.Group{}, shard.Hooks{})
		if err != nil {
			t.Fatalf("%s: %v", store, err)
		}
		if last, err := s.Log.LastIndex(); last != 0 || err != nil {
			t.Errorf("%s: it begins with %d entries, %v", store, last, err)
		}
		must(t, s.Close.Close())
	}
}

func wantRemoved(t *testing.T, f *Folder, store LogStore) {
	t.Helper()
	mark, err := f.mark("1")
	must(t, err)
	if mark.Phase != removed || mark.LastIndex != 3 || mark.LastTerm != 5 || len(mark.InitialMembers) != 3 {
		t.Errorf("%s: the tombstone is %v", store, mark)
	}
	if name, has := f.logOf(1, filepath.Join(shardsFolder, "1")); has || exists(f.path(filepath.Join(shardsFolder, "1"))) {
		t.Errorf("%s: %s is still there", store, name)
	}
	if term, err := f.Stable.Group(1).GetUint64([]byte("CurrentTerm")); term != 6 || err != nil {
		t.Errorf("%s: its term is %d, %v, want 6", store, term, err)
	}
}

func TestReplicaComesBackOnTheMetaLeadersWordAlone(t *testing.T) {
	now := withShard(t, clusterOf(t, "a", "b", "c", "self"), meta.ShardFormed, "a", "b", "c")
	h, _ := outsider(t, &others{read: func(context.Context, string) ([]byte, error) { return now.State().Snapshot(), nil }})
	h.cfg.Book.Note(nodeForTest("a", 1))
	mark := &storagev1.GroupMark{Phase: removed}
	must(t, h.cfg.Folder.setMark("1", mark))
	if err := h.beginAgain(1, mark); err == nil || !strings.Contains(err.Error(), "not to have a replica") {
		t.Errorf("got %v", err)
	}
	if mark, err := h.cfg.Folder.mark("1"); err != nil || mark.Phase != removed {
		t.Errorf("the mark is %v, %v", mark, err)
	}
}

// Two replicas on one log would each overwrite what the other has acknowledged.
func TestReplicaThatCouldNotBeClosedIsNotOpenedAgain(t *testing.T) {
	now := withShard(t, clusterOf(t, "a", "b", "c", "self"), meta.ShardFormed, "a", "b", "self")
	h, _ := outsider(t, nil)
	must(t, h.cfg.Folder.setMark("1", &storagev1.GroupMark{Phase: bootstrapped, InitialMembers: []string{"a", "b", "self"}}))
	s, _ := now.State().Shard(1)
	if err := h.closeForGood(1, func() error { return nil }); err != nil || h.checkClosed(1) != nil {
		t.Errorf("closed: %v, %v", err, h.checkClosed(1))
	}
	hangs := errors.New("raft did not stop")
	if err := h.closeForGood(1, func() error { return hangs }); !errors.Is(err, hangs) {
		t.Errorf("closed: %v, want %v", err, hangs)
	}
	if err := h.openAssigned(s); !errors.Is(err, hangs) {
		t.Errorf("opened: %v, want %v", err, hangs)
	}
	if mark, err := h.cfg.Folder.mark("1"); err != nil || mark.Phase != bootstrapped {
		t.Errorf("the mark is %v, %v", mark, err)
	}
}

// A shard that was dissolved is closed and deleted wherever it was, and nothing of it comes back.
func TestReplicaOfADissolvedShardIsDeleted(t *testing.T) {
	f := openTestFolder(t, FolderConfig{Dir: t.TempDir()})
	must(t, f.Belong("c1", settingsForTest(), true))
	h, err := founder(t, f)
	must(t, err)
	createShard(t, h)
	propose := func(c *storagev1.MetaCommand) {
		t.Helper()
		result, err := h.Propose(t.Context(), c)
		must(t, err)
		must(t, result.Err)
	}
	await(t, "the first shard has formed", h, func() bool { s, _ := h.State().Shard(1); return s.Phase == meta.ShardFormed })
	propose(&storagev1.MetaCommand{Command: &storagev1.MetaCommand_CreateShards{CreateShards: &storagev1.CreateShards{
		ExpectedEpoch: h.State().Epoch(), Shards: []*storagev1.NewShard{{Replicas: []string{h.cfg.Self.ID}, PreferredLeader: h.cfg.Self.ID}},
	}}})
	await(t, "the second shard has formed", h, func() bool { s, _ := h.State().Shard(2); return s.Phase == meta.ShardFormed })
	await(t, "the folder knows that it has formed", h, func() bool { formed, err := f.formed("2"); return err == nil && formed })
	driver, _ := h.driver(2)
	propose(&storagev1.MetaCommand{Command: &storagev1.MetaCommand_DissolveShard{DissolveShard: &storagev1.DissolveShard{Id: 2}}})
	await(t, "its replica is deleted", h, func() bool {
		mark, err := f.mark("2")
		_, open := h.Replica(2)
		return err == nil && mark.GetPhase() == removed && !open && !exists(f.path(filepath.Join(shardsFolder, "2"))) && !f.hasVoted(2)
	})
	select { // it holds the replica, and so all of its memory
	case <-driver.done:
	default:
		t.Error("the driver of the replica's migrations still runs")
	}
	if _, driven := h.driver(2); driven {
		t.Error("streams to the replica are still taken")
	}
	if _, open := h.Replica(1); !open || f.WAL.Has(2) || !f.WAL.Has(1) {
		t.Errorf("first shard open: %v; the log has %v", open, f.WAL.Groups())
	}
}
