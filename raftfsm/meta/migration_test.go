package meta

import (
	"fmt"
	"reflect"
	"strings"
	"testing"

	"github.com/holtcache/holt/proto/apierr"
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
func formedShards(t testing.TB) *cluster {
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

func TestAbortedMigrationLeavesItsSlotsWhereTheyAre(t *testing.T) {
	c := formedShards(t)
	before := fmt.Sprint(c.State().Shards())
	id := c.start(move{1, 2, "100-199"})
	c.must(AbortMigration(id, "target is full"))
	if m, _ := c.State().Migration(id); m.Phase != MigrationAborted || m.Reason != "target is full" || m.Final != (FinalChunk{}) {
		t.Errorf("the record is %+v", m)
	}
	c.must(endCommand(id, sourceSide))
	c.must(endCommand(id, targetSide))
	if got := fmt.Sprint(c.State().Shards()); got != before {
		t.Errorf("got %s, want %s", got, before)
	}
}

// Rule 16: commit or abort, whichever comes first, and never both.
func TestFirstDecisionOnAMigrationIsTheOnlyOne(t *testing.T) {
	c := formedShards(t)
	id := c.start(move{1, 2, "100-199"}, move{1, 2, "300"})
	c.must(commitCommand(id))
	c.refuse(apierr.KindInvalid, "migration 1 was committed before", AbortMigration(id, "too late"))
	c.must(AbortMigration(id+1, "first"))
	c.refuse(apierr.KindInvalid, "migration 2 was aborted before", commitCommand(id+1))
	for _, command := range []*storagev1.MetaCommand{commitCommand(id), AbortMigration(id+1, "another reason")} {
		if r := c.must(command); r.Changed {
			t.Errorf("%v: the same decision again changed something", command)
		}
	}
	if m, _ := c.State().Migration(id + 1); m.Reason != "first" {
		t.Errorf("the reason became %q", m.Reason)
	}
	if owner := c.State().SlotMap().Owner; owner(100) != 2 || owner(300) != 1 {
		t.Errorf("slot 100 belongs to %d, want 2; slot 300 to %d, want 1", owner(100), owner(300))
	}
}

// Rules 16 and 24: meta commits only once the final chunk is applied in the target's group, so a commit names it.
func TestCommitWithoutAFinalChunkIsRefused(t *testing.T) {
	c := formedShards(t)
	id := c.start(move{1, 2, "100-199"})
	for _, change := range []func(*storagev1.CommitMigration){
		func(m *storagev1.CommitMigration) { m.FinalIndex = 0 },
		func(m *storagev1.CommitMigration) { m.AttemptIncarnation = 0 },
	} {
		command := commitCommand(id)
		change(command.GetCommitMigration())
		c.refuse(apierr.KindInvalid, "without a final chunk", command)
	}
}

// Rule 17: a group acts on a recorded decision only, so the record stands until both have noted the end.
func TestRecordStandsUntilBothSidesHaveEnded(t *testing.T) {
	for _, sides := range [][2]storagev1.MigrationSide{{sourceSide, targetSide}, {targetSide, sourceSide}} {
		c := formedShards(t)
		id := c.start(move{1, 2, "100-199"})
		for _, side := range sides {
			c.refuse(apierr.KindInvalid, "no side ends before it is decided", endCommand(id, side))
		}
		c.must(commitCommand(id))
		for range 2 {
			c.must(endCommand(id, sides[0]))
			m, ok := c.State().Migration(id)
			if !ok || m.Phase != MigrationCommitted || m.SourceEnded != (sides[0] == sourceSide) || m.TargetEnded != (sides[0] == targetSide) {
				t.Fatalf("after the end of side %v the record is %+v, %v", sides[0], m, ok)
			}
		}
		c.refuse(apierr.KindInvalid, "slot 150 is in migration 1", startCommand(c.State().Epoch(), move{2, 1, "150"}))
		if r := c.must(endCommand(id, sides[1])); !r.Changed {
			t.Errorf("the end of side %v changed nothing", sides[1])
		}
		if m, ok := c.State().Migration(id); ok {
			t.Errorf("after both ends the record is %+v", m)
		}
		ended := c.State().EndedMigrations()
		if len(ended) != 1 || ended[0].ID != id || ended[0].Phase != MigrationCommitted || ended[0].EndedMs != 1_700_000_002_000 {
			t.Errorf("ended are %+v", ended)
		}
		c.must(startCommand(c.State().Epoch(), move{2, 1, "150"}))
	}
}

// Rule 17: a migration that the state does not know, or knows no longer, is no abort and no commit.
func TestMigrationWithoutARecordSaysNothing(t *testing.T) {
	c := formedShards(t)
	collected, running := c.start(move{1, 2, "100-199"}), c.start(move{2, 3, "6000"})
	c.must(AbortMigration(collected, "cancelled"))
	c.must(endCommand(collected, sourceSide))
	c.must(endCommand(collected, targetSide))
	for id, want := range map[uint64]string{0: "does not exist", running + 1: "does not exist", collected: "has ended, its record is gone"} {
		if m, ok := c.State().Migration(id); ok || m.Phase != 0 || m.Decided() {
			t.Errorf("migration %d: got %+v, %v", id, m, ok)
		}
		c.refuse(apierr.KindNotFound, want, commitCommand(id))
		c.refuse(apierr.KindNotFound, want, AbortMigration(id, ""))
	}
	for _, side := range []storagev1.MigrationSide{sourceSide, targetSide} {
		c.refuse(apierr.KindNotFound, "does not exist", endCommand(running+1, side))
		c.refuse(apierr.KindNotFound, "does not exist", endCommand(0, side))
		if r := c.must(endCommand(collected, side)); r.Changed {
			t.Errorf("the end of side %v after the record was collected changed something", side)
		}
	}
	if m, ok := c.State().MigrationOf(150); ok {
		t.Errorf("slot 150 is in %+v", m)
	}
}

func TestMigrationIDsAreNeverReused(t *testing.T) {
	c := formedShards(t)
	first := c.start(move{1, 2, "100-199"}, move{1, 2, "300"})
	for _, id := range []uint64{first, first + 1} {
		c.must(AbortMigration(id, ""))
		c.must(endCommand(id, sourceSide))
		c.must(endCommand(id, targetSide))
	}
	c.refuse(apierr.KindInvalid, "slot 9000 belongs to shard 2", startCommand(c.State().Epoch(), move{1, 2, "100"}, move{1, 2, "9000"}))
	restored := New()
	if err := restored.Restore(c.Snapshot()); err != nil {
		t.Fatal(err)
	}
	c.Machine = restored
	if id := c.start(move{1, 2, "100-199"}); id != 3 {
		t.Errorf("after two migrations comes %d, want 3", id)
	}
}

func TestMigrationIsFoundByAnyOfItsSlots(t *testing.T) {
	c := formedShards(t)
	c.start(move{1, 2, "10 20-30 50-60"}, move{2, 1, "6000-6010"})
	for s, want := range map[slot.ID]uint64{0: 0, 9: 0, 10: 1, 11: 0, 19: 0, 20: 1, 25: 1, 30: 1, 31: 0, 55: 1, 61: 0, 5999: 0, 6000: 2, 6010: 2, 6011: 0, 16383: 0} {
		if m, ok := c.State().MigrationOf(s); m.ID != want || ok != (want != 0) {
			t.Errorf("slot %d: got migration %d, %v, want %d", s, m.ID, ok, want)
		}
	}
	if m, _ := c.State().Migration(1); m.Slots() != 23 {
		t.Errorf("got %d slots, want 23", m.Slots())
	}
}

// An error text may hold anything, such as the bytes of a key. An abort must not fail for it.
func TestReasonOfAnAbortIsMadePrintable(t *testing.T) {
	c := formedShards(t)
	raw := c.start(move{1, 2, "1"}, move{1, 2, "2"}, move{1, 2, "3"})
	c.must(AbortMigration(raw, "key \xff\x00\n\u00fc"))
	c.must(AbortMigration(raw+1, strings.Repeat("x", 1000)))
	unclean := AbortMigration(raw+2, "")
	unclean.GetAbortMigration().Reason = "a\tb" + strings.Repeat("\u00fc", 1000)
	c.must(unclean)
	for id, want := range map[uint64]string{raw: "key ????", raw + 1: strings.Repeat("x", 200), raw + 2: "a?b" + strings.Repeat("?", 99)} {
		if m, _ := c.State().Migration(id); m.Reason != want {
			t.Errorf("migration %d: got %q, want %q", id, m.Reason, want)
		}
	}
}

func TestMigrationsOfOneCommandBeginTogetherOrNotAtAll(t *testing.T) {
	c := formedShards(t)
	c.must(emptyShardCommand(c.State().Epoch()))
	c.start(move{2, 3, "6000"})
	epoch := c.State().Epoch()
	good := move{1, 2, "0"}
	many := make([]move, 0, MigrationsMax)
	for i := range MigrationsMax {
		many = append(many, move{1, 2, fmt.Sprint(i)})
	}
	var scattered strings.Builder
	for i := 0; i <= migrationRangesMax; i++ {
		fmt.Fprintf(&scattered, "%d ", 2*i)
	}
	for _, row := range []struct {
		kind  apierr.Kind
		text  string
		epoch uint64
		moves []move
	}{
		{apierr.KindInvalid, "planned at epoch 7, the cluster is at", 7, []move{good}},
		{apierr.KindInvalid, "planned at epoch", epoch + 1, []move{good}},
		{apierr.KindInvalid, "none given", epoch, nil},
		{apierr.KindTooLarge, "limit MigrationsMax", epoch, many},
		{apierr.KindTooLarge, "limit migrationRangesMax", epoch, []move{good, {1, 2, scattered.String()}}},
		{apierr.KindInvalid, "they are the same", epoch, []move{good, {1, 1, "1"}}},
		{apierr.KindInvalid, "no slots given", epoch, []move{good, {1, 2, ""}}},
		{apierr.KindInvalid, "slots 16384-16384 are no range", epoch, []move{good, {3, 2, "16384"}}},
		{apierr.KindInvalid, "slots 7-6 are no range", epoch, []move{good, {1, 2, "7-6"}}},
		{apierr.KindNotFound, "shard 9 does not exist", epoch, []move{good, {1, 9, "1"}}},
		{apierr.KindNotFound, "shard 0 does not exist", epoch, []move{good, {0, 1, "1"}}},
		{apierr.KindInvalid, "shard 4 is creating", epoch, []move{good, {1, 4, "1"}}},
		{apierr.KindInvalid, "shard 4 is creating", epoch, []move{good, {4, 1, "1"}}},
		{apierr.KindInvalid, "slot 5461 belongs to shard 2", epoch, []move{good, {1, 2, "5460-5461"}}},
		{apierr.KindInvalid, "slot 0 is in migration 2", epoch, []move{good, {1, 3, "0-10"}}},
		{apierr.KindInvalid, "slot 6000 is in migration 1", epoch, []move{good, {2, 1, "5900-6100"}}},
	} {
		c.refuse(row.kind, row.text, startCommand(row.epoch, row.moves...))
	}
	if r := c.must(startCommand(epoch, many[:MigrationsMax-1]...)); len(r.Migrations) != MigrationsMax-1 || r.Migrations[0] != 2 {
		t.Errorf("up to the limit %d began", len(r.Migrations))
	}
	c.refuse(apierr.KindTooLarge, "limit MigrationsMax", startCommand(c.State().Epoch(), move{1, 2, "5000"}))
}

func TestEndOfAMigrationNamesASide(t *testing.T) {
	c := formedShards(t)
	id := c.start(move{1, 2, "0"})
	c.must(commitCommand(id))
	for _, side := range []storagev1.MigrationSide{0, 3, -1} {
		c.refuse(apierr.KindInvalid, "its sides are source and target", endCommand(id, side))
	}
}

func TestOnlyTheLastEndedMigrationsAreShown(t *testing.T) {
	c := formedShards(t)
	for range EndedMigrationsMax + 3 {
		id := c.start(move{1, 2, "0"})
		c.must(AbortMigration(id, ""))
		c.must(endCommand(id, sourceSide))
		c.must(endCommand(id, targetSide))
	}
	ended := c.State().EndedMigrations()
	if len(ended) != EndedMigrationsMax || ended[0].ID != 4 || ended[EndedMigrationsMax-1].ID != EndedMigrationsMax+3 {
		t.Errorf("%d are shown, from %d to %d", len(ended), ended[0].ID, ended[len(ended)-1].ID)
	}
}
