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
	"github.com/holtcache/holt/shard/transport"

	storagev1 "github.com/holtcache/holt/proto/holt/storage/v1"
)

// founder is a host of a whole cluster of one node: real groups, real files, nobody to talk to.
func founder(t *testing.T, f *Folder) (*Host, error) {
	t.Helper()
	h, err := newFounder(t, f)
	if err != nil {
		return nil, err
	}
	return h, h.Load(t.Context())
}

// newFounder is founder before its replicas are loaded.
func newFounder(t *testing.T, f *Folder) (*Host, error) {
	t.Helper()
	stored, err := f.Settings()
	must(t, err)
	self := nodeForTest(f.NodeID(), f.StartCount())
	h, err := New(Config{
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

func createShard(t *testing.T, h *Host) { createShards(t, h, 1) }

// createShards creates shards that share all slots.
func createShards(t *testing.T, h *Host, count int) {
	t.Helper()
	var shards []*storagev1.NewShard
	for i := range count {
		shards = append(shards, &storagev1.NewShard{
			Ranges:   meta.RangesProto([]slot.Range{{First: slot.ID(slot.Count * i / count), Last: slot.ID(slot.Count*(i+1)/count - 1)}}),
			Replicas: []string{h.cfg.Self.ID}, PreferredLeader: h.cfg.Self.ID,
		})
	}
	await(t, "the cluster exists", h, func() bool { return h.State().Initialized() })
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	result, err := h.Propose(ctx, &storagev1.MetaCommand{Command: &storagev1.MetaCommand_CreateShards{CreateShards: &storagev1.CreateShards{
		ExpectedEpoch: h.State().Epoch(), Shards: shards,
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

// manyShards is a closed folder of one node that holds eight shards, each with a snapshot.
func manyShards(t *testing.T) *Folder {
	t.Helper()
	f := openTestFolder(t, FolderConfig{Dir: t.TempDir()})
	must(t, f.Belong("c1", settingsForTest(), true))
	h, err := founder(t, f)
	must(t, err)
	createShards(t, h, 8)
	await(t, "all shards serve and are known to have formed", h, func() bool {
		for _, r := range h.Replicas() {
			formed, err := f.formed(groupName(r.Group()))
			if _, serving := r.Executor().Serving(); !serving || !formed || err != nil {
				return false
			}
		}
		return len(h.Replicas()) == 8
	})
	for _, r := range h.Replicas() {
		must(t, r.Snapshot(t.Context()))
	}
	must(t, h.Close())
	must(t, f.Close())
	return f
}

func TestLoadOpensEveryReplicaAndCountsWhatItReads(t *testing.T) {
	f := reopen(t, manyShards(t))
	h, err := founder(t, f)
	must(t, err)
	if got := len(h.Replicas()); got != 8 {
		t.Errorf("%d replicas, want 8", got)
	}
	if s := f.Loading().Stats(); s.LoadedBytes != s.TotalBytes || s.Entries == 0 || s.Percent() != 100 {
		t.Errorf("loaded %+v", s)
	}
}

func TestLoadEndsWithItsContextAndWithClose(t *testing.T) {
	closed := manyShards(t)
	for what, end := range map[string]func(h *Host, cancel func()){
		"context": func(_ *Host, cancel func()) { cancel() },
		"close":   func(h *Host, _ func()) { must(t, h.Close()) },
	} {
		f := reopen(t, closed)
		h, err := newFounder(t, f)
		must(t, err)
		ctx, cancel := context.WithCancel(t.Context())
		end(h, cancel)
		if err := h.Load(ctx); err == nil {
			t.Errorf("%s: loaded", what)
		}
		if got := len(h.Replicas()); got != 0 {
			t.Errorf("%s: %d replicas are open", what, got)
		}
		cancel()
		must(t, h.Close())
		must(t, f.Close())
	}
}

// One replica that cannot be opened ends the start: a node that served the others would hide the loss.
func TestLoadEndsWithTheFirstReplicaThatCannotBeOpened(t *testing.T) {
	f := reopen(t, manyShards(t))
	must(t, f.WAL.Forget(5))
	if _, err := founder(t, f); err == nil || !strings.Contains(err.Error(), "group 5") {
		t.Errorf("err %v", err)
	}
}

// What is counted of a snapshot is what was read of it, and all of it once it is closed.
func TestSnapshotsCountTowardsLoading(t *testing.T) {
	f := reopen(t, manyShards(t))
	h, err := newFounder(t, f)
	must(t, err)
	before := f.Loading().Stats()
	if before.LoadedBytes >= before.TotalBytes {
		t.Errorf("before the replicas are loaded: %+v", before)
	}
	must(t, h.Load(t.Context()))
	if s := f.Loading().Stats(); s.LoadedBytes != s.TotalBytes {
		t.Errorf("afterwards: %+v", s)
	}
}

func TestRemainingTimeOfALoad(t *testing.T) {
	begin := time.Unix(1000, 0)
	for _, c := range []struct {
		total, loaded int64
		past, want    time.Duration
	}{
		{0, 0, 0, time.Second}, {100, 0, time.Minute, time.Second}, {100, 25, time.Minute, 3 * time.Minute}, {100, 100, time.Minute, 0},
	} {
		s := LoadingStats{Started: begin, TotalBytes: c.total, LoadedBytes: c.loaded}
		if got := s.Remaining(begin.Add(c.past)); got != c.want {
			t.Errorf("%d of %d bytes after %v: %v left, want %v", c.loaded, c.total, c.past, got, c.want)
		}
	}
}

// PROTOCOL rule 31: a node whose replica is not open may have voted in any term.
func TestGroupThatIsNotOpenConfirmsNothing(t *testing.T) {
	f := openTestFolder(t, FolderConfig{Dir: t.TempDir()})
	must(t, f.Belong("c1", settingsForTest(), true))
	h, err := founder(t, f)
	must(t, err)
	if h.answerConfirm(transport.GroupTerm{Group: 77, Term: 1 << 40}) {
		t.Error("a group that is not open here confirmed a leader")
	}
	await(t, "the meta group has a leader", h, func() bool { return h.localMeta().Term() > 0 && h.State().Initialized() })
	term := h.localMeta().Term()
	for asked, want := range map[uint64]bool{term - 1: false, term: true, term + 1: true} {
		if got := h.answerConfirm(transport.GroupTerm{Group: transport.GroupID(shard.MetaGroup), Term: asked}); got != want {
			t.Errorf("asked about term %d in term %d: %v, want %v", asked, term, got, want)
		}
	}
}
