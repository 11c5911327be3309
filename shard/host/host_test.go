package host

import (
	"context"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/holtcache/holt/proto/slot"
	"github.com/holtcache/holt/raftfsm/meta"
	"github.com/holtcache/holt/shard"
	"github.com/holtcache/holt/shard/gossip"

	storagev1 "github.com/holtcache/holt/proto/holt/storage/v1"
)

// founder is a host of a whole cluster of one node: real groups, real files, nobody to talk to.
func founder(t *testing.T, f *Folder) (*Host, error) {
	t.Helper()
	stored, err := f.Settings()
	must(t, err)
	self := nodeForTest(f.NodeID(), f.StartCount())
	h, err := Open(Config{
		Folder: f, Self: self, Settings: meta.SettingsFromProto(stored), Book: NewBook(),
		Gossip: &rumours{nodes: map[string]gossip.Node{}}, Nodes: &others{t: t},
		Dial:   func(context.Context, string) (net.Conn, error) { return nil, net.ErrClosed },
		Logger: slog.New(slog.DiscardHandler),
	})
	if err == nil {
		t.Cleanup(func() { must(t, h.Close()) })
	}
	return h, err
}

func await(t *testing.T, what string, h *Host, done func() bool) {
	t.Helper()
	deadline := time.After(30 * time.Second)
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for {
		changed := h.Changed()
		if done() {
			return
		}
		select {
		case <-changed:
		case <-tick.C:
		case <-deadline:
			t.Fatalf("not within 30 s: %s", what)
		}
	}
}

func createShard(t *testing.T, h *Host) {
	t.Helper()
	await(t, "the cluster exists", h, func() bool { return h.State().Initialized() })
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	result, err := h.Propose(ctx, &storagev1.MetaCommand{Command: &storagev1.MetaCommand_CreateShards{CreateShards: &storagev1.CreateShards{
		ExpectedEpoch: h.State().Epoch(),
		Shards: []*storagev1.NewShard{{
			Ranges:   meta.RangesProto([]slot.Range{{First: 0, Last: slot.Count - 1}}),
			Replicas: []string{h.cfg.Self.ID}, PreferredLeader: h.cfg.Self.ID,
		}},
	}}})
	must(t, err)
	must(t, result.Err)
}

func servesAllSlots(h *Host) bool {
	r, ok := h.Replica(1)
	if !ok {
		return false
	}
	_, serving := r.Executor().Serving()
	return serving && slot.Normalize(r.Store().Owned()) != nil && r.Store().Owned()[0].Len() == slot.Count
}

// The life of a founder: the cluster begins, a shard is made and forms, and a second start finds it all. The marks say
// so at each step, so that nothing begins twice.
func TestFounderBeginsOnceAndComesBack(t *testing.T) {
	for _, store := range []LogStore{LogStoreWAL, LogStoreBolt} {
		t.Run(string(store), func(t *testing.T) { foundAndComeBack(t, store) })
	}
}

func foundAndComeBack(t *testing.T, store LogStore) {
	f := openTestFolder(t, FolderConfig{Dir: t.TempDir(), Log: store})
	must(t, f.Belong("c1", settingsForTest(), true))
	h, err := founder(t, f)
	must(t, err)
	createShard(t, h)
	await(t, "the shard has formed and serves", h, func() bool {
		s, _ := h.State().Shard(1)
		return s.Phase == meta.ShardFormed && servesAllSlots(h)
	})
	await(t, "the folder knows that it has formed", h, func() bool {
		formed, err := f.formed("1")
		return err == nil && formed
	})
	for _, group := range []string{metaFolder, "1"} {
		if mark, err := f.mark(group); err != nil || mark.GetPhase() != bootstrapped {
			t.Errorf("group %s: mark %v, %v, want the tombstone of a bootstrap", group, mark, err)
		}
	}
	must(t, h.Close())
	must(t, h.Close())

	f = reopen(t, f)
	h, err = founder(t, f)
	must(t, err)
	if len(h.Replicas()) != 1 {
		t.Errorf("%d replicas are open before anybody was asked, want 1", len(h.Replicas()))
	}
	await(t, "the shard serves again", h, func() bool { return servesAllSlots(h) })
	await(t, "the new start is registered", h, func() bool {
		n, _ := h.State().Node(f.NodeID())
		return n.StartCount == 2
	})
	must(t, h.Close())

	// The meta group's log is gone while its votes are there: a second meta group must not begin.
	must(t, os.RemoveAll(f.path(metaFolder)))
	if f.WAL != nil {
		must(t, f.WAL.Forget(uint64(shard.MetaGroup)))
	}
	f = reopen(t, f)
	if _, err := founder(t, f); err == nil || !strings.Contains(err.Error(), "has voted in its group") {
		t.Errorf("open without the meta log: %v", err)
	}
}

// The founder may be killed between its mark and the first entry of the meta group: the beginning is done again.
func TestFoundingCutShortIsDoneAgain(t *testing.T) {
	f := openFolder(t, t.TempDir())
	must(t, f.Belong("c1", settingsForTest(), true))
	must(t, os.MkdirAll(filepath.Join(f.Dir, metaFolder), 0o700))
	h, err := founder(t, reopen(t, f))
	must(t, err)
	await(t, "the cluster exists", h, func() bool { return h.State().ClusterID() == "c1" })
}

func TestNodeThatJoinedLeadsNoMetaGroupOfItsOwn(t *testing.T) {
	f := openFolder(t, t.TempDir())
	must(t, f.Belong("c1", settingsForTest(), false))
	h, err := founder(t, f)
	must(t, err)
	if members := h.localMeta().Members(); len(members.Voters) != 0 {
		t.Errorf("voters %v of a group that others have begun", members.Voters)
	}
	if h.isMember() || h.LeadsMeta() || h.State().Initialized() {
		t.Error("the node takes itself for a member")
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := h.LatestHere(ctx); err == nil {
		t.Error("a node that is no member tells the latest state")
	}
	if err := h.TransferHere(ctx, 0, 0, ""); err == nil || !strings.Contains(err.Error(), "does not lead it") {
		t.Errorf("transfer of the meta group: %v", err)
	}
}
