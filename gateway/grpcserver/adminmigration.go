package grpcserver

import (
	"context"

	clusterv1 "github.com/holtcache/holt/proto/holt/cluster/v1"
	"github.com/holtcache/holt/proto/slot"
)

// movesMax bounds one request for migrations; the meta group has a limit of its own for what is open at a time.
const movesMax = 256

// StartMigrations begins to hand slots over to other shards.
func (a *adminService) StartMigrations(ctx context.Context, r *clusterv1.StartMigrationsRequest) (*clusterv1.StartMigrationsResponse, error) {
	if n := len(r.GetMoves()); n < 1 || n > movesMax {
		return nil, invalid("moves: give 1 to %d, not %d", movesMax, n)
	}
	named := map[uint32]bool{}
	for i, move := range r.GetMoves() {
		if move.GetToShardId() == 0 || len(move.GetSlots()) == 0 {
			return nil, invalid("moves[%d]: it needs a shard and slots", i)
		}
		for _, s := range move.GetSlots() {
			if s.GetFirst() > s.GetLast() || s.GetLast() >= slot.Count {
				return nil, invalid("moves[%d]: %d-%d is no range of slots within 0-%d", i, s.GetFirst(), s.GetLast(), slot.Count-1)
			}
			for id := s.GetFirst(); id <= s.GetLast(); id++ {
				if named[id] {
					return nil, invalid("moves[%d]: slot %d is named twice", i, id)
				}
				named[id] = true
			}
		}
	}
	ids, err := a.s.cfg.Admin.StartMigrations(ctx, r.GetMoves())
	if err != nil {
		return nil, err
	}
	return &clusterv1.StartMigrationsResponse{MigrationIds: ids}, nil
}

// ListMigrations lists the migrations.
func (a *adminService) ListMigrations(ctx context.Context, _ *clusterv1.ListMigrationsRequest) (*clusterv1.ListMigrationsResponse, error) {
	return a.s.cfg.Admin.Migrations(ctx)
}

// CancelMigration aborts migrations that are not decided yet.
func (a *adminService) CancelMigration(ctx context.Context, r *clusterv1.CancelMigrationRequest) (*clusterv1.CancelMigrationResponse, error) {
	return a.s.cfg.Admin.CancelMigration(ctx, r.GetMigrationId())
}

// EndLostMigration notes the end of a migration in place of a lost shard.
func (a *adminService) EndLostMigration(ctx context.Context, r *clusterv1.EndLostMigrationRequest) (*clusterv1.EndLostMigrationResponse, error) {
	if r.GetMigrationId() == 0 || r.GetLostShardId() == 0 {
		return nil, invalid("migration_id, lost_shard_id: both have to be set")
	}
	if err := a.s.cfg.Admin.EndLostMigration(ctx, r.GetMigrationId(), slot.ShardID(r.GetLostShardId())); err != nil {
		return nil, err
	}
	return &clusterv1.EndLostMigrationResponse{}, nil
}

// PlanRebalance tells what a rebalance would do.
func (a *adminService) PlanRebalance(ctx context.Context, r *clusterv1.PlanRebalanceRequest) (*clusterv1.PlanRebalanceResponse, error) {
	goal, err := checkGoal(r.GetGoal())
	if err != nil {
		return nil, err
	}
	return a.s.cfg.Admin.PlanRebalance(ctx, goal)
}

// StartRebalance has the cluster rebalanced.
func (a *adminService) StartRebalance(ctx context.Context, r *clusterv1.StartRebalanceRequest) (*clusterv1.StartRebalanceResponse, error) {
	goal, err := checkGoal(r.GetGoal())
	if err != nil {
		return nil, err
	}
	if err := a.s.cfg.Admin.StartRebalance(ctx, goal); err != nil {
		return nil, err
	}
	return &clusterv1.StartRebalanceResponse{}, nil
}

// checkGoal refuses what no cluster could come to.
func checkGoal(goal *clusterv1.RebalanceGoal) (*clusterv1.RebalanceGoal, error) {
	if goal == nil {
		return &clusterv1.RebalanceGoal{}, nil
	}
	if goal.GetShards() > slot.Count {
		return nil, invalid("goal.shards: %d is more than there are slots (%d)", goal.GetShards(), slot.Count)
	}
	for _, m := range goal.GetMeasures() {
		if m < clusterv1.BalanceMeasure_BALANCE_MEASURE_SLOTS || m > clusterv1.BalanceMeasure_BALANCE_MEASURE_REQUESTS {
			return nil, invalid("goal.measures: %d is not known to this server", m)
		}
	}
	return goal, nil
}
