package meta

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	storagev1 "github.com/holtcache/holt/proto/holt/storage/v1"
)

const seedForTest = 0x0123456789abcdef

func seededCommand() *storagev1.MetaCommand {
	c := initCommand("c1", 3)
	c.GetInitCluster().HashSeed = seedForTest
	return c
}

// The seed is version 2 of commands. A log without one is read and written as ever: its hash seed is 0 (golden_test.go has the
// bytes).
func TestHashSeedIsPartOfTheStateForGood(t *testing.T) {
	m := New()
	if r := m.Apply(3, Encode(seededCommand())); r.Err != nil {
		t.Fatal(r.Err)
	}
	again := initCommand("c1", 3)
	again.GetInitCluster().HashSeed = 7
	if r := m.Apply(4, Encode(again)); r.Err != nil || r.Changed || m.State().HashSeed() != seedForTest {
		t.Errorf("a repetition with another seed: %+v, seed %x", r, m.State().HashSeed())
	}
	golden(t, "seed.txt", fmt.Sprintf("command %x\nsnapshot %x\n", Encode(seededCommand()), m.Snapshot()))
	restored := New()
	if err := restored.Restore(m.Snapshot()); err != nil || restored.State().HashSeed() != seedForTest || !bytes.Equal(restored.Snapshot(), m.Snapshot()) {
		t.Errorf("restored: seed %x, %v", restored.State().HashSeed(), err)
	}
}

func TestClusterOfAnOlderBuildHasNoHashSeed(t *testing.T) {
	c := threeNodes(t)
	if got := c.State().HashSeed(); got != 0 {
		t.Errorf("seed %x, want none", got)
	}
	if e := Encode(initCommand("c1", 3)); e[0] != 8 || e[1] != 1 {
		t.Errorf("a command without a seed begins with % x, want version 1", e[:2])
	}
	if e := Encode(seededCommand()); e[1] != 2 {
		t.Errorf("a command with a seed begins with % x, want version 2", e[:2])
	}
	wrong := seededCommand()
	wrong.Version = 1
	if err := CheckCommand(marshal(wrong)); err == nil || !strings.Contains(err.Error(), "only version 2 knows") {
		t.Errorf("a seed in a command of version 1: %v", err)
	}
	if err := New().Restore(frame(snapshotVersion, marshal(&storagev1.MetaState{HashSeed: 7}))); err == nil {
		t.Error("a state without cluster has a seed")
	}
}
