package meta

import (
	"bytes"
	"encoding/hex"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	storagev1 "github.com/holtcache/holt/proto/holt/storage/v1"
)

var rewrite = flag.Bool("rewrite", false, "write testdata anew instead of comparing with it")

// golden compares text with testdata/name.
func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *rewrite {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("%s differs; if that is wanted, old logs and snapshots need a rule. got:\n%s", path, got)
	}
}

// story is a short log that holds each command at least once.
func story(t *testing.T) []*storagev1.MetaCommand {
	all := []string{"node-1", "node-2", "node-3"}
	return []*storagev1.MetaCommand{
		initCommand("c1", 3),
		registerCommand(2, 1),
		registerCommand(3, 1),
		votersCommand([]string{"node-1"}, all),
		createCommand(4, 3),
		formedCommand(1, 9),
		preferCommand(1, "node-1", "node-2"),
		registerAt(4, 1, "[fd00::4]"),
		replicasCommand(1, all, []string{"node-2", "node-3", "node-4", "node-1"}),
		registerCommand(5, 1),
		removeCommand("node-5"),
		settingCommand(t, "replicas", "1"),
		settingCommand(t, "heartbeat", "1s"),
		settingCommand(t, "lease", "100ms"),
		settingCommand(t, "lease-max", "100ms"),
		settingCommand(t, "appendfsync", "everysec"),
		settingCommand(t, "default-ack", "async"),
		settingCommand(t, "default-read", "index"),
		settingCommand(t, "shards", "2"),
		settingCommand(t, "expect-nodes", "2"),
		// From version 2 on.
		settingCommand(t, "maxmemory-policy", "allkeys-lfu"),
		settingCommand(t, "maxmemory-samples", "10"),
		settingCommand(t, "lfu-log-factor", "0"),
		settingCommand(t, "lfu-decay-time", "0"),
		settingCommand(t, "save", "900 1 60 1000"),
		changesCommand(t, memoryOf("node-2", 1, 1<<30), "save", "", "maxmemory-policy", "volatile-ttl"),
		// From version 3 on.
		formedCommand(2, 5),
		formedCommand(3, 5),
		startCommand(25, move{1, 2, "0-99 200"}, move{2, 3, "5461-6000"}, move{1, 3, "300"}),
		commitCommand(1),
		AbortMigration(2, "target is full"),
		endCommand(1, sourceSide),
		endCommand(1, targetSide),
		endCommand(2, targetSide),
		drainCommand("node-3", true),
		settingCommand(t, "migration-rate", "32mb"),
		settingCommand(t, "node-dead-after", "1m"),
		changesCommand(t, nil, "node-dead-after", "0"),
		emptyShardCommand(35),
		formedCommand(4, 3),
		dissolveCommand(4),
		StartRebalance(Rebalance{Measures: []BalanceMeasure{MeasureSlots}, StartedMs: 1}),
		EndRebalance(1),
		StartRebalance(Rebalance{Measures: []BalanceMeasure{MeasureBytes, MeasureRequests}, Shards: 4, StartedMs: 2}),
		// From version 4 on.
		StartRebalance(Rebalance{Measures: []BalanceMeasure{MeasureSlots}, StartedMs: 3, LastMigration: 3}),
		SetUser("alice", []byte("on #"+strings.Repeat("0f", 32)+" ~app:* resetchannels -@all +@read"), 0),
		SetUser("bob", []byte("off resetchannels -@all"), 0),
		SetUser("default", []byte("on nopass \xff~\xfe"), 0),
		DeleteUser("bob"),
	}
}

func TestBytesOfCommandsStayAsTheyAre(t *testing.T) {
	var out strings.Builder
	seen := map[string]bool{}
	for _, c := range story(t) {
		kind := strings.TrimPrefix(fmt.Sprintf("%T", c.Command), "*storagev1.MetaCommand_")
		seen[kind] = true
		fmt.Fprintf(&out, "%s %x\n", kind, Encode(c))
	}
	golden(t, "commands.txt", out.String())
	if want := (&storagev1.MetaCommand{}).ProtoReflect().Descriptor().Oneofs().Get(0).Fields().Len(); len(seen) != want {
		t.Errorf("the story holds %d kinds of commands, want all %d", len(seen), want)
	}
}

// A log that was written by any earlier build has to give the same snapshot. So the commands come from the golden file.
func TestGoldenLogGivesTheGoldenSnapshot(t *testing.T) {
	file, err := os.ReadFile("testdata/commands.txt")
	if err != nil {
		t.Fatal(err)
	}
	m := New()
	var results strings.Builder
	for i, line := range strings.Split(strings.TrimSpace(string(file)), "\n") {
		kind, text, _ := strings.Cut(line, " ")
		data, err := hex.DecodeString(text)
		if err != nil {
			t.Fatal(err)
		}
		r := m.Apply(uint64(2*i+3), data)
		fmt.Fprintf(&results, "%s epoch=%d changed=%v shards=%v displaced=%v migrations=%v err=%v\n", kind, r.Epoch, r.Changed, r.Shards, r.Displaced, r.Migrations, r.Err)
	}
	golden(t, "results.txt", results.String())
	golden(t, "snapshot.txt", hex.Dump(m.Snapshot()))

	restored := New()
	if err := restored.Restore(m.Snapshot()); err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(restored.Snapshot(), m.Snapshot()) {
		t.Error("the snapshot of a restored state differs")
	}
}

// Logs and snapshots of earlier versions are those of the last builds that knew no later one: what has come since has to read
// them, and a cluster that uses nothing of it has to write the same.
func TestLogsAndSnapshotsOfEarlierVersionsStayReadable(t *testing.T) {
	for version := 1; version < CommandVersion; version++ {
		commands := goldenBytes(t, fmt.Sprintf("commands-v%d.txt", version))
		snapshot := goldenBytes(t, fmt.Sprintf("snapshot-v%d.txt", version))[0]
		m := New()
		for i, data := range commands {
			m.Apply(uint64(2*i+3), data)
		}
		if !bytes.Equal(m.Snapshot(), snapshot) {
			t.Errorf("the log of version %d gives another snapshot:\n%x, want\n%x", version, m.Snapshot(), snapshot)
		}
		restored := New()
		if err := restored.Restore(snapshot); err != nil {
			t.Fatal(err)
		}
		checkYounger(t, restored.State(), version)
		for i, c := range story(t)[:len(commands)] {
			if got := Encode(c); !bytes.Equal(got, commands[i]) {
				t.Errorf("command %d is written as %x, a build of version %d reads %x", i, got, version, commands[i])
			}
		}
	}
}

// checkYounger looks at what a state of an earlier version has in place of what came later.
func checkYounger(t *testing.T, s *State, version int) {
	t.Helper()
	got := s.Settings()
	want := got
	if version < 3 {
		want.MigrationRateBytes, want.NodeDeadAfter = 64<<20, 5*time.Minute
	}
	if version < 2 {
		want.MaxMemoryPolicy, want.MaxMemorySamples, want.LFULogFactor, want.LFUDecayMinutes, want.Save = NoEviction, 5, 10, 1, "3600 1"
	}
	if got != want {
		t.Errorf("the settings that version %d did not have: got %+v, want %+v", version, got, want)
	}
	for _, n := range s.Nodes() {
		if version < 2 && n.MaxMemoryBytes != 0 || version < 3 && n.Draining {
			t.Errorf("version %d: node %+v, want no maxmemory and no draining", version, n)
		}
	}
	if len(s.Users()) > 0 || s.UsersEpoch() != 0 {
		t.Errorf("version %d: users %v", version, s.Users())
	}
	if s.CommandVersion() != VersionUnsaid || s.rebalance != nil && s.rebalance.LastMigration != 0 {
		t.Errorf("version %d: commands up to %d, rebalance %+v", version, s.CommandVersion(), s.rebalance)
	}
	if version >= 3 {
		return
	}
	if len(s.Migrations())+len(s.EndedMigrations()) > 0 || s.lastMigration != 0 || s.Dissolved(1) || s.rebalance != nil {
		t.Errorf("version %d: migrations %v and %v up to %d", version, s.Migrations(), s.EndedMigrations(), s.lastMigration)
	}
}

// goldenBytes reads what testdata has in hexadecimal, one value on each line, a word before it where there is one.
func goldenBytes(t *testing.T, name string) [][]byte {
	t.Helper()
	file, err := os.ReadFile(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	var values [][]byte
	for _, line := range strings.Split(strings.TrimSpace(string(file)), "\n") {
		words := strings.Fields(line)
		data, err := hex.DecodeString(words[len(words)-1])
		if err != nil {
			t.Fatal(err)
		}
		values = append(values, data)
	}
	return values
}
