package meta

import (
	"cmp"
	"slices"

	storagev1 "github.com/holtcache/holt/proto/holt/storage/v1"
	"github.com/holtcache/holt/proto/slot"
)

// Migration moves slots from one shard to another. Its record stands until both shards have logged its end, so that each can
// read what was decided: a migration without a record is no decision.
type Migration struct {
	// ID is never given out twice, and higher than that of every migration that began before.
	ID uint64
	// From owned the slots when it began, To is to own them.
	From, To slot.ShardID
	// Ranges are the slots, in ascending order, neighbours joined. Invariant: while the record stands they belong to From, and
	// once committed to To; no other record that stands holds any of them.
	Ranges []slot.Range
	Phase  MigrationPhase
	// Reason is why it was aborted: printable ASCII of at most reasonBytesMax.
	Reason string
	// Final is the chunk by which it was committed. Invariant: set if and only if it was.
	Final FinalChunk
	// SourceEnded and TargetEnded tell which shards have logged its end. Invariant: none has before it was decided; in a record
	// that stands not both have.
	SourceEnded, TargetEnded bool
	// StartedMs and EndedMs are for people: milliseconds since the Unix epoch, by the clocks of those who proposed its beginning
	// and its collection.
	StartedMs, EndedMs int64
}

// FinalChunk names the chunk after which the target has all that the source had: its attempt (the incarnation of the
// source's executor and the number of the attempt in it), and the index of its entry in the log of the target.
type FinalChunk struct{ Incarnation, Counter, Index uint64 }

// MigrationPhase is where a migration stands in its life. The zero value is a migration whose record does not stand: it was
// never begun, or has ended. It says nothing about the decision.
type MigrationPhase uint8

const (
	// MigrationRunning means that nothing has been decided: the slots belong to the source.
	MigrationRunning = MigrationPhase(storagev1.MigrationPhase_MIGRATION_PHASE_RUNNING)
	// MigrationCommitted means that the slots belong to the target, for good.
	MigrationCommitted = MigrationPhase(storagev1.MigrationPhase_MIGRATION_PHASE_COMMITTED)
	// MigrationAborted means that the slots stay with the source, for good.
	MigrationAborted = MigrationPhase(storagev1.MigrationPhase_MIGRATION_PHASE_ABORTED)
)

// String names the phase for people.
func (p MigrationPhase) String() string {
	switch p {
	case MigrationRunning:
		return "running"
	case MigrationCommitted:
		return "committed"
	case MigrationAborted:
		return "aborted"
	}
	return "unknown"
}

type migrationEvent uint8

const (
	migrationStarts migrationEvent = iota + 1
	migrationIsCommitted
	migrationIsAborted
	migrationEndsOnOneSide
)

// migrationMoves is the life of a migration. What is not in the table is refused: the first decision is the only one.
var migrationMoves = map[MigrationPhase]map[migrationEvent]MigrationPhase{
	0:                  {migrationStarts: MigrationRunning},
	MigrationRunning:   {migrationIsCommitted: MigrationCommitted, migrationIsAborted: MigrationAborted},
	MigrationCommitted: {migrationIsCommitted: MigrationCommitted, migrationEndsOnOneSide: MigrationCommitted},
	MigrationAborted:   {migrationIsAborted: MigrationAborted, migrationEndsOnOneSide: MigrationAborted},
}

// Covers tells whether the slot is one of the migration's.
func (m Migration) Covers(s slot.ID) bool {
	i, found := slices.BinarySearchFunc(m.Ranges, s, func(r slot.Range, s slot.ID) int { return cmp.Compare(r.First, s) })
	return found || i > 0 && m.Ranges[i-1].Contains(s)
}

// Slots is how many slots the migration moves.
func (m Migration) Slots() int {
	count := 0
	for _, r := range m.Ranges {
		count += r.Len()
	}
	return count
}

// Decided tells whether it was decided where the slots belong.
func (m Migration) Decided() bool {
	return m.Phase == MigrationCommitted || m.Phase == MigrationAborted
}

// Migrations are those whose records stand, in ascending order of id.
func (s *State) Migrations() []Migration { return s.migrations }

// Migration finds a migration whose record stands. Without one nothing is said: neither that it was aborted, nor that it was
// committed.
func (s *State) Migration(id uint64) (Migration, bool) {
	if i, ok := s.findMigration(id); ok {
		return s.migrations[i], true
	}
	return Migration{}, false
}

// MigrationOf finds the migration of a slot whose record stands; there is at most one.
func (s *State) MigrationOf(id slot.ID) (Migration, bool) {
	for _, m := range s.migrations {
		if m.Covers(id) {
			return m, true
		}
	}
	return Migration{}, false
}

// EndedMigrations are those whose records were collected last, oldest first. They are for people: nothing may be concluded
// from a migration that is not among them.
func (s *State) EndedMigrations() []Migration { return s.endedMigrations }

func (v *values) findMigration(id uint64) (int, bool) {
	return slices.BinarySearchFunc(v.migrations, id, func(m Migration, id uint64) int { return cmp.Compare(m.ID, id) })
}

// putMigration replaces the migration at i in a copy of the list.
func (v *values) putMigration(i int, m Migration) {
	v.migrations = slices.Clone(v.migrations)
	v.migrations[i] = m
}
