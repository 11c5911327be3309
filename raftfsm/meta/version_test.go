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
