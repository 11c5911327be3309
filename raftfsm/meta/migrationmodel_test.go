package meta

import (
	"pgregory.net/rapid"

	storagev1 "github.com/holtcache/holt/proto/holt/storage/v1"
	"github.com/holtcache/holt/proto/slot"
)

// drawMigrationCommand draws a command about migrations that has a fair chance to be accepted by the state.
func drawMigrationCommand(t *rapid.T, s *State) *storagev1.MetaCommand {
	id := rapid.Uint64Range(0, s.lastMigration+1).Draw(t, "migration")
	if len(s.migrations) > 0 && rapid.IntRange(0, 3).Draw(t, "stands") > 0 {
		id = rapid.SampledFrom(s.migrations).Draw(t, "record").ID
	}
	switch rapid.IntRange(0, 5).Draw(t, "migrations") {
	case 0, 1:
		var moves []*storagev1.NewMigration
		for range rapid.IntRange(0, 2).Draw(t, "moves") {
			moves = append(moves, drawMove(t, s))
		}
		command := startCommand(s.Epoch() - rapid.SampledFrom([]uint64{0, 0, 0, 1}).Draw(t, "late"))
		command.GetStartMigrations().Migrations = moves
		return command
	case 2:
		command := commitCommand(id)
		command.GetCommitMigration().FinalIndex = rapid.Uint64Range(0, 3).Draw(t, "final")
		return command
	case 3:
		return AbortMigration(id, rapid.SampledFrom([]string{"", "cancelled", "full\x00"}).Draw(t, "reason"))
	}
	return endCommand(id, storagev1.MigrationSide(rapid.Int32Range(0, 3).Draw(t, "side")))
}

// drawMove draws slots of a few blocks, so that plans overlap often, mostly from the shard that owns the first of them.
func drawMove(t *rapid.T, s *State) *storagev1.NewMigration {
	const block = slot.Count / 16
	first := rapid.IntRange(0, 15).Draw(t, "first")
	last := min(15, first+rapid.IntRange(0, 2).Draw(t, "more"))
	r := slot.Range{First: slot.ID(first * block), Last: slot.ID((last+1)*block - 1)}
	from := uint64(s.SlotMap().Owner(r.First))
	if rapid.IntRange(0, 5).Draw(t, "anyone") == 0 {
		from = rapid.Uint64Range(0, 5).Draw(t, "from")
	}
	return &storagev1.NewMigration{From: from, To: rapid.Uint64Range(1, 4).Draw(t, "to"), Ranges: RangesProto([]slot.Range{r})}
}
