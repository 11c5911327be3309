package host

import (
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	storagev1 "github.com/holtcache/holt/proto/holt/storage/v1"
	"github.com/holtcache/holt/raftfsm/meta"
)

const (
	bootstrapping = storagev1.GroupPhase_GROUP_PHASE_BOOTSTRAPPING
	bootstrapped  = storagev1.GroupPhase_GROUP_PHASE_BOOTSTRAPPED
	removed       = storagev1.GroupPhase_GROUP_PHASE_REMOVED
)

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func openFolder(t *testing.T, dir string) *Folder {
	t.Helper()
	return openTestFolder(t, FolderConfig{Dir: dir})
}

func reopen(t *testing.T, f *Folder) *Folder {
	t.Helper()
	must(t, f.Close())
	return openTestFolder(t, FolderConfig{Dir: f.Dir, Log: f.cfg.Log})
}

// beginLog opens a group's log for the first time.
func beginLog(t *testing.T, f *Folder, group uint64) {
	t.Helper()
	if f.WAL == nil {
		dir := f.path(filepath.Join(shardsFolder, strconv.FormatUint(group, 10)))
		must(t, os.MkdirAll(dir, 0o700))
		must(t, os.WriteFile(filepath.Join(dir, logFile), nil, 0o600))
		return
	}
	g, err := f.WAL.Group(group)
	must(t, err)
	must(t, g.Begin())
	must(t, g.Close())
}

func settingsForTest() *storagev1.MetaSettings {
	s := meta.DefaultSettings()
	s.ExpectNodes = 1
	return s.Proto()
}

func TestFolderKeepsItsIDAndCountsStarts(t *testing.T) {
	f := openFolder(t, filepath.Join(t.TempDir(), "a", "b"))
	id := f.NodeID()
	if len(id) != 40 || f.StartCount() != 1 || f.ClusterID() != "" {
		t.Errorf("new folder: id %q, start %d, cluster %q", id, f.StartCount(), f.ClusterID())
	}
	f = reopen(t, f)
	if f.NodeID() != id || f.StartCount() != 2 {
		t.Errorf("second start: id %q, want %q; start %d, want 2", f.NodeID(), id, f.StartCount())
	}
	if other := openFolder(t, t.TempDir()); other.NodeID() == id {
		t.Error("two folders have one id")
	}
}

func TestFolderInUseIsRefused(t *testing.T) {
	f := openFolder(t, t.TempDir())
	if _, err := OpenFolder(FolderConfig{Dir: f.Dir}); err == nil || !strings.Contains(err.Error(), "in use by another process") {
		t.Errorf("second open: %v", err)
	}
}

// Whatever is missing or damaged: a node never goes on under a name that may have voted otherwise, and the error says
// what to do. An empty folder, or one of a first start that was cut short, is a new node.
func TestFolderOfUnclearOriginIsRefused(t *testing.T) {
	identity := func(text string) func(*testing.T, string) {
		return func(t *testing.T, dir string) {
			must(t, os.WriteFile(filepath.Join(dir, "identity.json"), []byte(text), 0o600))
		}
	}
	remove := func(names ...string) func(*testing.T, string) {
		return func(t *testing.T, dir string) {
			for _, name := range names {
				must(t, os.RemoveAll(filepath.Join(dir, name)))
			}
		}
	}
	for _, c := range []struct {
		what   string
		change func(*testing.T, string)
		want   string // "" where the folder is opened
	}{
		{"nothing changed", func(*testing.T, string) {}, ""},
		{"votes missing", remove("stable.db"), "could vote twice"},
		{"identity missing", remove("identity.json"), "identity.json is missing"},
		{"identity and votes missing", remove("identity.json", "stable.db"), "identity.json is missing"},
		{"all missing but the logs", remove("identity.json", "stable.db", "meta", "run"), "identity.json is missing"},
		{"logs missing", remove("wal"), "wal holds no log"},
		{"all missing but the lock", remove("identity.json", "stable.db", "meta", "run", "wal"), ""},
		{"garbage", identity("{"), "is damaged"},
		{"empty", identity(""), "is damaged"},
		{"no id", identity(`{"formatVersion":1}`), "is damaged"},
		{"short id", identity(`{"formatVersion":1,"nodeId":"abc"}`), "is damaged"},
		{"newer", identity(`{"formatVersion":2,"nodeId":"x","news":{"a":[1]}}`), "run the newer program"},
		{"unknown field", identity(`{"formatVersion":1,"nodeId":"` + strings.Repeat("ab", 20) + `","news":1}`), ""},
	} {
		f := openFolder(t, t.TempDir())
		must(t, f.Belong("c1", settingsForTest(), true))
		must(t, os.Mkdir(f.path(metaFolder), 0o700))
		beginLog(t, f, 1)
		must(t, f.Close())
		c.change(t, f.Dir)
		again, err := OpenFolder(FolderConfig{Dir: f.Dir, Fatal: func(err error) { t.Errorf("fatal: %v", err) }})
		switch {
		case c.want == "" && err != nil:
			t.Errorf("%s: %v", c.what, err)
		case c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)):
			t.Errorf("%s: err %v, want %q in it", c.what, err, c.want)
		case c.want != "" && !strings.Contains(err.Error(), "newer program") && !strings.Contains(err.Error(), newNodeAdvice):
			t.Errorf("%s: err %v does not say what to do", c.what, err)
		}
		if err == nil {
			must(t, again.Close())
		}
	}
}

func TestFirstStartCutShortIsANewNode(t *testing.T) {
	f := openFolder(t, t.TempDir())
	must(t, f.Close())
	must(t, os.Remove(f.path("identity.json"))) // written last
	if again := openFolder(t, f.Dir); again.StartCount() != 1 {
		t.Errorf("start %d, want 1", again.StartCount())
	}
}

func TestFolderBelongsToOneClusterForGood(t *testing.T) {
	f := openFolder(t, t.TempDir())
	must(t, f.Belong("c1", settingsForTest(), true))
	f = reopen(t, f)
	if f.ClusterID() != "c1" {
		t.Errorf("cluster %q after a restart", f.ClusterID())
	}
	if err := f.Belong("c2", settingsForTest(), false); err == nil || !strings.Contains(err.Error(), "belongs to cluster c1") {
		t.Errorf("second cluster: %v", err)
	}
	must(t, f.Belong("c1", settingsForTest(), false)) // as a founder whose start failed hears from others
	if mark, err := f.mark(metaFolder); err != nil || mark.GetPhase() != bootstrapping {
		t.Errorf("mark %v, %v: the founder's bootstrap was forgotten", mark, err)
	}
	got, err := f.Settings()
	must(t, err)
	if want := meta.SettingsFromProto(settingsForTest()); meta.SettingsFromProto(got) != want {
		t.Errorf("settings %+v, want %+v", meta.SettingsFromProto(got), want)
	}
}

// A founding that was cut short before the identity was written has left the mark to bootstrap. The node then joins a
// cluster: with that mark it would begin a second meta group under the cluster's name.
func TestJoiningNodeNeverBootstrapsTheMetaGroup(t *testing.T) {
	f := openFolder(t, t.TempDir())
	must(t, os.Mkdir(f.path("identity.json.tmp"), 0o700)) // the identity cannot be written
	if err := f.Belong("c1", settingsForTest(), true); err == nil {
		t.Fatal("a folder that cannot be written belongs to a cluster")
	}
	if f.ClusterID() != "" {
		t.Errorf("the folder says %q although that is not durable", f.ClusterID())
	}
	must(t, os.Remove(f.path("identity.json.tmp")))
	if mark, err := f.mark(metaFolder); err != nil || mark.GetPhase() != bootstrapping {
		t.Fatalf("mark %v, %v: nothing is tested", mark, err)
	}
	f = reopen(t, f)
	must(t, f.Belong("c2", settingsForTest(), false))
	if mark, err := f.mark(metaFolder); err != nil || mark.GetPhase() != bootstrapped || len(mark.InitialMembers) != 0 {
		t.Errorf("mark %v, %v", mark, err)
	}
}

func TestMarksOfANewerProgramAreRefused(t *testing.T) {
	f := openFolder(t, t.TempDir())
	must(t, f.Stable.SetMark(groupMark+"7", []byte{0x08, folderVersion + 1}))
	if _, err := f.mark("7"); err == nil || !strings.Contains(err.Error(), "run the newer program") {
		t.Errorf("err %v", err)
	}
}

func TestAddressesOfOtherNodesSurviveARestart(t *testing.T) {
	f := openFolder(t, t.TempDir())
	if nodes, err := f.Nodes(); len(nodes) != 0 || err != nil {
		t.Errorf("new folder: %v, %v", nodes, err)
	}
	want := []meta.Node{nodeForTest("a", 3), nodeForTest("b", 1)}
	must(t, f.SaveNodes(want))
	f = reopen(t, f)
	if got, err := f.Nodes(); err != nil || !slices.Equal(got, want) {
		t.Errorf("got %+v, %v, want %+v", got, err, want)
	}
	must(t, os.WriteFile(f.path("nodes.json"), []byte("{"), 0o600))
	if _, err := f.Nodes(); err == nil {
		t.Error("a damaged file is believed")
	}
}

func nodeForTest(id string, start uint64) meta.Node {
	return meta.Node{ID: id, StartCount: start, Zone: "z", Version: "v", Addresses: meta.Addresses{
		RESP: id + ":1", GRPC: id + ":2", Cluster: id + ":3", Gossip: id + ":4", HTTP: id + ":5",
	}}
}
