package host

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/holtcache/holt/proto/apierr"
	storagev1 "github.com/holtcache/holt/proto/holt/storage/v1"
	"github.com/holtcache/holt/raftfsm/meta"
	"github.com/holtcache/holt/shard"
	"github.com/holtcache/holt/shard/transport"
)

// Rule 28: a replica that this node never had bootstraps only if the meta leader says, now, that the group is being
// created with this node; what this node itself has heard does not count.
func TestReplicaBeginsOnTheLeadersWordAlone(t *testing.T) {
	for _, c := range []struct {
		what     string
		heard    meta.ShardPhase
		now      meta.ShardPhase
		replicas []string
		want     storagev1.GroupPhase
	}{
		{"being created", meta.ShardCreating, meta.ShardCreating, []string{"a", "b", "self"}, bootstrapping},
		{"formed since", meta.ShardCreating, meta.ShardFormed, []string{"a", "b", "self"}, bootstrapped},
		{"being created without this node", meta.ShardCreating, meta.ShardCreating, []string{"a", "b", "c"}, bootstrapped},
		{"long formed", meta.ShardFormed, meta.ShardFormed, []string{"a", "b", "c"}, bootstrapped},
	} {
		now := withShard(t, clusterOf(t, "a", "b", "c", "self"), c.now, c.replicas...)
		h, _ := outsider(t, &others{read: func(_ context.Context, node string) ([]byte, error) { return now.Snapshot(), nil }})
		h.cfg.Book.Note(nodeForTest("a", 1))
		heard := withShard(t, clusterOf(t, "a", "b", "c", "self"), c.heard, c.replicas...).State()
		h.watched.Store(heard)
		s, _ := heard.Shard(1)
		mark, err := h.beginReplica(s)
		must(t, err)
		if mark.Phase != c.want || !slices.Equal(mark.InitialMembers, slices.Sorted(slices.Values(c.replicas))) {
			t.Errorf("%s: %v, want %v", c.what, mark, c.want)
		}
		if durable, err := h.cfg.Folder.mark("1"); err != nil || durable.GetPhase() != c.want {
			t.Errorf("%s: the mark is %v, %v", c.what, durable, err)
		}
	}
}

func TestReplicaThatMustNotBeginSaysWhy(t *testing.T) {
	state := withShard(t, clusterOf(t, "a", "b", "c", "self"), meta.ShardCreating, "a", "b", "self")
	s, _ := state.State().Shard(1)
	for what, c := range map[string]struct {
		prepare func(t *testing.T, h *Host)
		want    string
	}{
		"it was removed": {func(t *testing.T, h *Host) {
			must(t, h.cfg.Folder.setMark("1", &storagev1.GroupMark{Phase: removed}))
		}, "no leader that can be reached"},
		"its log is of another folder": {func(t *testing.T, h *Host) {
			beginLog(t, h.cfg.Folder, 1)
		}, "knows nothing of it"},
		"its raft-boltdb file is of another folder": {func(t *testing.T, h *Host) {
			h.cfg.Folder = openTestFolder(t, FolderConfig{Dir: t.TempDir(), Log: LogStoreBolt})
			beginLog(t, h.cfg.Folder, 1)
		}, "knows nothing of it"},
		"the mark is of a newer program": {func(t *testing.T, h *Host) {
			must(t, h.cfg.Folder.Stable.SetMark(groupMark+"1", []byte{0x08, folderVersion + 1}))
		}, "run the newer program"},
		"no meta leader": {func(*testing.T, *Host) {}, "no leader that can be reached"},
	} {
		h, _ := outsider(t, &others{read: func(context.Context, string) ([]byte, error) {
			return nil, apierr.New(apierr.KindNotLeader, "not the leader")
		}})
		h.cancel() // whatever is asked for ends at once
		c.prepare(t, h)
		if err := h.openAssigned(s); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q in it", what, err, c.want)
		}
		if mark, err := h.cfg.Folder.mark("1"); err == nil && mark != nil && mark.Phase != removed {
			t.Errorf("%s: a mark was left: %v", what, mark)
		}
	}
}

// The log of a group may vanish alone. Its votes are still there, and an empty log would let the replica elect a leader
// that lacks what this very node has acknowledged.
func TestLogThatVanishedIsNotBegunAnew(t *testing.T) {
	for _, store := range []LogStore{LogStoreWAL, LogStoreBolt} {
		h, _ := outsider(t, nil)
		f := openTestFolder(t, FolderConfig{Dir: t.TempDir(), Log: store})
		h.cfg.Folder = f
		beginLog(t, f, 2) // of another group
		must(t, f.setMark("1", &storagev1.GroupMark{Phase: bootstrapped}))
		must(t, f.Stable.Group(1).SetUint64([]byte("CurrentTerm"), 4))
		if _, err := h.openStorage(1, filepath.Join(shardsFolder, "1"), nil, shard.Hooks{}); err == nil || !strings.Contains(err.Error(), "has voted in its group") {
			t.Errorf("%s: err %v", store, err)
		}
		if _, has := f.logOf(1, filepath.Join(shardsFolder, "1")); has || exists(f.path(filepath.Join(shardsFolder, "1"))) {
			t.Errorf("%s: a log was begun for it", store)
		}
	}
}

// A replica may have voted before its first entry came: its log is empty then, not lost.
func TestLogThatIsEmptyYetIsNotLost(t *testing.T) {
	for _, store := range []LogStore{LogStoreWAL, LogStoreBolt} {
		h, _ := outsider(t, nil)
		h.cfg.Folder = openTestFolder(t, FolderConfig{Dir: t.TempDir(), Log: store})
		for range 2 {
			s, err := h.openStorage(1, filepath.Join(shardsFolder, "1"), &transport.Group{}, shard.Hooks{})
			if err != nil {
				t.Fatalf("%s: %v", store, err)
			}
			must(t, h.cfg.Folder.Stable.Group(1).SetUint64([]byte("CurrentTerm"), 4))
			must(t, s.Close.Close())
			h.cfg.Folder = reopen(t, h.cfg.Folder)
		}
	}
}

// A group that may not have formed has perhaps no slots in its log. If its replicas were opened before the meta group's
// state is known, a leader would begin without them and serve none.
func TestReplicasOfUnformedGroupsWaitForTheMetaGroup(t *testing.T) {
	h, _ := outsider(t, nil)
	for id, mark := range map[string]*storagev1.GroupMark{
		"1": {Phase: bootstrapped}, "2": {Phase: bootstrapping, InitialMembers: []string{"self"}}, "3": {Phase: removed},
	} {
		must(t, h.cfg.Folder.setMark(id, mark))
		must(t, os.MkdirAll(h.cfg.Folder.path(filepath.Join(shardsFolder, id)), 0o700))
	}
	must(t, h.cfg.Folder.setFormed("3"))
	known, err := h.knownGroups()
	must(t, err)
	if len(known) != 0 {
		t.Errorf("%v would be opened", known)
	}
}

// Slots that a shard owns once it has formed came with their keys, and are in its own log. Were they given to it by the state,
// an executor could serve them without.
func TestSlotsComeFromTheStateOnlyWhileTheShardIsCreated(t *testing.T) {
	for phase, want := range map[meta.ShardPhase]int{meta.ShardCreating: 1, meta.ShardFormed: 0} {
		h, _ := outsider(t, nil)
		h.watched.Store(withShard(t, clusterOf(t, "a", "b", "self"), phase, "a", "b", "self").State())
		if got := h.slotsOf(1); len(got) != want {
			t.Errorf("a shard that is %v begins with %v, want %d ranges", phase, got, want)
		}
	}
}
