package meta

import (
	"fmt"
	"maps"
	"slices"
	"testing"

	"pgregory.net/rapid"

	storagev1 "github.com/holtcache/holt/proto/holt/storage/v1"
	"github.com/holtcache/holt/proto/slot"
)

// blocks is how many pieces the random moves cut the slots into; few, so that plans overlap often.
const blocks = 16

// blockOf is the slots of one piece.
func blockOf(i int) slot.Range {
	const size = slot.Count / blocks
	return slot.Range{First: slot.ID(i * size), Last: slot.ID((i+1)*size - 1)}
}

// drawMigrationCommand draws a command about migrations that has a fair chance to be accepted by the state.
func drawMigrationCommand(t *rapid.T, s *State) *storagev1.MetaCommand {
	id := rapid.Uint64Range(0, s.lastMigration+1).Draw(t, "migration")
	if len(s.migrations) > 0 && rapid.IntRange(0, 3).Draw(t, "any") < 3 {
		id = rapid.SampledFrom(s.migrations).Draw(t, "record").ID
	}
	switch rapid.IntRange(0, 5).Draw(t, "migrations") {
	case 0:
		command := commitCommand(id)
		command.GetCommitMigration().FinalIndex = rapid.SampledFrom([]uint64{9, 3, 0}).Draw(t, "final")
		return command
	case 1, 2:
		return endCommand(id, storagev1.MigrationSide(rapid.SampledFrom([]int32{1, 2, 1, 2, 0, 3}).Draw(t, "side")))
	case 3:
		return AbortMigration(id, rapid.SampledFrom([]string{"", "cancelled", "full\x00"}).Draw(t, "reason"))
	}
	command := startCommand(s.Epoch() - rapid.SampledFrom([]uint64{0, 0, 0, 1}).Draw(t, "late"))
	for range rapid.IntRange(0, 2).Draw(t, "moves") {
		command.GetStartMigrations().Migrations = append(command.GetStartMigrations().Migrations, drawMove(t, s))
	}
	return command
}

// drawMove draws a few blocks of slots, mostly from the shard that owns the first of them.
func drawMove(t *rapid.T, s *State) *storagev1.NewMigration {
	first := rapid.IntRange(0, blocks-1).Draw(t, "first")
	last := min(blocks-1, first+rapid.IntRange(0, 2).Draw(t, "more"))
	from := uint64(s.SlotMap().Owner(blockOf(first).First))
	if rapid.IntRange(0, 5).Draw(t, "anyone") == 5 {
		from = rapid.Uint64Range(0, 5).Draw(t, "from")
	}
	return &storagev1.NewMigration{From: from, To: rapid.Uint64Range(1, 4).Draw(t, "to"), Ranges: RangesProto([]slot.Range{
		{First: blockOf(first).First, Last: blockOf(last).Last},
	})}
}

// modelRecord and model are migrations with plain maps, block by block. Shards 1 to 4 exist and have formed, shard 4 begins
// without slots; there is no other.
type modelRecord struct {
	from, to uint64
	blocks   []int
	phase    MigrationPhase
	ended    [2]bool
}

type model struct {
	owner   [blocks]uint64
	records map[uint64]*modelRecord
	last    uint64
}

// apply tells whether a command changes anything and whether it is accepted.
func (m *model) apply(epoch uint64, command *storagev1.MetaCommand) (changed, accepted bool) {
	switch c := command.Command.(type) {
	case *storagev1.MetaCommand_StartMigrations:
		return m.start(epoch, c.StartMigrations)
	case *storagev1.MetaCommand_CommitMigration:
		r := m.records[c.CommitMigration.Id]
		if r == nil || r.phase == MigrationAborted || c.CommitMigration.FinalIndex == 0 {
			return false, false
		}
		changed = r.phase == MigrationRunning
		r.phase = MigrationCommitted
		for _, b := range r.blocks {
			m.owner[b] = r.to
		}
		return changed, true
	case *storagev1.MetaCommand_AbortMigration:
		r := m.records[c.AbortMigration.Id]
		if r == nil || r.phase == MigrationCommitted {
			return false, false
		}
		changed = r.phase == MigrationRunning
		r.phase = MigrationAborted
		return changed, true
	case *storagev1.MetaCommand_EndMigration:
		return m.end(c.EndMigration)
	}
	panic(fmt.Sprintf("no rule for %v", command))
}

func (m *model) start(epoch uint64, c *storagev1.StartMigrations) (changed, accepted bool) {
	if c.ExpectedEpoch != epoch || len(c.Migrations) == 0 {
		return false, false
	}
	held := map[int]bool{}
	for _, r := range m.records {
		for _, b := range r.blocks {
			held[b] = true
		}
	}
	begun := map[uint64]*modelRecord{}
	for i, plan := range c.Migrations {
		r := &modelRecord{from: plan.From, to: plan.To, phase: MigrationRunning}
		for b := range blocks {
			if at := uint32(blockOf(b).First); plan.Ranges[0].First <= at && at <= plan.Ranges[0].Last {
				r.blocks = append(r.blocks, b)
			}
		}
		for _, b := range r.blocks {
			if r.from == r.to || m.owner[b] != r.from || held[b] {
				return false, false
			}
			held[b] = true
		}
		begun[m.last+uint64(i)+1] = r
	}
	maps.Copy(m.records, begun)
	m.last += uint64(len(begun))
	return true, true
}

func (m *model) end(c *storagev1.EndMigration) (changed, accepted bool) {
	r := m.records[c.Id]
	switch {
	case c.Side < 1 || c.Side > 2 || r == nil && (c.Id == 0 || c.Id > m.last):
		return false, false
	case r == nil:
		return false, true
	case r.phase == MigrationRunning:
		return false, false
	case r.ended[c.Side-1]:
		return false, true
	}
	r.ended[c.Side-1] = true
	if r.ended[0] && r.ended[1] {
		delete(m.records, c.Id)
	}
	return true, true
}

// differs compares the state with the model.
func (m *model) differs(s *State) error {
	for b, owner := range m.owner {
		for _, at := range []slot.ID{blockOf(b).First, blockOf(b).Last} {
			if got := s.SlotMap().Owner(at); uint64(got) != owner {
				return fmt.Errorf("slot %d belongs to shard %d, want %d", at, got, owner)
			}
		}
	}
	if got, want := len(s.Migrations()), len(m.records); got != want || s.lastMigration != m.last {
		return fmt.Errorf("%d records up to id %d, want %d up to %d", got, s.lastMigration, want, m.last)
	}
	for id, want := range m.records {
		got, ok := s.Migration(id)
		if !ok || uint64(got.From) != want.from || uint64(got.To) != want.to || got.Phase != want.phase || [2]bool{got.SourceEnded, got.TargetEnded} != want.ended {
			return fmt.Errorf("migration %d is %+v, want %+v", id, got, *want)
		}
		for b := range blocks {
			if got.Covers(blockOf(b).First) != slices.Contains(want.blocks, b) {
				return fmt.Errorf("migration %d has slots %v, want blocks %v", id, got.Ranges, want.blocks)
			}
		}
	}
	return nil
}

func TestMigrationsDoWhatTheModelDoes(t *testing.T) {
	moved, collected := 0, 0
	rapid.Check(t, func(rt *rapid.T) {
		c := threeNodes(t)
		m := &model{records: map[uint64]*modelRecord{}}
		create := createCommand(c.State().Epoch(), 4)
		for i, last := range []int{3, 9, 15} {
			first := []int{0, 4, 10}[i]
			create.GetCreateShards().Shards[i].Ranges = RangesProto([]slot.Range{{First: blockOf(first).First, Last: blockOf(last).Last}})
			for b := first; b <= last; b++ {
				m.owner[b] = uint64(i + 1)
			}
		}
		create.GetCreateShards().Shards[3].Ranges = nil
		c.must(create)
		for id := range uint64(4) {
			c.must(formedCommand(id+1, 9))
		}
		for range rapid.IntRange(1, 80).Draw(rt, "commands") {
			command := drawMigrationCommand(rt, c.State())
			changed, accepted := m.apply(c.State().Epoch(), command)
			if r := c.apply(command); r.Changed != changed || (r.Err == nil) != accepted {
				rt.Fatalf("%v: changed %v with error %v, want changed %v, accepted %v", command, r.Changed, r.Err, changed, accepted)
			}
			if err := m.differs(c.State()); err != nil {
				rt.Fatalf("after %v: %v", command, err)
			}
		}
		for _, ended := range c.State().EndedMigrations() {
			if collected++; ended.Phase == MigrationCommitted {
				moved++
			}
		}
	})
	// The generator is of use only if it gets that far.
	if moved == 0 || moved == collected {
		t.Errorf("%d migrations came to their end, %d of them committed", collected, moved)
	}
}
