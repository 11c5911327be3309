package meta

import (
	"fmt"
	"slices"

	"github.com/holtcache/holt/proto/slot"
)

// validMigrations checks the invariants of migrations in a state whose shards are valid.
func (v *values) validMigrations() error {
	if len(v.migrations) > MigrationsMax || len(v.endedMigrations) > EndedMigrationsMax {
		return fmt.Errorf("%d migrations and %d that have ended are over the limits of %d and %d", len(v.migrations), len(v.endedMigrations), MigrationsMax, EndedMigrationsMax)
	}
	uses := (&values{shards: v.shards}).slotUses()
	last := uint64(0)
	for _, m := range v.migrations {
		if m.ID <= last {
			return fmt.Errorf("migration %d comes after migration %d", m.ID, last)
		}
		last = m.ID
		if err := v.validMigration(m); err != nil {
			return err
		}
		if err := v.validRecord(m, uses); err != nil {
			return err
		}
	}
	seen := map[uint64]bool{}
	for _, m := range v.endedMigrations {
		if err := v.validMigration(m); err != nil {
			return err
		}
		if _, stands := v.findMigration(m.ID); stands || seen[m.ID] || !m.SourceEnded || !m.TargetEnded {
			return fmt.Errorf("migration %d, which has ended, stands beside itself or has a side that has not ended", m.ID)
		}
		seen[m.ID] = true
	}
	return nil
}

// validMigration checks what holds for a migration for ever.
func (v *values) validMigration(m Migration) error {
	switch {
	case m.ID == 0 || m.ID > v.lastMigration:
		return fmt.Errorf("migration %d began after the last, %d", m.ID, v.lastMigration)
	case m.Phase != MigrationRunning && !m.Decided():
		return fmt.Errorf("migration %d is in phase %d, which this build does not know", m.ID, m.Phase)
	case m.From == m.To || m.From == 0 || m.To == 0 || max(m.From, m.To) >= v.nextShard:
		return fmt.Errorf("migration %d goes from shard %d to %d", m.ID, m.From, m.To)
	case len(m.Ranges) == 0 || len(m.Ranges) > migrationRangesMax || !slices.Equal(slot.Normalize(m.Ranges), m.Ranges):
		return fmt.Errorf("migration %d has %d ranges %.100v, which are none, too many or not in order", m.ID, len(m.Ranges), m.Ranges)
	case m.Phase == MigrationRunning && (m.SourceEnded || m.TargetEnded):
		return fmt.Errorf("migration %d has ended on one side without a decision", m.ID)
	case (m.Phase == MigrationCommitted) != (m.Final.Index > 0 && m.Final.Incarnation > 0) || m.Phase != MigrationCommitted && m.Final != (FinalChunk{}):
		return fmt.Errorf("migration %d is %s with final chunk %+v", m.ID, m.Phase, m.Final)
	case m.Reason != printableReason(m.Reason) || m.Reason != "" && m.Phase != MigrationAborted:
		return fmt.Errorf("migration %d is %s for the reason %.100q", m.ID, m.Phase, m.Reason)
	}
	return nil
}

// validRecord checks what holds while a record stands, and notes in uses that it holds its slots.
func (v *values) validRecord(m Migration, uses *slotUses) error {
	if m.SourceEnded && m.TargetEnded {
		return fmt.Errorf("migration %d has ended on both sides and stands", m.ID)
	}
	for _, id := range []slot.ShardID{m.From, m.To} {
		if i, known := v.findShard(id); !known || v.shards[i].Phase != ShardFormed {
			return fmt.Errorf("migration %d goes from shard %d to %d, and shard %d has not formed", m.ID, m.From, m.To, id)
		}
	}
	owner := m.From
	if m.Phase == MigrationCommitted {
		owner = m.To
	}
	for id := range slotsOf(m.Ranges) {
		use := &uses[id]
		if use.owner != owner || use.migration != 0 {
			return fmt.Errorf("migration %d from shard %d to %d is %s: slot %d belongs to shard %d and is in migration %d", m.ID, m.From, m.To, m.Phase, id, use.owner, use.migration)
		}
		use.migration = m.ID
	}
	return nil
}
