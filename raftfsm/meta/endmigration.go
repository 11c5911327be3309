package meta

import (
	"slices"
	"strings"

	"github.com/holtcache/holt/proto/apierr"
	storagev1 "github.com/holtcache/holt/proto/holt/storage/v1"
)

// AbortMigration is the command that aborts a migration, for a reason that may be any text: it is made fit to be kept.
func AbortMigration(id uint64, reason string) *storagev1.MetaCommand {
	return &storagev1.MetaCommand{Command: &storagev1.MetaCommand_AbortMigration{
		AbortMigration: &storagev1.AbortMigration{Id: id, Reason: printableReason(reason)},
	}}
}

// commitMigration moves the slots, unless it was decided already. It takes the word of the target's leader that the final
// chunk is applied in the target's group, which is why it has to name that chunk.
func (v *values) commitMigration(c *storagev1.CommitMigration, r *Result) error {
	i, phase, err := v.moveMigration(c.Id, migrationIsCommitted)
	if err != nil {
		return err
	}
	m := v.migrations[i]
	switch {
	case c.AttemptIncarnation == 0 || c.FinalIndex == 0:
		return apierr.New(apierr.KindInvalid, "migration %d: committed without a final chunk; not applied, the target's leader commits once it is applied", c.Id)
	case phase == m.Phase:
		return nil
	}
	m.Phase, m.Final = phase, FinalChunk{Incarnation: c.AttemptIncarnation, Counter: c.AttemptCounter, Index: c.FinalIndex}
	v.putMigration(i, m)
	v.moveSlots(m)
	r.Changed = true
	return nil
}

// moveSlots gives the slots of a migration to its target.
func (v *values) moveSlots(m Migration) {
	from, _ := v.findShard(m.From)
	to, _ := v.findShard(m.To) // both are there: a shard that a record names is not dissolved
	v.shards = slices.Clone(v.shards)
	v.shards[from].Ranges = withoutSlots(v.shards[from].Ranges, m.Ranges)
	v.shards[to].Ranges = withSlots(v.shards[to].Ranges, m.Ranges)
}

// abortMigration leaves the slots where they are, unless it was decided already.
func (v *values) abortMigration(c *storagev1.AbortMigration, r *Result) error {
	i, phase, err := v.moveMigration(c.Id, migrationIsAborted)
	if err != nil || phase == v.migrations[i].Phase {
		return err
	}
	m := v.migrations[i]
	m.Phase, m.Reason = phase, printableReason(c.Reason)
	v.putMigration(i, m)
	r.Changed = true
	return nil
}

// endMigration notes that one side has logged its end. The record is collected with the second; a repetition after that
// changes nothing.
func (v *values) endMigration(c *storagev1.EndMigration, r *Result) error {
	if c.Side != storagev1.MigrationSide_MIGRATION_SIDE_SOURCE && c.Side != storagev1.MigrationSide_MIGRATION_SIDE_TARGET {
		return apierr.New(apierr.KindInvalid, "migration %d: ended on side %d; not applied, its sides are source and target", c.Id, c.Side)
	}
	if v.isCollected(c.Id) {
		return nil
	}
	i, phase, err := v.moveMigration(c.Id, migrationEndsOnOneSide)
	if err != nil {
		return err
	}
	m := v.migrations[i]
	ended := &m.SourceEnded
	if c.Side == storagev1.MigrationSide_MIGRATION_SIDE_TARGET {
		ended = &m.TargetEnded
	}
	if *ended {
		return nil
	}
	*ended, m.Phase = true, phase
	if m.SourceEnded && m.TargetEnded {
		m.EndedMs = c.EndedMs
		v.collectMigration(i, m)
	} else {
		v.putMigration(i, m)
	}
	r.Changed = true
	return nil
}

// collectMigration takes the record at i away: both groups remember by themselves that the migration has ended there.
func (v *values) collectMigration(i int, m Migration) {
	v.migrations = slices.Delete(slices.Clone(v.migrations), i, i+1)
	kept := v.endedMigrations[max(0, len(v.endedMigrations)+1-EndedMigrationsMax):]
	v.endedMigrations = append(slices.Clone(kept), m)
}

// isCollected tells whether the migration was begun and its record stands no more.
func (v *values) isCollected(id uint64) bool {
	_, stands := v.findMigration(id)
	return id > 0 && id <= v.lastMigration && !stands
}

// moveMigration finds a migration whose record stands and the phase that the event leads to.
func (v *values) moveMigration(id uint64, event migrationEvent) (int, MigrationPhase, error) {
	i, stands := v.findMigration(id)
	switch {
	case v.isCollected(id):
		return 0, 0, apierr.New(apierr.KindNotFound, "migration %d has ended, its record is gone; not applied", id)
	case !stands:
		return 0, 0, apierr.New(apierr.KindNotFound, "migration %d does not exist; not applied, see holt cluster migrations", id)
	}
	m := v.migrations[i]
	phase, ok := migrationMoves[m.Phase][event]
	switch {
	case ok:
		return i, phase, nil
	case event == migrationEndsOnOneSide:
		return 0, 0, apierr.New(apierr.KindInvalid, "migration %d is %s: no side ends before it is decided; not applied, wait", id, m.Phase)
	}
	return 0, 0, apierr.New(apierr.KindInvalid, "migration %d was %s before, and the first decision stands; not applied", id, m.Phase)
}

// printableReason makes any text one that is kept: printable ASCII of bounded length.
func printableReason(text string) string {
	text = strings.Map(func(r rune) rune {
		if r < ' ' || r > '~' {
			return '?'
		}
		return r
	}, text[:min(len(text), reasonBytesMax)])
	return text
}
