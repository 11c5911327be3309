package host

import (
	"crypto/sha256"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/holtcache/holt/proto/slot"
	"github.com/holtcache/holt/raftfsm/entry"
	"github.com/holtcache/holt/shard/logstore"
)

// treeOf is everything that can be told of the files below a folder.
func treeOf(t *testing.T, dir string) map[string]string {
	t.Helper()
	tree := map[string]string{}
	must(t, filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		tree[path] = fmt.Sprint(info.Mode(), info.ModTime().UnixNano())
		if info.Mode().IsRegular() {
			data, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			tree[path] += fmt.Sprintf(" %d %x", len(data), sha256.Sum256(data))
		}
		return nil
	}))
	return tree
}

// checkUnchanged checks a folder and fails where that has changed anything in it.
func checkUnchanged(t *testing.T, dir string, only ...uint64) *FolderReport {
	t.Helper()
	before := treeOf(t, dir)
	r, err := Check(dir, only)
	must(t, err)
	if after := treeOf(t, dir); !maps.Equal(before, after) {
		for path, was := range before {
			if after[path] != was {
				t.Errorf("%s was %q, is %q", path, was, after[path])
			}
		}
		t.Fatalf("the check has changed the folder: %d files before, %d after", len(before), len(after))
	}
	return r
}

func segments(t *testing.T, dir string) []string {
	t.Helper()
	found, err := filepath.Glob(filepath.Join(dir, walFolder, "*.wal"))
	must(t, err)
	return found
}

// rewrite changes a file.
func rewrite(t *testing.T, path string, how func([]byte) []byte) {
	t.Helper()
	data, err := os.ReadFile(path)
	must(t, err)
	must(t, os.WriteFile(path, how(data), 0o600))
}

func flip(at int) func([]byte) []byte {
	return func(b []byte) []byte { b[at] ^= 1; return b }
}

func TestCheckOfASoundFolderTellsEverythingAndChangesNothing(t *testing.T) {
	for _, store := range []LogStore{LogStoreWAL, LogStoreBolt} {
		f := openTestFolder(t, FolderConfig{Dir: t.TempDir(), Log: store})
		must(t, f.Belong("c1", settingsForTest(), true))
		h, err := founder(t, f)
		must(t, err)
		createShard(t, h)
		await(t, "the shard serves", h, func() bool { return servesAllSlots(h) })
		r, _ := h.Replica(1)
		must(t, r.Snapshot(t.Context()))
		last, digest := r.LastIndex(), fmt.Sprintf("%016x", r.Store().Digest())
		must(t, h.Close())
		must(t, f.Close())

		report := checkUnchanged(t, f.Dir)
		if len(report.Damage) > 0 || len(report.NextStart) > 0 || !report.CleanEnd || report.NodeID != f.NodeID() || report.LogStore != string(store) {
			t.Errorf("%s: %+v", store, report)
		}
		if len(report.Groups) != 2 || report.Groups[0].Group != "meta group" {
			t.Fatalf("%s: groups %+v", store, report.Groups)
		}
		g := report.Groups[1]
		if g.Group != "shard 1" || g.Phase != "begun" || g.Last != last || !slices.Equal(g.Voters, []string{f.NodeID()}) || len(g.Snapshots) != 1 || !g.Snapshots[0].Good {
			t.Errorf("%s: %+v", store, g)
		}
		if g.Whole == nil || g.Whole.Digest != digest || g.State == nil || g.State.Digest != digest {
			t.Errorf("%s: state %+v, %+v, want digest %s", store, g.State, g.Whole, digest)
		}
		if only := checkUnchanged(t, f.Dir, 1).Groups; len(only) != 1 || only[0].Group != "shard 1" {
			t.Errorf("%s: --shard 1 gives %+v", store, only)
		}
		var out strings.Builder
		must(t, ShowLog(&out, f.Dir, 1, 0, 0))
		if text := out.String(); !strings.Contains(text, "executor start") || !strings.Contains(text, "slots=[0-16383]") || strings.Contains(text, "UNREADABLE") {
			t.Errorf("%s: log of shard 1:\n%s", store, text)
		}
		out.Reset()
		must(t, ShowLog(&out, f.Dir, 0, 2, 3))
		if text := out.String(); strings.Count(text, "\n") != 2 || strings.Contains(text, "UNREADABLE") {
			t.Errorf("%s: log of the meta group:\n%s", store, text)
		}
	}
}

func TestCheckRefusesAFolderInUse(t *testing.T) {
	f := openFolder(t, t.TempDir())
	if _, err := Check(f.Dir, nil); err == nil || !strings.Contains(err.Error(), "in use by another process") {
		t.Errorf("err %v", err)
	}
	if _, err := Check(t.TempDir(), nil); err == nil || !strings.Contains(err.Error(), "no data folder") {
		t.Errorf("empty folder: %v", err)
	}
}

// A write that was cut short is what the next start removes, and no damage.
func TestCheckTellsOfATornTailAndLeavesIt(t *testing.T) {
	f := manyShards(t)
	all := segments(t, f.Dir)
	last := all[len(all)-1]
	// The seal of a clean end is the last record; without its end it was never written whole.
	end := 0
	rewrite(t, last, func(b []byte) []byte {
		for end = len(b); end > 0 && b[end-1] == 0; {
			end--
		}
		return b[:end-9]
	})
	r := checkUnchanged(t, f.Dir)
	if len(r.Damage) > 0 || len(r.NextStart) != 1 || !strings.Contains(r.NextStart[0], last+" was cut at offset") {
		t.Errorf("damage %q, next start %q", r.Damage, r.NextStart)
	}
}

// Damage is reported with its file and, where it is one, the offset; and what is sound beside it is told all the same.
func TestCheckFindsDamageAndNamesThePlace(t *testing.T) {
	sound := manyShards(t).Dir
	snapshot := func(dir string) string {
		found, _, err := logstore.InspectSnapshots(filepath.Join(dir, shardsFolder, "3"))
		if err != nil || len(found) != 1 {
			t.Fatalf("snapshots %+v, %v, want one", found, err)
		}
		return found[0].Path
	}
	for _, c := range []struct {
		what   string
		damage func(t *testing.T, dir string)
		want   []string // in one line of the damage
		groups int      // whose state is told
	}{
		{"a bit of the log", func(t *testing.T, dir string) { rewrite(t, segments(t, dir)[0], flip(400)) }, []string{".wal: offset ", "checksum"}, 0},
		{"a bit of a snapshot", func(t *testing.T, dir string) {
			rewrite(t, snapshot(dir), func(b []byte) []byte { return flip(len(b) - 100)(b) })
		}, []string{"shard 3: snapshot", "shards/3/snapshots/", "checksum of its state"}, 9},
		{"a snapshot cut short", func(t *testing.T, dir string) {
			rewrite(t, snapshot(dir), func(b []byte) []byte { return b[:len(b)-1] })
		}, []string{"shard 3: snapshot", "shards/3/snapshots/", "its end is damaged or cut off"}, 9},
		{"the description of a snapshot", func(t *testing.T, dir string) {
			rewrite(t, snapshot(dir), flip(30))
		}, []string{"shard 3: snapshot", "shards/3/snapshots/", "its meta data are damaged"}, 9},
		{"votes of another folder", func(t *testing.T, dir string) {
			other := openFolder(t, t.TempDir())
			must(t, other.Close())
			data, err := os.ReadFile(other.path("stable.db"))
			must(t, err)
			must(t, os.WriteFile(filepath.Join(dir, "stable.db"), data, 0o600))
		}, []string{"shard 1: stable.db says term 0"}, 9},
		{"how the last run ended", func(t *testing.T, dir string) { rewrite(t, filepath.Join(dir, runFile), flip(3)) }, []string{"run record", "damaged"}, 9},
	} {
		dir := filepath.Join(t.TempDir(), "copy")
		must(t, os.CopyFS(dir, os.DirFS(sound)))
		c.damage(t, dir)
		r := checkUnchanged(t, dir)
		found := slices.ContainsFunc(r.Damage, func(line string) bool {
			for _, part := range c.want {
				if !strings.Contains(line, part) {
					return false
				}
			}
			return true
		})
		told := 0
		for _, g := range r.Groups {
			if g.Whole != nil {
				told++
			}
		}
		if next := slices.ContainsFunc(r.NextStart, func(line string) bool { return strings.HasPrefix(line, "shard 3: the log alone is used") }); next != strings.Contains(c.what, "snapshot") {
			t.Errorf("%s: next start %q", c.what, r.NextStart)
		}
		if !found || told != c.groups {
			t.Errorf("%s: damage %q, want %q; the state of %d groups, want %d", c.what, r.Damage, c.want, told, c.groups)
		}
	}
}

// What an operator sees of a hand-over in the log.
func TestRecordsOfAHandOverAreShown(t *testing.T) {
	h := entry.Header{Incarnation: 7, Sequence: 9, Time: 5}
	slots := []slot.Range{{First: 1, Last: 2}, {First: 9, Last: 9}}
	many := make([]entry.Item, effectsMax+3)
	for i := range many {
		many[i] = entry.Item{Key: fmt.Appendf(nil, "key%d", i), Value: []byte("v")}
	}
	const head = " incarnation=7 sequence=9 time=5 migration=3"
	for _, c := range []struct {
		record []byte
		want   string
	}{
		{entry.EncodeFreeze(h, entry.Freeze{Migration: 3, To: 8, Ranges: slots}), "freeze" + head + " to=8 slots=[1-2 9]"},
		{entry.EncodeUnfreeze(h, entry.Unfreeze{Migration: 3}), "unfreeze" + head},
		{entry.EncodeDrop(h, entry.Drop{Migration: 3}), "drop" + head},
		{entry.EncodeImport(h, entry.Import{Migration: 3, From: 8, Ranges: slots}), "import" + head + " from=8 slots=[1-2 9]"},
		{entry.EncodeActivate(h, entry.Activate{Migration: 3}), "activate" + head},
		{entry.EncodeDiscard(h, entry.Discard{Migration: 3}), "discard" + head},
		{entry.EncodeMigrationEnd(h, entry.MigrationEnd{Migration: 3, Ranges: slots}), "migration end" + head + " slots=[1-2 9]"},
		{entry.EncodeChunk(h, entry.Chunk{Migration: 3, Attempt: entry.Attempt{Incarnation: 4, Counter: 2}, Sequence: 6, Final: true, Version: 11, Time: 12, Parts: []entry.Part{
			{Slot: 9, Drop: true, Items: many[:1], Effects: []entry.Effect{{Kind: entry.EffectDel, Key: []byte("gone")}}},
		}}), "chunk" + head + ` attempt=4.2 chunk=6 final=true version=11 source_time=12 drop=9 [item slot=9 key="key0" value="v"(1)] [kind=3 slot=9 key="gone" value=""(0)]`},
	} {
		if got := recordText(c.record); got != c.want {
			t.Errorf("got  %s\nwant %s", got, c.want)
		}
	}
	if got := recordText(entry.EncodeChunk(h, entry.Chunk{Parts: []entry.Part{{Items: many}}})); !strings.HasSuffix(got, " and 3 more") || strings.Count(got, "[item") != effectsMax {
		t.Errorf("a chunk of %d items is shown as %s", len(many), got)
	}
}
