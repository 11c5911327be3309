package meta

import (
	"fmt"
	"reflect"
	"strings"
	"testing"

	storagev1 "github.com/holtcache/holt/proto/holt/storage/v1"
	"github.com/holtcache/holt/proto/slot"
)

const (
	sourceSide = storagev1.MigrationSide_MIGRATION_SIDE_SOURCE
	targetSide = storagev1.MigrationSide_MIGRATION_SIDE_TARGET
)

// move is a planned migration; its slots are written as "0-5 7".
type move struct {
	from, to uint64
	slots    string
}

func ranges(text string) []slot.Range {
	var out []slot.Range
	for _, word := range strings.Fields(text) {
		var r slot.Range
		if n, _ := fmt.Sscanf(word, "%d-%d", &r.First, &r.Last); n == 1 {
			r.Last = r.First
		}
		out = append(out, r)
	}
	return out
}

func startCommand(epoch uint64, moves ...move) *storagev1.MetaCommand {
	c := &storagev1.StartMigrations{ExpectedEpoch: epoch, StartedMs: 1_700_000_001_000}
	for _, m := range moves {
		c.Migrations = append(c.Migrations, &storagev1.NewMigration{From: m.from, To: m.to, Ranges: RangesProto(ranges(m.slots))})
	}
	return &storagev1.MetaCommand{Command: &storagev1.MetaCommand_StartMigrations{StartMigrations: c}}
}

func commitCommand(id uint64) *storagev1.MetaCommand {
	return &storagev1.MetaCommand{Command: &storagev1.MetaCommand_CommitMigration{CommitMigration: &storagev1.CommitMigration{
		Id: id, AttemptIncarnation: 7, AttemptCounter: 2, FinalIndex: 99,
	}}}
}

func endCommand(id uint64, side storagev1.MigrationSide) *storagev1.MetaCommand {
	return &storagev1.MetaCommand{Command: &storagev1.MetaCommand_EndMigration{EndMigration: &storagev1.EndMigration{Id: id, Side: side, EndedMs: 1_700_000_002_000}}}
}

func drainCommand(id string, draining bool) *storagev1.MetaCommand {
	return &storagev1.MetaCommand{Command: &storagev1.MetaCommand_SetNodeDraining{SetNodeDraining: &storagev1.SetNodeDraining{Id: id, Draining: draining}}}
}

// emptyShardCommand creates a shard without slots.
func emptyShardCommand(epoch uint64) *storagev1.MetaCommand {
	return &storagev1.MetaCommand{Command: &storagev1.MetaCommand_CreateShards{CreateShards: &storagev1.CreateShards{ExpectedEpoch: epoch, Shards: []*storagev1.NewShard{
		{Replicas: []string{"node-1"}, PreferredLeader: "node-1"},
	}}}}
}

func dissolveCommand(id uint64) *storagev1.MetaCommand {
	return &storagev1.MetaCommand{Command: &storagev1.MetaCommand_DissolveShard{DissolveShard: &storagev1.DissolveShard{Id: id}}}
}

// formedShards is three nodes with shards 1 to 3, all formed: slots 0-5460, 5461-10921, 10922-16383.
func formedShards(t *testing.T) *cluster {
	c := threeShards(t)
	c.must(formedCommand(2, 9))
	c.must(formedCommand(3, 9))
	return c
}

// start begins migrations at the epoch of the state and returns the id of the first.
func (c *cluster) start(moves ...move) uint64 {
	c.t.Helper()
	return c.must(startCommand(c.State().Epoch(), moves...)).Migrations[0]
}

func rangesOf(s *State, id slot.ShardID) []slot.Range {
	shard, _ := s.Shard(id)
	return shard.Ranges
}

func TestMigrationMovesItsSlotsWhenItIsCommittedAndNotBefore(t *testing.T) {
	c := formedShards(t)
	id := c.start(move{1, 2, "100-199 5460"})
	s := c.State()
	m, ok := s.Migration(id)
	want := Migration{ID: 1, From: 1, To: 2, Ranges: ranges("100-199 5460"), Phase: MigrationRunning, StartedMs: 1_700_000_001_000}
	if !ok || !reflect.DeepEqual(m, want) {
		t.Fatalf("got %+v, want %+v", m, want)
	}
	if s.SlotMap().Owner(100) != 1 || s.SlotMap().Owner(5460) != 1 {
		t.Error("a migration that runs has moved its slots")
	}
	epoch := s.Epoch()
	if r := c.must(commitCommand(id)); !r.Changed || r.Epoch != epoch+1 {
		t.Errorf("the commit answers %+v at epoch %d", r, epoch)
	}
	s = c.State()
	if got := fmt.Sprint(rangesOf(s, 1), rangesOf(s, 2)); got != "[0-99 200-5459] [100-199 5460-10921]" {
		t.Errorf("got %s", got)
	}
	if m, ok = s.MigrationOf(5460); !ok || m.Phase != MigrationCommitted || m.Final != (FinalChunk{7, 2, 99}) {
		t.Errorf("the record is %+v", m)
	}
	if !s.SlotMap().Complete() || s.SlotMap().Owner(150) != 2 || s.SlotMap().Owner(99) != 1 {
		t.Errorf("slot map %v", s.SlotMap().Assignments())
	}
}
