package meta

import (
	"bytes"
	"fmt"
	"slices"
	"testing"

	"google.golang.org/protobuf/proto"
	"pgregory.net/rapid"

	storagev1 "github.com/holtcache/holt/proto/holt/storage/v1"
	"github.com/holtcache/holt/proto/slot"
)

// Two replicas apply one log of random commands; one of them is replaced at random points by a machine that was restored
// from its snapshot. Results and states stay equal, the invariants hold, and the epoch counts the changes exactly.
func TestReplicasAgreeWhateverTheLogAndWheneverOneIsRestored(t *testing.T) {
	accepted := map[string]int{}
	beginning := story(t)
	run := func(t *rapid.T) {
		a, b := New(), New()
		index := uint64(0)
		// Most logs begin with a cluster whose nodes are there, that has shards, or that moves slots: random commands reach that
		// seldom.
		for _, command := range beginning[:rapid.SampledFrom([]int{len(beginning) - 8, 28, 8, 4, 0}).Draw(t, "beginning")] {
			index++
			a.Apply(index, Encode(command))
			b.Apply(index, Encode(command))
		}
		for range rapid.IntRange(1, 60).Draw(t, "commands") {
			index += rapid.Uint64Range(1, 3).Draw(t, "gap")
			command := drawCommand(t, a.State())
			data := Encode(command)
			before := a.State()
			ra, rb := a.Apply(index, data), b.Apply(index, data)
			if got, want := fmt.Sprintf("%+v", rb), fmt.Sprintf("%+v", ra); got != want {
				t.Fatalf("entry %d %v: one replica answers %s, the other %s", index, command, want, got)
			}
			checkStep(t, command, before, a.State(), ra)
			if ra.Changed {
				accepted[fmt.Sprintf("%T", command.Command)]++
			}
			if rapid.IntRange(0, 4).Draw(t, "restore") == 0 {
				snapshot := b.Snapshot()
				b = New()
				if err := b.Restore(snapshot); err != nil {
					t.Fatalf("restore at entry %d: %v", index, err)
				}
			}
			if !bytes.Equal(a.Snapshot(), b.Snapshot()) {
				t.Fatalf("after entry %d %v the replicas differ", index, command)
			}
		}
	}
	// The generator is of use only if it gets through the gates of every command. Some it passes in every tenth log only.
	want := (&storagev1.MetaCommand{}).ProtoReflect().Descriptor().Oneofs().Get(0).Fields().Len()
	for round := 0; round < 10 && len(accepted) < want; round++ {
		rapid.Check(t, run)
	}
	if len(accepted) != want {
		t.Errorf("of %d kinds of commands only these were ever accepted: %v", want, accepted)
	}
}

func checkStep(t *rapid.T, command *storagev1.MetaCommand, before, after *State, r Result) {
	if err := after.valid(); err != nil {
		t.Fatalf("the state is invalid: %v", err)
	}
	old, now := before.toProto(), after.toProto()
	old.AppliedIndex, old.Epoch, now.AppliedIndex, now.Epoch = 0, 0, 0, 0
	again := command.GetSetRebalance().GetRebalance() != nil // who asks again for the rebalance that runs has asked anew
	if same := proto.Equal(old, now); same == r.Changed && !(same && again) || after.Epoch()-before.Epoch() != map[bool]uint64{true: 1}[r.Changed] {
		t.Fatalf("epoch %d to %d, changed %v, state equal %v", before.Epoch(), after.Epoch(), r.Changed, same)
	}
	if r.Changed && r.Err != nil {
		t.Fatalf("changed in spite of %v", r.Err)
	}
	if after.SlotMap().Epoch() != after.Epoch() {
		t.Fatalf("slot map of epoch %d in a state of epoch %d", after.SlotMap().Epoch(), after.Epoch())
	}
	for _, s := range before.Shards() {
		now, ok := after.Shard(s.ID)
		if !ok && after.Dissolved(s.ID) && len(s.Ranges) == 0 {
			continue
		}
		if !ok || now.Phase < s.Phase || fmt.Sprint(now.InitialReplicas) != fmt.Sprint(s.InitialReplicas) {
			t.Fatalf("shard %+v became %+v", s, now)
		}
	}
}

// drawCommand draws a command that has a fair chance to be accepted by the state.
func drawCommand(t *rapid.T, s *State) *storagev1.MetaCommand {
	node := rapid.Custom(func(t *rapid.T) string { return nodeID(rapid.IntRange(1, 5).Draw(t, "node")) })
	shard := rapid.Uint64Range(1, 5)
	if !s.Initialized() {
		return initCommand(rapid.SampledFrom([]string{"c1", "c2"}).Draw(t, "cluster"), 3)
	}
	if len(s.Shards()) > 1 && s.Shards()[1].Phase == ShardFormed && rapid.Bool().Draw(t, "migrations") {
		return drawMigrationCommand(t, s)
	}
	replicas := func(id uint64) []string {
		if found, ok := s.Shard(slot.ShardID(id)); ok {
			return found.Replicas
		}
		return nil
	}
	switch rapid.IntRange(0, 20).Draw(t, "kind") {
	case 0:
		id := shard.Draw(t, "shard")
		empty := slices.IndexFunc(s.Shards(), func(s Shard) bool { return len(s.Ranges) == 0 && s.Phase == ShardFormed })
		if empty >= 0 && rapid.IntRange(0, 3).Draw(t, "any") < 3 {
			id = uint64(s.Shards()[empty].ID)
		}
		return dissolveCommand(id)
	case 1, 2:
		return registerAt(rapid.IntRange(1, 5).Draw(t, "node"), rapid.Uint64Range(1, 4).Draw(t, "start"),
			rapid.SampledFrom([]string{"h1", "h2", "h3", "h4"}).Draw(t, "host"))
	case 3:
		return removeCommand(node.Draw(t, "node"))
	case 4:
		return votersCommand(s.MetaVoters(), rapid.SliceOfNDistinct(node, 1, 3, rapid.ID[string]).Draw(t, "voters"))
	case 5:
		return createCommand(s.Epoch()-rapid.Uint64Range(0, 1).Draw(t, "late"), rapid.IntRange(1, 3).Draw(t, "shards"))
	case 6:
		id := shard.Draw(t, "shard")
		creating := slices.IndexFunc(s.Shards(), func(s Shard) bool { return s.Phase == ShardCreating })
		if creating >= 0 && rapid.IntRange(0, 3).Draw(t, "any") < 3 {
			id = uint64(s.Shards()[creating].ID)
		}
		return formedCommand(id, rapid.Uint64Range(0, 9).Draw(t, "incarnation"))
	case 7:
		id := shard.Draw(t, "shard")
		found, _ := s.Shard(slot.ShardID(id))
		return preferCommand(id, found.PreferredLeader, node.Draw(t, "preferred"))
	case 8, 9:
		id := shard.Draw(t, "shard")
		next := slices.Clone(replicas(id))
		if less := rapid.IntRange(0, 5).Draw(t, "less"); less < len(next) {
			next = slices.Delete(next, less, less+1)
		}
		if rapid.Bool().Draw(t, "more") {
			next = append(next, node.Draw(t, "added"))
		}
		return replicasCommand(id, replicas(id), next)
	case 10:
		changes := &storagev1.ChangeSettings{}
		for range rapid.IntRange(0, 3).Draw(t, "changes") {
			changes.Changes = append(changes.Changes, drawChange(t))
		}
		if rapid.Bool().Draw(t, "memory") {
			changes.NodeMemory = memoryOf(node.Draw(t, "node"), rapid.Uint64Range(1, 4).Draw(t, "start"), rapid.SampledFrom([]uint64{0, 1, 1 << 30, 1 << 61}).Draw(t, "bytes"))
		}
		return &storagev1.MetaCommand{Command: &storagev1.MetaCommand_ChangeSettings{ChangeSettings: changes}}
	case 11:
		return drainCommand(node.Draw(t, "node"), rapid.Bool().Draw(t, "draining"))
	case 12, 15:
		if rapid.Bool().Draw(t, "end") {
			return EndRebalance(rapid.Int64Range(0, 3).Draw(t, "started"))
		}
		return StartRebalance(Rebalance{
			Measures: rapid.SampledFrom([][]BalanceMeasure{{MeasureSlots}, {MeasureBytes, MeasureRequests}, {MeasureBytes, MeasureSlots}, {9}, nil}).Draw(t, "measures"),
			Shards:   rapid.SampledFrom([]int{0, 4, ShardsMax + 1}).Draw(t, "shards"), StartedMs: rapid.Int64Range(0, 3).Draw(t, "started"),
			LastMigration: rapid.Uint64Range(0, s.LastMigration()+1).Draw(t, "last"),
		})
	case 14:
		return emptyShardCommand(s.Epoch())
	case 13:
		return initCommand("c1", 3)
	case 19, 20:
		name := rapid.SampledFrom([]string{"default", "alice", "bob", "no space", ""}).Draw(t, "user")
		if rapid.IntRange(0, 3).Draw(t, "delete") == 0 {
			return DeleteUser(name)
		}
		user, _ := s.User(name)
		return SetUser(name, rapid.SampledFrom([][]byte{nil, []byte("on"), []byte("\xff")}).Draw(t, "rules"), user.ChangedEpoch+rapid.Uint64Range(0, 1).Draw(t, "late"))
	}
	return &storagev1.MetaCommand{Command: &storagev1.MetaCommand_ChangeSetting{ChangeSetting: drawChange(t)}}
}

func drawChange(t *rapid.T) *storagev1.ChangeSetting {
	row := rapid.SampledFrom(settingTable).Draw(t, "setting")
	value := map[string][]string{
		"appendfsync": {"always", "no"}, "default-ack": {"majority", "async"}, "default-read": {"lease", "index"},
		"expect-nodes": {"3", "5"}, "heartbeat": {"1ms", "100ms"}, "lease": {"10ms", "190ms"}, "lease-max": {"500ms"},
		"replicas": {"0", "1", "2", "3"}, "shards": {"0", "2"}, "maxmemory-policy": {"noeviction", "allkeys-lru"},
		"maxmemory-samples": {"1", "64"}, "lfu-log-factor": {"0", "10"}, "lfu-decay-time": {"0", "1"}, "save": {"", "60 1"},
		"migration-rate": {"0", "1", "64mb"}, "node-dead-after": {"0", "1ms", "5m"},
	}[row.name]
	change, err := ParseChange(row.name, rapid.SampledFrom(value).Draw(t, "value"))
	if err != nil {
		t.Fatal(err)
	}
	return change
}
