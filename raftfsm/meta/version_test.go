package meta

import (
	"fmt"
	"strings"
	"testing"

	storagev1 "github.com/holtcache/holt/proto/holt/storage/v1"
)

// A node of an older build stops at a command that says a version it does not know. So each says the oldest that knows all of
// it, and is refused before it is proposed where it says an older one.
func TestCommandsSayTheOldestVersionThatKnowsThem(t *testing.T) {
	initWith := func(change func(*Settings)) *storagev1.MetaCommand {
		c, settings := initCommand("c1", 3), DefaultSettings()
		settings.ExpectNodes = 3
		change(&settings)
		c.GetInitCluster().Settings = settings.Proto()
		return c
	}
	for _, row := range []struct {
		version uint32
		command *storagev1.MetaCommand
	}{
		{1, initWith(func(*Settings) {})},
		{2, initWith(func(s *Settings) { s.Save = "" })},
		{2, seededCommand()},
		{3, initWith(func(s *Settings) { s.MigrationRateBytes = 0 })},
		{3, initWith(func(s *Settings) { s.Save, s.NodeDeadAfter = "", 0 })},
		{1, registerCommand(1, 1)},
		{1, removeCommand("node-1")},
		{1, votersCommand(nil, nil)},
		{1, emptyShardCommand(1)},
		{1, formedCommand(1, 1)},
		{1, preferCommand(1, "", "")},
		{1, replicasCommand(1, nil, nil)},
		{1, settingCommand(t, "lease", "1ms")},
		{2, settingCommand(t, "save", "")},
		{3, settingCommand(t, "migration-rate", "64mb")},
		{3, settingCommand(t, "node-dead-after", "5m")},
		{2, changesCommand(t, nil, "lease", "1ms")},
		{2, changesCommand(t, nil, "save", "")},
		{3, changesCommand(t, nil, "node-dead-after", "0", "save", "")},
		{3, startCommand(1)},
		{3, commitCommand(1)},
		{3, AbortMigration(1, "")},
		{3, endCommand(1, sourceSide)},
		{3, drainCommand("node-1", false)},
		{3, dissolveCommand(1)},
		{4, SetUser("u", nil, 0)},
		{4, DeleteUser("u")},
		{3, StartRebalance(Rebalance{Measures: []BalanceMeasure{MeasureSlots}, StartedMs: 1})},
		{4, StartRebalance(Rebalance{Measures: []BalanceMeasure{MeasureSlots}, StartedMs: 1, LastMigration: 1})},
		{3, EndRebalance(1)},
	} {
		if err := CheckCommand(Encode(row.command)); err != nil || row.command.Version != row.version {
			t.Errorf("%v says version %d, want %d (%v)", row.command, row.command.Version, row.version, err)
		}
		if row.version == 1 {
			continue
		}
		row.command.Version = row.version - 1
		want := fmt.Sprintf("only version %d knows", row.version)
		if err := CheckCommand(marshal(row.command)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v: got %v, want %q", row.command, err, want)
		}
	}
}

// What has changed the state every node knows that follows it, so it need not be asked again, however long ago that was.
func TestStateRemembersTheHighestVersionThatChangedIt(t *testing.T) {
	c := formedShards(t)
	rebalance := Rebalance{Measures: []BalanceMeasure{MeasureSlots}, StartedMs: 1}
	c.must(StartRebalance(rebalance))
	if got := c.State().CommandVersion(); got != VersionUnsaid {
		t.Errorf("commands that every build knows: got %d, want %d", got, VersionUnsaid)
	}
	rebalance.LastMigration = 1
	if r := c.apply(StartRebalance(rebalance)); r.Err == nil || c.State().CommandVersion() != VersionUnsaid {
		t.Errorf("a refused command of version 4: %+v, then version %d", r, c.State().CommandVersion())
	}
	c.start(move{1, 2, "0-9"})
	c.must(StartRebalance(rebalance))
	c.must(EndRebalance(0))
	restored := New()
	if err := restored.Restore(c.Snapshot()); err != nil {
		t.Fatal(err)
	}
	if got, there := c.State().CommandVersion(), restored.State().CommandVersion(); got != 4 || there != 4 {
		t.Errorf("got %d, restored %d, want 4", got, there)
	}
	for version, want := range map[uint32]string{CommandVersion + 1: "run the newer build", VersionUnsaid: "a command of version 3"} {
		p := c.State().toProto()
		p.CommandVersion = version
		if err := New().Restore(frame(snapshotVersion, marshal(p))); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("a snapshot that says %d: got %v, want %q", version, err, want)
		}
	}
}
