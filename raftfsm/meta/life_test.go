package meta

import "testing"

// The life cycles are small enough to be written out in full; a move that is added must be added here too.
func TestLifeOfANodeHasTheseMovesOnly(t *testing.T) {
	want := map[[2]int]NodePhase{
		{0, int(nodeRegisters)}:                   NodeRegistered,
		{int(NodeRegistered), int(nodeRegisters)}: NodeRegistered,
		{int(NodeRegistered), int(nodeIsRemoved)}: NodeRemoved,
		{int(NodeRemoved), int(nodeIsRemoved)}:    NodeRemoved,
	}
	for phase := NodePhase(0); phase < 4; phase++ {
		for event := nodeEvent(0); event < 4; event++ {
			got, ok := nodeMoves[phase][event]
			if w, allowed := want[[2]int{int(phase), int(event)}]; got != w || ok != allowed {
				t.Errorf("phase %d, event %d: got %d (%v), want %d (%v)", phase, event, got, ok, w, allowed)
			}
		}
	}
}

func TestLifeOfAShardHasTheseMovesOnly(t *testing.T) {
	want := map[[2]int]ShardPhase{
		{0, int(shardIsCreated)}:                      ShardCreating,
		{int(ShardCreating), int(shardForms)}:         ShardFormed,
		{int(ShardCreating), int(shardPrefersLeader)}: ShardCreating,
		{int(ShardFormed), int(shardForms)}:           ShardFormed,
		{int(ShardFormed), int(shardPrefersLeader)}:   ShardFormed,
		{int(ShardFormed), int(shardChangesReplicas)}: ShardFormed,
		{int(ShardFormed), int(shardIsDissolved)}:     0,
	}
	for phase := ShardPhase(0); phase < 4; phase++ {
		for event := shardEvent(0); event < 7; event++ {
			got, ok := shardMoves[phase][event]
			if w, allowed := want[[2]int{int(phase), int(event)}]; got != w || ok != allowed {
				t.Errorf("phase %d, event %d: got %d (%v), want %d (%v)", phase, event, got, ok, w, allowed)
			}
		}
	}
}

// The first decision is the only one: no move leads from committed to aborted, or back.
func TestLifeOfAMigrationHasTheseMovesOnly(t *testing.T) {
	want := map[[2]int]MigrationPhase{
		{0, int(migrationStarts)}:                              MigrationRunning,
		{int(MigrationRunning), int(migrationIsCommitted)}:     MigrationCommitted,
		{int(MigrationRunning), int(migrationIsAborted)}:       MigrationAborted,
		{int(MigrationCommitted), int(migrationIsCommitted)}:   MigrationCommitted,
		{int(MigrationAborted), int(migrationIsAborted)}:       MigrationAborted,
		{int(MigrationCommitted), int(migrationEndsOnOneSide)}: MigrationCommitted,
		{int(MigrationAborted), int(migrationEndsOnOneSide)}:   MigrationAborted,
	}
	for phase := MigrationPhase(0); phase < 5; phase++ {
		for event := migrationEvent(0); event < 6; event++ {
			got, ok := migrationMoves[phase][event]
			if w, allowed := want[[2]int{int(phase), int(event)}]; got != w || ok != allowed {
				t.Errorf("phase %d, event %d: got %d (%v), want %d (%v)", phase, event, got, ok, w, allowed)
			}
		}
	}
}

func TestPhasesOfMigrationsHaveNames(t *testing.T) {
	for phase, want := range map[MigrationPhase]string{MigrationRunning: "running", MigrationCommitted: "committed", MigrationAborted: "aborted", 0: "unknown"} {
		if got := phase.String(); got != want {
			t.Errorf("phase %d reads %q, want %q", phase, got, want)
		}
	}
}

func TestPhasesOfShardsHaveNames(t *testing.T) {
	for phase, want := range map[ShardPhase]string{ShardCreating: "creating", ShardFormed: "formed", 0: "unknown"} {
		if got := phase.String(); got != want {
			t.Errorf("phase %d reads %q, want %q", phase, got, want)
		}
	}
}
