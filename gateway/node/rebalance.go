package node

import (
	"cmp"
	"context"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/holtcache/holt/proto/apierr"
	clusterv1 "github.com/holtcache/holt/proto/holt/cluster/v1"
	storagev1 "github.com/holtcache/holt/proto/holt/storage/v1"
	"github.com/holtcache/holt/proto/slot"
	"github.com/holtcache/holt/raftfsm"
	"github.com/holtcache/holt/raftfsm/meta"
	"github.com/holtcache/holt/shard/host"
	"github.com/holtcache/holt/shard/migration"
	"github.com/holtcache/holt/shard/placement"
)

// commitMax bounds what an operator's command waits for the meta group.
const commitMax = 10 * time.Second

// goalOf fills what is not set with the defaults.
func goalOf(p *clusterv1.RebalanceGoal) meta.Rebalance {
	goal := meta.Rebalance{Shards: int(p.GetShards()), StartedMs: time.Now().UnixMilli()}
	for _, m := range p.GetMeasures() {
		goal.Measures = append(goal.Measures, meta.BalanceMeasure(m))
	}
	slices.Sort(goal.Measures)
	goal.Measures = slices.Compact(goal.Measures)
	if len(goal.Measures) == 0 {
		goal.Measures = []meta.BalanceMeasure{meta.MeasureSlots}
	}
	return goal
}

func goalProto(goal meta.Rebalance) *clusterv1.RebalanceGoal {
	p := &clusterv1.RebalanceGoal{Shards: uint32(goal.Shards)}
	for _, m := range goal.Measures {
		p.Measures = append(p.Measures, clusterv1.BalanceMeasure(m))
	}
	return p
}

// planned is a plan with what it was made from.
type planned struct {
	host  *host.Host
	state *meta.State
	in    placement.RebalanceInput
	plan  placement.RebalancePlan
	usage *placement.Usage
	// unmeasured are the shards whose leaders gave no answer.
	unmeasured []slot.ShardID
}

// plan plans a rebalance from the newest state. What slots hold is measured, so that people see it, also where it does not count.
func (a admin) plan(ctx context.Context, goal meta.Rebalance) (planned, error) {
	h, state, err := a.latest(ctx)
	if err != nil {
		return planned{}, err
	}
	if len(state.Shards()) == 0 {
		return planned{}, apierr.New(apierr.KindInvalid, "there are no shards yet; nothing was changed, see holt cluster status")
	}
	p := planned{host: h, state: state}
	p.usage, p.unmeasured = placement.Measure(ctx, h.Loads(), state.Shards(), goal)
	if len(p.unmeasured) > 0 && !slices.Equal(goal.Measures, []meta.BalanceMeasure{meta.MeasureSlots}) {
		return planned{}, apierr.New(apierr.KindClusterDown, "the load of shards %v is not known, as their leaders gave no answer; nothing was changed, retry, or rebalance by slots", p.unmeasured)
	}
	p.in = placement.RebalanceInputOf(state, placement.NodesOf(state, h.Liveness()), goal, p.usage)
	if p.plan, err = placement.PlanRebalance(p.in); err != nil {
		return planned{}, apierr.New(apierr.KindInvalid, "%w; nothing was changed", err)
	}
	return p, nil
}

// PlanRebalance tells what a rebalance would do.
func (a admin) PlanRebalance(ctx context.Context, wanted *clusterv1.RebalanceGoal) (*clusterv1.PlanRebalanceResponse, error) {
	ctx, cancel := context.WithTimeout(ctx, transferMax)
	defer cancel()
	p, err := a.plan(ctx, goalOf(wanted))
	if err != nil {
		return nil, err
	}
	return p.proto(), nil
}

func (p planned) proto() *clusterv1.PlanRebalanceResponse {
	reply := &clusterv1.PlanRebalanceResponse{Epoch: p.state.Epoch()}
	for _, id := range p.unmeasured {
		reply.UnmeasuredShardIds = append(reply.UnmeasuredShardIds, uint64(id))
	}
	rates := p.usage.SlotRates(p.state.SlotMap())
	before, after := map[slot.ShardID]*holding{}, map[slot.ShardID]*holding{}
	for _, s := range p.in.Shards {
		before[s.Shard], after[s.Shard] = p.loadOf(s.Ranges, rates), p.loadOf(s.Ranges, rates)
		reply.Shards = append(reply.Shards, &clusterv1.ShardBalance{
			ShardId: uint64(s.Shard), Dissolved: slices.Contains(p.plan.Dissolve, s.Shard), PreferredLeaderNodeId: s.Preferred, ReplicaNodeIds: s.Replicas,
		})
	}
	for _, s := range p.plan.Create {
		before[s.Shard], after[s.Shard] = &holding{}, &holding{}
		reply.Shards = append(reply.Shards, &clusterv1.ShardBalance{ShardId: uint64(s.Shard), Created: true, PreferredLeaderNodeId: s.PreferredLeader, ReplicaNodeIds: s.Replicas})
	}
	for _, m := range p.plan.Moves {
		moved := p.loadOf(m.Ranges, rates)
		after[m.From].add(moved, -1)
		after[m.To].add(moved, 1)
		reply.Moves = append(reply.Moves, &clusterv1.PlannedMove{
			FromShardId: uint64(m.From), ToShardId: uint64(m.To), Slots: rangesProto(m.Ranges), Keys: uint64(moved.keys), Bytes: uint64(moved.bytes),
		})
	}
	for _, s := range reply.Shards {
		b, a := before[slot.ShardID(s.ShardId)], after[slot.ShardID(s.ShardId)]
		s.Slots, s.Keys, s.Bytes, s.Requests = uint32(b.slots), uint64(b.keys), uint64(b.bytes), uint64(math.Round(b.requests))
		s.SlotsPlanned, s.KeysPlanned, s.BytesPlanned, s.RequestsPlanned = uint32(a.slots), uint64(a.keys), uint64(a.bytes), uint64(math.Round(max(a.requests, 0)))
	}
	return reply
}

// holding is what slots hold together.
type holding struct {
	slots       int
	keys, bytes int64
	requests    float64
}

func (l *holding) add(other *holding, sign int) {
	l.slots += sign * other.slots
	l.keys += int64(sign) * other.keys
	l.bytes += int64(sign) * other.bytes
	l.requests += float64(sign) * other.requests
}

func (p planned) loadOf(ranges []slot.Range, rates []float64) *holding {
	l := &holding{}
	for _, r := range ranges {
		for s := int(r.First); s <= int(r.Last); s++ {
			l.slots++
			l.keys += int64(p.usage.Keys[s])
			l.bytes += int64(p.usage.Bytes[s])
			l.requests += rates[s]
		}
	}
	return l
}

// StartRebalance has the controller rebalance the cluster. It is planned first, so that what cannot be done is refused.
func (a admin) StartRebalance(ctx context.Context, wanted *clusterv1.RebalanceGoal) error {
	ctx, cancel := context.WithTimeout(ctx, transferMax)
	defer cancel()
	goal := goalOf(wanted)
	p, err := a.plan(ctx, goal)
	if err != nil {
		return err
	}
	goal.LastMigration = p.state.LastMigration()
	return a.propose(ctx, p.host, meta.StartRebalance(goal))
}

// StartMigrations begins to hand slots over to other shards.
func (a admin) StartMigrations(ctx context.Context, moves []*clusterv1.SlotMove) ([]uint64, error) {
	ctx, cancel := context.WithTimeout(ctx, commitMax)
	defer cancel()
	h, state, err := a.latest(ctx)
	if err != nil {
		return nil, err
	}
	start := &storagev1.StartMigrations{ExpectedEpoch: state.Epoch(), StartedMs: time.Now().UnixMilli()}
	for _, move := range moves {
		to := slot.ShardID(move.ToShardId)
		if _, known := state.Shard(to); !known {
			return nil, apierr.New(apierr.KindNotFound, "there is no shard %d; nothing was changed, holt cluster shards lists them", to)
		}
		start.Migrations = append(start.Migrations, ownedBy(state, rangesOf(move.Slots), to)...)
	}
	if len(start.Migrations) == 0 {
		return nil, nil
	}
	result, err := h.Propose(ctx, &storagev1.MetaCommand{Command: &storagev1.MetaCommand_StartMigrations{StartMigrations: start}})
	if err == nil {
		err = result.Err
	}
	if err != nil {
		return nil, err
	}
	a.n.log.Info("migrations begun", "migrations", result.Migrations)
	return result.Migrations, nil
}

// ownedBy cuts slots by the shards that own them. Those of the shard that is to have them are left out.
func ownedBy(state *meta.State, ranges []slot.Range, to slot.ShardID) []*storagev1.NewMigration {
	owned, slots := map[slot.ShardID][]slot.Range{}, state.SlotMap()
	for _, r := range slot.Normalize(ranges) {
		for s := int(r.First); s <= int(r.Last); s++ {
			from := slots.Owner(slot.ID(s))
			owned[from] = append(owned[from], slot.Range{First: slot.ID(s), Last: slot.ID(s)})
		}
	}
	var migrations []*storagev1.NewMigration
	for _, s := range state.Shards() {
		if s.ID != to && len(owned[s.ID]) > 0 {
			migrations = append(migrations, &storagev1.NewMigration{From: uint64(s.ID), To: uint64(to), Ranges: meta.RangesProto(slot.Normalize(owned[s.ID]))})
		}
	}
	return migrations
}

// Migrations lists the migrations that have not ended, with their progress, and those that ended last.
func (a admin) Migrations(ctx context.Context) (*clusterv1.ListMigrationsResponse, error) {
	h, err := a.host()
	if err != nil {
		return nil, err
	}
	state := h.State()
	leaders := h.Leaders(state.Shards())
	progress := map[uint64]migration.Progress{}
	if len(state.Migrations()) > 0 {
		for _, p := range a.n.migrations(ctx, h) {
			if p.Side == raftfsm.SideSource {
				progress[p.Migration] = p
			}
		}
	}
	reply := &clusterv1.ListMigrationsResponse{}
	for _, m := range slices.Concat(state.EndedMigrations(), state.Migrations()) {
		p := migrationProto(m)
		p.FromNodeId, p.ToNodeId = leaders[m.From].Node, leaders[m.To].Node
		if known, ok := progress[m.ID]; ok {
			p.Progress = progressOfSource(known)
		}
		reply.Migrations = append(reply.Migrations, p)
	}
	slices.SortFunc(reply.Migrations, func(x, y *clusterv1.Migration) int { return cmp.Compare(x.Id, y.Id) })
	if goal, runs := state.Rebalance(); runs {
		reply.Rebalance = a.rebalanceStatus(ctx, h, state, goal)
	}
	return reply, nil
}

// rebalanceStatus tells how far a rebalance has come. What is left is planned by slots where it goes by what would have to be
// measured, which takes longer than people want to wait for a list.
func (a admin) rebalanceStatus(ctx context.Context, h *host.Host, state *meta.State, goal meta.Rebalance) *clusterv1.RebalanceStatus {
	status := &clusterv1.RebalanceStatus{Goal: goalProto(goal), StartedMs: goal.StartedMs}
	for _, m := range state.Migrations() {
		status.SlotsLeft += uint32(m.Slots())
	}
	if slices.Equal(goal.Measures, []meta.BalanceMeasure{meta.MeasureSlots}) {
		plan, err := placement.PlanRebalance(placement.RebalanceInputOf(state, placement.NodesOf(state, h.Liveness()), goal, nil))
		if err == nil {
			for _, m := range plan.Moves {
				status.SlotsLeft += uint32(m.Slots())
			}
		}
	}
	for _, text := range a.waiting(ctx, h) {
		if rest, ok := strings.CutPrefix(text, "rebalance: "); ok {
			if status.Waiting != "" {
				status.Waiting += "; "
			}
			status.Waiting += rest
		}
	}
	return status
}

func migrationProto(m meta.Migration) *clusterv1.Migration {
	return &clusterv1.Migration{
		Id: m.ID, FromShardId: uint64(m.From), ToShardId: uint64(m.To), Slots: rangesProto(m.Ranges), Phase: clusterv1.MigrationPhase(m.Phase),
		Reason: m.Reason, Ended: m.SourceEnded && m.TargetEnded, StartedMs: m.StartedMs, EndedMs: m.EndedMs,
	}
}

func progressOfSource(p migration.Progress) *clusterv1.MigrationProgress {
	return &clusterv1.MigrationProgress{
		Stage: clusterv1.MigrationStage(p.Stage), SlotsCopied: uint32(p.SlotsCopied), KeysTotal: p.Keys, KeysCopied: p.KeysCopied,
		BytesArrived: p.BytesArrived, BytesWaiting: p.BytesWaiting, DrivenMs: uint64(time.Since(p.Since).Milliseconds()),
		FrozenUs: uint64(p.Frozen.Microseconds()), Error: p.Err,
	}
}

// CancelMigration aborts a migration that is not decided yet, or with id 0 all of them, and stops a rebalance that runs: it
// would start them again.
func (a admin) CancelMigration(ctx context.Context, id uint64) (*clusterv1.CancelMigrationResponse, error) {
	ctx, cancel := context.WithTimeout(ctx, commitMax)
	defer cancel()
	h, state, err := a.latest(ctx)
	if err != nil {
		return nil, err
	}
	if m, stands := state.Migration(id); id != 0 && (!stands || m.Decided()) {
		return nil, cannotCancel(state, id)
	}
	reply := &clusterv1.CancelMigrationResponse{}
	if _, runs := state.Rebalance(); runs {
		if err := a.propose(ctx, h, meta.EndRebalance(0)); err != nil {
			return nil, err
		}
		reply.RebalanceStopped = true
	}
	for _, m := range state.Migrations() {
		if m.Decided() || id != 0 && m.ID != id {
			continue
		}
		switch err := a.propose(ctx, h, meta.AbortMigration(m.ID, cancelled)); {
		case err == nil:
			reply.MigrationIds = append(reply.MigrationIds, m.ID)
		case id != 0 || apierr.KindOf(err).Row().Outcome == apierr.OutcomeUnknown:
			return nil, err
		default: // it was decided meanwhile
		}
	}
	return reply, nil
}

// cannotCancel says why a migration cannot be cancelled.
func cannotCancel(state *meta.State, id uint64) error {
	known, ok := state.Migration(id)
	if !ok {
		i := slices.IndexFunc(state.EndedMigrations(), func(m meta.Migration) bool { return m.ID == id })
		if i < 0 {
			return apierr.New(apierr.KindNotFound, "there is no migration %d, or it ended long ago; nothing was changed, holt cluster migrations lists them", id)
		}
		known = state.EndedMigrations()[i]
	}
	return apierr.New(apierr.KindInvalid, "migration %d is %s: that is decided and cannot be undone; nothing was changed, move the slots back with holt cluster migrate", id, known.Phase)
}
