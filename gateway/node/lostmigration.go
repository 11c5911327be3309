package node

import (
	"context"
	"time"

	"github.com/holtcache/holt/proto/apierr"
	storagev1 "github.com/holtcache/holt/proto/holt/storage/v1"
	"github.com/holtcache/holt/proto/slot"
	"github.com/holtcache/holt/raftfsm/meta"
	"github.com/holtcache/holt/shard/placement"
)

// EndLostMigration notes the end of a decided migration in place of a shard that is lost, since its record would stand for ever and
// keep its slots from moving. That is an operator's word: a shard that comes back after all never hears how the migration ended, and
// keeps its slots frozen. So it is refused while a node is alive that holds a replica of it.
func (a admin) EndLostMigration(ctx context.Context, id uint64, lost slot.ShardID) error {
	ctx, cancel := context.WithTimeout(ctx, commitMax)
	defer cancel()
	h, state, err := a.latest(ctx)
	if err != nil {
		return err
	}
	side, err := lostSide(state, placement.NodesOf(state, h.Liveness()), id, lost)
	if err != nil {
		return err
	}
	err = a.propose(ctx, h, &storagev1.MetaCommand{Command: &storagev1.MetaCommand_EndMigration{
		EndMigration: &storagev1.EndMigration{Id: id, Side: side, EndedMs: time.Now().UnixMilli()},
	}})
	if err == nil {
		a.n.log.Warn("the end of a migration was noted in place of a lost shard", "migration", id, "shard", lost)
	}
	return err
}

// lostSide is the side of a migration that a lost shard has, or why its end may not be noted.
func lostSide(state *meta.State, nodes []placement.Node, id uint64, lost slot.ShardID) (storagev1.MigrationSide, error) {
	m, stands := state.Migration(id)
	s, _ := state.Shard(lost)
	switch {
	case !stands:
		return 0, apierr.New(apierr.KindNotFound, "there is no migration %d whose record stands; nothing was changed, holt cluster migrations lists them", id)
	case lost != m.From && lost != m.To:
		return 0, apierr.New(apierr.KindInvalid, "migration %d goes from shard %d to %d; nothing was changed, name one of these", id, m.From, m.To)
	case !m.Decided():
		return 0, apierr.New(apierr.KindInvalid, "migration %d is not decided; nothing was changed, abort it first (holt cluster cancel %d)", id, id)
	}
	for _, n := range nodes {
		for _, replica := range s.Replicas {
			if n.ID == replica && n.Alive {
				return 0, apierr.New(apierr.KindInvalid, "shard %d is not lost: node %s is alive and holds a replica; nothing was changed: wait, or recover the shard (holt cluster recover)", lost, n.ID)
			}
		}
	}
	if lost == m.From {
		return storagev1.MigrationSide_MIGRATION_SIDE_SOURCE, nil
	}
	return storagev1.MigrationSide_MIGRATION_SIDE_TARGET, nil
}
