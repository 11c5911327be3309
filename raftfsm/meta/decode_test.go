package meta

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"strings"
	"testing"

	"google.golang.org/protobuf/encoding/protowire"

	storagev1 "github.com/holtcache/holt/proto/holt/storage/v1"
)

// panicOf runs f and returns what it panicked with, nil if it did not.
func panicOf(f func()) (reason any) {
	defer func() { reason = recover() }()
	f()
	return nil
}

func TestWhatCannotBeEvaluatedStopsTheReplica(t *testing.T) {
	valid := Encode(registerCommand(2, 1))
	newer := registerCommand(2, 1)
	data := Encode(newer)
	newer.Version = 7
	knowsUpTo := fmt.Sprintf("knows up to %d", CommandVersion)
	node := marshal(registerCommand(2, 1).GetRegisterNode())
	node = protowire.AppendVarint(protowire.AppendTag(node, 999, protowire.VarintType), 1)
	unknownNested := protowire.AppendTag(protowire.AppendVarint(protowire.AppendTag(nil, 1, protowire.VarintType), CommandVersion), 3, protowire.BytesType)
	unknownNested = protowire.AppendBytes(unknownNested, node)
	for name, c := range map[string]struct {
		data []byte
		want []string
	}{
		"no bytes":            {nil, []string{"entry 50", "command version 0", knowsUpTo}},
		"no protobuf":         {[]byte{0xff, 0xff}, []string{"entry 50 of 2 bytes"}},
		"cut":                 {data[:len(data)-1], []string{"entry 50", "is no command"}},
		"newer version":       {marshal(newer), []string{"command version 7", knowsUpTo}},
		"no command":          {Encode(&storagev1.MetaCommand{}), []string{"version 1", "does not know"}},
		"unknown command":     {protowire.AppendBytes(protowire.AppendTag(Encode(&storagev1.MetaCommand{}), 500, protowire.BytesType), nil), []string{"does not know"}},
		"unknown field":       {protowire.AppendVarint(protowire.AppendTag(bytes.Clone(valid), 500, protowire.VarintType), 1), []string{"does not know"}},
		"unknown inner field": {unknownNested, []string{"does not know"}},
	} {
		m := threeNodes(t)
		before := m.Snapshot()
		reason := panicOf(func() { m.Apply(50, c.data) })
		for _, want := range c.want {
			if !strings.Contains(fmt.Sprint(reason), want) {
				t.Errorf("%s: panicked with %v, want %q in it", name, reason, want)
			}
		}
		if !bytes.Equal(before, m.Snapshot()) {
			t.Errorf("%s: the state changed", name)
		}
	}
}

func TestIndexThatDoesNotRiseStopsTheReplica(t *testing.T) {
	c := threeNodes(t)
	for _, index := range []uint64{0, 2, 3} {
		reason := panicOf(func() { c.Apply(index, Encode(registerCommand(2, 1))) })
		if want := fmt.Sprintf("entry %d comes after entry 3", index); !strings.Contains(fmt.Sprint(reason), want) {
			t.Errorf("index %d: panicked with %v, want %q", index, reason, want)
		}
	}
}

func TestIndexOfRefusedCommandsCountsToo(t *testing.T) {
	c := threeNodes(t)
	c.apply(formedCommand(9, 9))
	if got := c.State().Applied(); got != 4 {
		t.Errorf("applied %d, want 4", got)
	}
	restored := New()
	if err := restored.Restore(c.Snapshot()); err != nil || restored.State().Applied() != 4 {
		t.Errorf("restored: applied %d, %v", restored.State().Applied(), err)
	}
}

func TestEmptyStateIsRestored(t *testing.T) {
	m := threeNodes(t)
	if err := m.Restore(New().Snapshot()); err != nil || m.State().Initialized() || m.State().Applied() != 0 {
		t.Errorf("restored %+v, %v", m.State().values, err)
	}
}

// frame is a snapshot of any state, with a checksum that fits.
func frame(version uint32, payload []byte) []byte {
	out := binary.LittleEndian.AppendUint32([]byte(snapshotMagic), version)
	out = append(out, payload...)
	return binary.LittleEndian.AppendUint32(out, crc32.Checksum(out, castagnoli))
}

func TestDamageOfASnapshotIsFoundWhereverItIs(t *testing.T) {
	snapshot := threeShards(t).Snapshot()
	m := threeNodes(t)
	before := m.Snapshot()
	for i := range snapshot {
		damaged := bytes.Clone(snapshot)
		damaged[i] ^= 0x40
		if err := m.Restore(damaged); err == nil {
			t.Fatalf("a snapshot with byte %d damaged was restored", i)
		}
		if err := m.Restore(snapshot[:i]); err == nil {
			t.Fatalf("a snapshot cut to %d bytes was restored", i)
		}
	}
	if !bytes.Equal(before, m.Snapshot()) {
		t.Error("a failed restore changed the state")
	}
}

func TestSnapshotsThatBreakAnInvariantAreRefused(t *testing.T) {
	m := New()
	if err := m.Restore(frame(2, nil)); err == nil || !strings.Contains(err.Error(), "format version 2, this build knows 1") {
		t.Errorf("a newer format: %v", err)
	}
	for want, change := range map[string]func(*storagev1.MetaState){
		"does not come after":   func(s *storagev1.MetaState) { s.Nodes[0], s.Nodes[1] = s.Nodes[1], s.Nodes[0] },
		"in phase 9":            func(s *storagev1.MetaState) { s.Nodes[0].Phase = 9 },
		"is not registered":     func(s *storagev1.MetaState) { s.Nodes[2].Phase = storagev1.NodePhase_NODE_PHASE_REMOVED },
		"without being":         func(s *storagev1.MetaState) { s.MetaVoters = []string{"node-9"} },
		"voters of the meta":    func(s *storagev1.MetaState) { s.MetaVoters = nil },
		"lease":                 func(s *storagev1.MetaState) { s.Settings.LeaseMs = 199 },
		"holds more than":       func(s *storagev1.MetaState) { s.ClusterId = "" },
		"not below the next id": func(s *storagev1.MetaState) { s.NextShardId = 3 },
		"phase 1 with inc":      func(s *storagev1.MetaState) { s.Shards[0].Phase = storagev1.ShardPhase_SHARD_PHASE_CREATING },
		"prefers leader node-9": func(s *storagev1.MetaState) { s.Shards[1].PreferredLeader = "node-9" },
		"two replicas":          func(s *storagev1.MetaState) { s.Shards[1].Replicas[1] = "node-1" },
		"belongs to shards 1":   func(s *storagev1.MetaState) { s.Shards[1].Ranges[0].First-- },
		"a slot has no owner":   func(s *storagev1.MetaState) { s.Shards[1].Ranges[0].First++ },
		"no range within":       func(s *storagev1.MetaState) { s.Shards[2].Ranges[0].Last = 16384 },
		"ranges [0-1 0-5460]": func(s *storagev1.MetaState) {
			s.Shards[0].Ranges = append([]*storagev1.SlotRange{{Last: 1}}, s.Shards[0].Ranges...)
		},
		"fields that this build": func(s *storagev1.MetaState) { s.Nodes[0].ProtoReflect().SetUnknown([]byte{0xf8, 0x3e, 1}) },
	} {
		p := threeShards(t).State().toProto()
		change(p)
		if err := m.Restore(frame(snapshotVersion, marshal(p))); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %q", err, want)
		}
	}
}

// Whatever the bytes, Apply either stops the replica before anything changed or leaves a valid state.
func FuzzApply(f *testing.F) {
	for _, data := range [][]byte{nil, {8, 1}, Encode(registerCommand(4, 1)), Encode(createCommand(3, 3)), Encode(initCommand("c1", 3))} {
		f.Add(data)
	}
	c := movingState(f)
	moving := c.Snapshot()
	for _, command := range []*storagev1.MetaCommand{
		startCommand(c.State().Epoch(), move{1, 2, "300-400 500"}, move{3, 4, "12000"}), commitCommand(1), AbortMigration(1, "why"),
		endCommand(2, sourceSide), endCommand(3, targetSide), endCommand(4, sourceSide), drainCommand("node-3", false), dissolveCommand(4),
		emptyShardCommand(c.State().Epoch()), settingCommand(f, "migration-rate", "0"), settingCommand(f, "node-dead-after", "1m"),
	} {
		f.Add(Encode(command))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		m := New()
		if err := m.Restore(moving); err != nil {
			t.Fatal(err)
		}
		before := m.State()
		if panicOf(func() { m.Apply(50, data) }) != nil {
			if m.State() != before {
				t.Fatal("stopped after a change")
			}
			return
		}
		again := New()
		if err := again.Restore(m.Snapshot()); err != nil || !bytes.Equal(again.Snapshot(), m.Snapshot()) {
			t.Fatalf("the state after %x cannot be restored: %v", data, err)
		}
	})
}

// Whatever the payload behind a valid checksum, Restore refuses it or gives a state whose snapshot restores to itself.
func FuzzRestore(f *testing.F) {
	f.Add([]byte{})
	f.Add([]byte("not a protobuf"))
	snapshot := New()
	snapshot.Apply(1, Encode(initCommand("c1", 3)))
	f.Add(snapshot.Snapshot()[snapshotHead : len(snapshot.Snapshot())-snapshotTail])
	moving := movingState(f).Snapshot()
	f.Add(moving[snapshotHead : len(moving)-snapshotTail])
	f.Fuzz(func(t *testing.T, payload []byte) {
		m := New()
		_ = m.Restore(payload)
		if m.Restore(frame(snapshotVersion, payload)) != nil {
			return
		}
		again := New()
		if err := again.Restore(m.Snapshot()); err != nil || !bytes.Equal(again.Snapshot(), m.Snapshot()) {
			t.Fatalf("restored from %x, the snapshot does not restore: %v", payload, err)
		}
		m.State().SlotMap()
	})
}
