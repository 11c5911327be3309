package node

import (
	"cmp"
	"context"
	"slices"
	"sync"
	"time"

	"github.com/holtcache/holt/proto/apierr"
	clusterv1 "github.com/holtcache/holt/proto/holt/cluster/v1"
	nodev1 "github.com/holtcache/holt/proto/holt/node/v1"
	"github.com/holtcache/holt/proto/slot"
	"github.com/holtcache/holt/raftfsm"
	"github.com/holtcache/holt/shard/host"
	"github.com/holtcache/holt/shard/migration"
)

var (
	errNoOpen  = apierr.New(apierr.KindInvalid, "the first message of a stream says which migration it carries; nothing was taken")
	errNoChunk = apierr.New(apierr.KindInvalid, "a stream of a migration carries chunks; this message has none, nothing was taken")
)

// ListMigrations tells how far the migrations have come that this node drives.
func (s *nodeService) ListMigrations(context.Context, *nodev1.ListMigrationsRequest) (*nodev1.ListMigrationsResponse, error) {
	h, err := s.host()
	if err != nil {
		return nil, err
	}
	reply := &nodev1.ListMigrationsResponse{}
	for _, p := range h.MigrationsHere() {
		reply.Migrations = append(reply.Migrations, progressProto(p))
	}
	return reply, nil
}

// Migrations asks a node for the migrations that it drives.
func (n *nodes) Migrations(ctx context.Context, id string) ([]migration.Progress, error) {
	client, err := n.node(id)
	if err != nil {
		return nil, err
	}
	reply, err := client.ListMigrations(ctx, &nodev1.ListMigrationsRequest{})
	if err != nil {
		return nil, readOnly(fromStatus(err, true))
	}
	list := make([]migration.Progress, 0, len(reply.Migrations))
	for _, p := range reply.Migrations {
		list = append(list, progressOf(p))
	}
	return list, nil
}

// migrationsMax bounds the question to one node: who does not answer is left out.
const migrationsMax = time.Second

// migrations asks every node of the cluster how far the migrations have come that it drives. They come by id, the source's
// side first. What nobody drives now, because a shard has no leader, is missing.
func (n *Node) migrations(ctx context.Context, h *host.Host) []migration.Progress {
	ctx, cancel := context.WithTimeout(ctx, migrationsMax)
	defer cancel()
	var mu sync.Mutex // protects list
	list := h.MigrationsHere()
	var asking sync.WaitGroup
	for _, node := range h.State().Nodes() {
		if node.ID == n.ID() {
			continue
		}
		asking.Go(func() {
			there, err := n.nodes.Migrations(ctx, node.ID)
			if err != nil {
				return
			}
			mu.Lock()
			list = append(list, there...)
			mu.Unlock()
		})
	}
	asking.Wait()
	slices.SortFunc(list, func(a, b migration.Progress) int {
		return cmp.Or(cmp.Compare(a.Migration, b.Migration), cmp.Compare(a.Side, b.Side))
	})
	return list
}

// stages are the stages of a migration as they travel; sides likewise.
var (
	stages = map[migration.Stage]nodev1.MigrationStage{
		migration.StageWaiting:    nodev1.MigrationStage_MIGRATION_STAGE_WAITING,
		migration.StageCopying:    nodev1.MigrationStage_MIGRATION_STAGE_COPYING,
		migration.StageCatchingUp: nodev1.MigrationStage_MIGRATION_STAGE_CATCHING_UP,
		migration.StageFrozen:     nodev1.MigrationStage_MIGRATION_STAGE_FROZEN,
		migration.StageEnding:     nodev1.MigrationStage_MIGRATION_STAGE_ENDING,
	}
	sides = map[raftfsm.Side]nodev1.MigrationSide{
		raftfsm.SideSource: nodev1.MigrationSide_MIGRATION_SIDE_SOURCE,
		raftfsm.SideTarget: nodev1.MigrationSide_MIGRATION_SIDE_TARGET,
	}
)

// keyOf finds the key of a value, the zero key where there is none.
func keyOf[K, V comparable](of map[K]V, value V) (found K) {
	for k, v := range of {
		if v == value {
			found = k
		}
	}
	return found
}

func progressProto(p migration.Progress) *nodev1.MigrationProgress {
	progress := &nodev1.MigrationProgress{
		MigrationId: p.Migration, FromShardId: uint64(p.From), ToShardId: uint64(p.To),
		Side: sides[p.Side], Stage: stages[p.Stage], DrivenMs: uint64(time.Since(p.Since).Milliseconds()), Attempt: attemptProto(p.Attempt),
		SlotsTotal: uint32(p.Slots), SlotsCopied: uint32(p.SlotsCopied), KeysTotal: p.Keys, KeysCopied: p.KeysCopied, Effects: p.Effects,
		BytesArrived: p.BytesArrived, BytesWaiting: p.BytesWaiting, FrozenUs: uint64(p.Frozen.Microseconds()), Error: p.Err,
	}
	for _, r := range p.Ranges {
		progress.Slots = append(progress.Slots, &clusterv1.SlotRange{First: uint32(r.First), Last: uint32(r.Last)})
	}
	return progress
}

func progressOf(p *nodev1.MigrationProgress) migration.Progress {
	progress := migration.Progress{
		Migration: p.MigrationId, From: slot.ShardID(p.FromShardId), To: slot.ShardID(p.ToShardId),
		Side: keyOf(sides, p.Side), Stage: keyOf(stages, p.Stage), Since: time.Now().Add(-time.Duration(p.DrivenMs) * time.Millisecond), Attempt: attemptOf(p.Attempt),
		Slots: int(p.SlotsTotal), SlotsCopied: int(p.SlotsCopied), Keys: p.KeysTotal, KeysCopied: p.KeysCopied, Effects: p.Effects,
		BytesArrived: p.BytesArrived, BytesWaiting: p.BytesWaiting, Frozen: time.Duration(p.FrozenUs) * time.Microsecond, Err: p.Error,
	}
	for _, r := range p.Slots {
		progress.Ranges = append(progress.Ranges, slot.Range{First: slot.ID(r.First), Last: slot.ID(r.Last)})
	}
	return progress
}
