package grpcserver

import (
	"testing"

	"google.golang.org/grpc/codes"

	"github.com/holtcache/holt/proto/apierr"
	clusterv1 "github.com/holtcache/holt/proto/holt/cluster/v1"
)

func moveOf(to uint64, bounds ...uint32) *clusterv1.SlotMove {
	m := &clusterv1.SlotMove{ToShardId: to}
	for i := 0; i < len(bounds); i += 2 {
		m.Slots = append(m.Slots, &clusterv1.SlotRange{First: bounds[i], Last: bounds[i+1]})
	}
	return m
}

func TestMigrationsAreAskedOfTheNode(t *testing.T) {
	n := start(t, 1, Limits{})[0]
	ctx := within(t, testTime)
	begun := must[*clusterv1.StartMigrationsResponse](t)(n.adminClient.StartMigrations(ctx, &clusterv1.StartMigrationsRequest{Moves: []*clusterv1.SlotMove{moveOf(2, 0, 16383)}}))
	if len(begun.MigrationIds) != 2 || len(n.admin.moves) != 1 || n.admin.moves[0].ToShardId != 2 {
		t.Errorf("%v, asked %v", begun, n.admin.moves)
	}
	if list := must[*clusterv1.ListMigrationsResponse](t)(n.adminClient.ListMigrations(ctx, nil)); len(list.Migrations) != 1 || list.Migrations[0].Id != 4 {
		t.Errorf("%v", list)
	}
	must[*clusterv1.EndLostMigrationResponse](t)(n.adminClient.EndLostMigration(ctx, &clusterv1.EndLostMigrationRequest{MigrationId: 7, LostShardId: 3}))
	if n.admin.ended != [2]uint64{7, 3} {
		t.Errorf("the end is noted of migration %d for shard %d, want 7 for 3", n.admin.ended[0], n.admin.ended[1])
	}
	if _, err := n.adminClient.EndLostMigration(ctx, &clusterv1.EndLostMigrationRequest{MigrationId: 7}); err == nil {
		t.Error("a migration ends for no shard")
	}
	if got := must[*clusterv1.CancelMigrationResponse](t)(n.adminClient.CancelMigration(ctx, &clusterv1.CancelMigrationRequest{MigrationId: 7})); got.MigrationIds[0] != 7 {
		t.Errorf("%v", got)
	}
	goal := &clusterv1.RebalanceGoal{Measures: []clusterv1.BalanceMeasure{clusterv1.BalanceMeasure_BALANCE_MEASURE_BYTES}, Shards: 3}
	if plan := must[*clusterv1.PlanRebalanceResponse](t)(n.adminClient.PlanRebalance(ctx, &clusterv1.PlanRebalanceRequest{Goal: goal})); plan.Epoch != 8 || n.admin.goal.GetShards() != 3 {
		t.Errorf("%v, asked %v", plan, n.admin.goal)
	}
	must[*clusterv1.StartRebalanceResponse](t)(n.adminClient.StartRebalance(ctx, nil))
	if n.admin.goal == nil || n.admin.goal.GetShards() != 0 {
		t.Errorf("asked %v", n.admin.goal)
	}
	n.admin.err = apierr.New(apierr.KindNotFound, "there is no such shard")
	_, err := n.adminClient.StartMigrations(ctx, &clusterv1.StartMigrationsRequest{Moves: []*clusterv1.SlotMove{moveOf(2, 0, 1)}})
	expect(t, err, codes.NotFound, "not-found", notApplied)
	_, err = n.adminClient.StartRebalance(ctx, nil)
	expect(t, err, codes.NotFound, "not-found", notApplied)
	_, err = n.adminClient.PlanRebalance(ctx, nil)
	expect(t, err, codes.NotFound, "not-found", notApplied)
}

func TestMigrationsThatMakeNoSenseAreRefused(t *testing.T) {
	n := start(t, 1, Limits{})[0]
	ctx := within(t, testTime)
	for what, moves := range map[string][]*clusterv1.SlotMove{
		"none":                {},
		"too many":            make([]*clusterv1.SlotMove, movesMax+1),
		"no shard":            {moveOf(0, 1, 2)},
		"no slots":            {moveOf(1)},
		"slots in reverse":    {moveOf(1, 2, 1)},
		"slots beyond all":    {moveOf(1, 0, 16384)},
		"a slot twice":        {moveOf(1, 0, 5, 5, 6)},
		"a slot for two":      {moveOf(1, 0, 5), moveOf(2, 3, 3)},
		"a range of all ones": {moveOf(1, 1<<32-1, 1<<32-1)},
	} {
		t.Run(what, func(t *testing.T) {
			_, err := n.adminClient.StartMigrations(ctx, &clusterv1.StartMigrationsRequest{Moves: moves})
			expect(t, err, codes.InvalidArgument, "invalid", notApplied)
		})
	}
	for what, goal := range map[string]*clusterv1.RebalanceGoal{
		"too many shards": {Shards: 16385}, "no measure": {Measures: []clusterv1.BalanceMeasure{0}}, "an unknown measure": {Measures: []clusterv1.BalanceMeasure{9}},
	} {
		_, err := n.adminClient.PlanRebalance(ctx, &clusterv1.PlanRebalanceRequest{Goal: goal})
		expect(t, err, codes.InvalidArgument, "invalid", notApplied)
		if _, err = n.adminClient.StartRebalance(ctx, &clusterv1.StartRebalanceRequest{Goal: goal}); err == nil {
			t.Errorf("%s: started", what)
		}
	}
	if n.admin.moves != nil || n.admin.goal != nil {
		t.Errorf("the node was asked: %+v", n.admin)
	}
}
