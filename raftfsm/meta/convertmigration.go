package meta

import (
	"fmt"

	storagev1 "github.com/holtcache/holt/proto/holt/storage/v1"
	"github.com/holtcache/holt/proto/slot"
)

func (m Migration) proto() *storagev1.MetaMigration {
	p := &storagev1.MetaMigration{
		Id: m.ID, From: uint64(m.From), To: uint64(m.To), Ranges: RangesProto(m.Ranges),
		Phase: storagev1.MigrationPhase(m.Phase), Reason: m.Reason, SourceEnded: m.SourceEnded, TargetEnded: m.TargetEnded,
		StartedMs: m.StartedMs, EndedMs: m.EndedMs,
	}
	if m.Final != (FinalChunk{}) {
		p.Final = &storagev1.FinalChunk{Incarnation: m.Final.Incarnation, Counter: m.Final.Counter, Index: m.Final.Index}
	}
	return p
}

func migrationsFromProto(list []*storagev1.MetaMigration) ([]Migration, error) {
	var out []Migration
	for _, p := range list {
		ranges, err := rangesFromProto(p.Ranges)
		if err != nil {
			return nil, fmt.Errorf("migration %d: %w", p.Id, err)
		}
		out = append(out, Migration{
			ID: p.Id, From: slot.ShardID(p.From), To: slot.ShardID(p.To), Ranges: ranges,
			Phase: enumFromProto[MigrationPhase](p.Phase), Reason: p.Reason,
			Final:       FinalChunk{Incarnation: p.Final.GetIncarnation(), Counter: p.Final.GetCounter(), Index: p.Final.GetIndex()},
			SourceEnded: p.SourceEnded, TargetEnded: p.TargetEnded, StartedMs: p.StartedMs, EndedMs: p.EndedMs,
		})
	}
	return out, nil
}
