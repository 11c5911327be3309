package meta

import (
	"bytes"
	"strings"
	"testing"

	storagev1 "github.com/holtcache/holt/proto/holt/storage/v1"
	"github.com/holtcache/holt/proto/slot"
)

// movingState has migrations in every phase: 1 runs, 2 is committed and has ended at its target, 3 is aborted and has ended at
// its source, 4 was committed and collected. Shard 4 owns nothing, shard 5 has not formed.
func movingState(t testing.TB) *cluster {
	c := formedShards(t)
	c.must(emptyShardCommand(c.State().Epoch()))
	c.must(formedCommand(4, 9))
	c.must(emptyShardCommand(c.State().Epoch()))
	c.must(drainCommand("node-3", true))
	c.start(move{1, 2, "0-99"}, move{1, 3, "200"}, move{2, 3, "6000-6999 7001"}, move{3, 4, "16383"})
	c.must(commitCommand(2))
	c.must(endCommand(2, targetSide))
	c.must(AbortMigration(3, "cancelled by an operator"))
	c.must(endCommand(3, sourceSide))
	c.must(commitCommand(4))
	c.must(endCommand(4, sourceSide))
	c.must(endCommand(4, targetSide))
	return c
}

func TestMigrationsOutliveASnapshot(t *testing.T) {
	c := movingState(t)
	restored := New()
	if err := restored.Restore(c.Snapshot()); err != nil {
		t.Fatal(err)
	}
	if got, want := restored.State().values, c.State().values; !bytes.Equal(restored.Snapshot(), c.Snapshot()) || got.lastMigration != 4 ||
		len(got.migrations) != 3 || len(got.endedMigrations) != 1 || got.migrations[1].Final != want.migrations[1].Final {
		t.Errorf("got %+v, want %+v", got, want)
	}
	if n, _ := restored.State().Node("node-3"); !n.Draining {
		t.Error("a node drains no more")
	}
}

func TestSnapshotsThatBreakAnInvariantOfMigrationsAreRefused(t *testing.T) {
	running := storagev1.MigrationPhase_MIGRATION_PHASE_RUNNING
	for _, row := range []struct {
		want   string
		change func(*storagev1.MetaState)
	}{
		{"migration 1 comes after migration 2", func(s *storagev1.MetaState) { s.Migrations[0], s.Migrations[1] = s.Migrations[1], s.Migrations[0] }},
		{"migration 1 comes after migration 1", func(s *storagev1.MetaState) { s.Migrations[1].Id = 1 }},
		{"migration 0 comes after", func(s *storagev1.MetaState) { s.Migrations[0].Id = 0 }},
		{"migration 3 began after the last, 2", func(s *storagev1.MetaState) { s.LastMigrationId = 2 }},
		{"migration 4 began after the last, 3", func(s *storagev1.MetaState) { s.LastMigrationId = 3 }},
		{"is in phase 0", func(s *storagev1.MetaState) { s.Migrations[0].Phase = 0 }},
		{"is in phase 9", func(s *storagev1.MetaState) { s.Migrations[0].Phase = 9 }},
		{"is in phase 0", func(s *storagev1.MetaState) { s.Migrations[0].Phase = 257 }},
		{"goes from shard 1 to 1", func(s *storagev1.MetaState) { s.Migrations[0].To = 1 }},
		{"goes from shard 1 to 0", func(s *storagev1.MetaState) { s.Migrations[0].To = 0 }},
		{"goes from shard 6 to 2", func(s *storagev1.MetaState) { s.Migrations[0].From = 6 }},
		{"shard 5 has not formed", func(s *storagev1.MetaState) { s.Migrations[0].To = 5 }},
		{"shard 4 has not formed", func(s *storagev1.MetaState) {
			s.Migrations[0].To = 4
			s.Shards[2].Ranges[1].Last++
			s.Shards = append(s.Shards[:3], s.Shards[4])
		}},
		{"none, too many or not in order", func(s *storagev1.MetaState) { s.Migrations[0].Ranges = nil }},
		{"none, too many or not in order", func(s *storagev1.MetaState) {
			r := s.Migrations[2].Ranges
			r[0], r[1] = r[1], r[0]
		}},
		{"none, too many or not in order", func(s *storagev1.MetaState) {
			s.Migrations[0].Ranges = []*storagev1.SlotRange{{First: 0, Last: 4}, {First: 5, Last: 99}}
		}},
		{"no range within", func(s *storagev1.MetaState) { s.Migrations[0].Ranges[0].Last = slot.Count }},
		{"no range within", func(s *storagev1.MetaState) { s.EndedMigrations[0].Ranges[0].Last = slot.Count }},
		{"without a decision", func(s *storagev1.MetaState) { s.Migrations[0].SourceEnded = true }},
		{"without a decision", func(s *storagev1.MetaState) { s.Migrations[0].TargetEnded = true }},
		{"ended on both sides and stands", func(s *storagev1.MetaState) { s.Migrations[1].SourceEnded = true }},
		{"is running with final chunk", func(s *storagev1.MetaState) { s.Migrations[0].Final = &storagev1.FinalChunk{Counter: 1} }},
		{"is aborted with final chunk", func(s *storagev1.MetaState) { s.Migrations[2].Final = s.Migrations[1].Final }},
		{"is committed with final chunk", func(s *storagev1.MetaState) { s.Migrations[1].Final = nil }},
		{"is committed with final chunk", func(s *storagev1.MetaState) { s.Migrations[1].Final.Index = 0 }},
		{"is committed with final chunk", func(s *storagev1.MetaState) { s.Migrations[1].Final.Incarnation = 0 }},
		{"for the reason", func(s *storagev1.MetaState) { s.Migrations[0].Reason = "none" }},
		{"for the reason", func(s *storagev1.MetaState) { s.Migrations[2].Reason = "a\nb" }},
		{"for the reason", func(s *storagev1.MetaState) { s.Migrations[2].Reason = strings.Repeat("x", 201) }},
		// Slots belong to the source until the commit, and to the target from then on.
		{"slot 100 belongs to shard 1", func(s *storagev1.MetaState) {
			s.Migrations[0].From, s.Migrations[0].To, s.Migrations[0].Ranges[0] = 3, 1, &storagev1.SlotRange{First: 100, Last: 101}
		}},
		{"migration 2 from shard 1 to 3 is running: slot 200 belongs to shard 3", func(s *storagev1.MetaState) {
			s.Migrations[1].Phase, s.Migrations[1].TargetEnded, s.Migrations[1].Final = running, false, nil
		}},
		{"migration 1 from shard 1 to 2 is committed: slot 0 belongs to shard 1", func(s *storagev1.MetaState) {
			s.Migrations[0].Phase, s.Migrations[0].Final = s.Migrations[1].Phase, s.Migrations[1].Final
		}},
		{"migration 3 from shard 2 to 3 is aborted: slot 6000 belongs to shard 2 and is in migration 1", func(s *storagev1.MetaState) {
			s.Migrations[0].From, s.Migrations[0].To, s.Migrations[0].Ranges = 2, 1, s.Migrations[2].Ranges[:1]
		}},
		{"stands beside itself or has a side", func(s *storagev1.MetaState) { s.EndedMigrations[0].SourceEnded = false }},
		{"stands beside itself or has a side", func(s *storagev1.MetaState) { s.EndedMigrations[0].TargetEnded = false }},
		{"stands beside itself or has a side", func(s *storagev1.MetaState) { s.EndedMigrations[0].Id = 3 }},
		{"stands beside itself or has a side", func(s *storagev1.MetaState) { s.EndedMigrations = append(s.EndedMigrations, s.EndedMigrations[0]) }},
		{"without a decision", func(s *storagev1.MetaState) {
			s.EndedMigrations[0].Phase, s.EndedMigrations[0].Final = running, nil
		}},
		{"and 65 that have ended are over the limits", func(s *storagev1.MetaState) {
			for range EndedMigrationsMax {
				s.EndedMigrations = append(s.EndedMigrations, s.EndedMigrations[0])
			}
		}},
		{"257 migrations", func(s *storagev1.MetaState) {
			for len(s.Migrations) <= MigrationsMax {
				s.Migrations = append(s.Migrations, s.Migrations[0])
			}
		}},
		{"was removed and drains", func(s *storagev1.MetaState) {
			s.Nodes = append(s.Nodes, &storagev1.MetaNode{Id: "old", Phase: storagev1.NodePhase_NODE_PHASE_REMOVED, Draining: true})
		}},
		{"where the last to begin is 4", func(s *storagev1.MetaState) {
			s.Rebalance = &storagev1.MetaRebalance{Measures: []storagev1.BalanceMeasure{1}, StartedMs: 1, LastMigrationId: 5}
		}},
		{"holds more than its index", func(s *storagev1.MetaState) { *s = storagev1.MetaState{CommandVersion: 4} }},
		{"migration-rate", func(s *storagev1.MetaState) { s.Settings.MigrationRate = new(uint64(1)) }},
		{"node-dead-after", func(s *storagev1.MetaState) { s.Settings.NodeDeadAfterMs = new(uint64(1)) }},
		{"holds more than its index", func(s *storagev1.MetaState) { *s = storagev1.MetaState{LastMigrationId: 1} }},
		{"holds more than its index", func(s *storagev1.MetaState) { *s = storagev1.MetaState{Migrations: s.Migrations[:1]} }},
	} {
		p := movingState(t).State().toProto()
		row.change(p)
		m := New()
		if err := m.Restore(frame(snapshotVersion, marshal(p))); err == nil || !strings.Contains(err.Error(), row.want) {
			t.Errorf("got %v, want %q", err, row.want)
		}
	}
}
