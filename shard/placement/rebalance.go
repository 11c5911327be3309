package placement

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	storagev1 "github.com/holtcache/holt/proto/holt/storage/v1"
	"github.com/holtcache/holt/proto/slot"
	"github.com/holtcache/holt/raftfsm/meta"
)

const (
	// migrationSlotsMax is how many slots one migration moves at most: one that is aborted is lost labour, and progress shows.
	migrationSlotsMax = 1024
	// migrationsOpenMax is how many migrations there are at a time. A shard takes part in one, and then rests for
	// migrationRest: its slots are frozen for a moment at each, and clients shall notice as little of many as of one.
	migrationsOpenMax = 64
	migrationRest     = time.Second
	// usageMax is how old a measurement may be before it is made again; rateTime is over how long a rate is measured.
	usageMax = 30 * time.Second
	rateTime = time.Second
)

// RebalanceInputOf is what a rebalance of the cluster is planned from. usage is nil where nothing was measured.
func RebalanceInputOf(state *meta.State, nodes []Node, goal meta.Rebalance, usage *Usage) RebalanceInput {
	in := RebalanceInput{Weights: WeightsOf(goal.Measures, usage, state.SlotMap())}
	for _, n := range nodes {
		if !n.Leaving() {
			in.Nodes = append(in.Nodes, n)
		}
	}
	settings := state.Settings()
	in.Target = cmp.Or(goal.Shards, max(settings.Shards, len(in.Nodes)))
	in.Target = min(max(in.Target, 1), meta.ShardsMax)
	in.Replicas = cmp.Or(settings.Replicas, DefaultReplicas(len(in.Nodes)))
	owners := ownersTo(state)
	for _, s := range state.Shards() {
		in.Shards = append(in.Shards, ShardState{Shard: s.ID, Ranges: owners.runs(s.ID), Replicas: s.Replicas, Preferred: s.PreferredLeader})
	}
	return in
}

// ownersTo is who owns the slots once the migrations that run have been committed.
func ownersTo(state *meta.State) balance {
	b := balance{owners: make([]slot.ShardID, slot.Count)}
	for _, s := range state.Shards() {
		eachSlot(s.Ranges, func(id slot.ID) { b.owners[id] = s.ID })
	}
	for _, m := range state.Migrations() {
		if m.Phase == meta.MigrationRunning {
			eachSlot(m.Ranges, func(id slot.ID) { b.owners[id] = m.To })
		}
	}
	return b
}

// rebalance takes the next step of the rebalance that was asked for: shards that lack are created, slots handed over a few at a
// time, shards that are too many dissolved, replicas and leaders spread. What has been done stands in the state, so that the
// next controller goes on with what is left.
func (c *Controller) rebalance(ctx context.Context, state *meta.State) (progress, error) {
	goal, runs := state.Rebalance()
	if !runs {
		c.usage = nil
		return progress{}, nil
	}
	c.noteAborted(ctx, state, goal)
	usage, err := c.usageFor(ctx, state, goal)
	if err != nil {
		return progress{}, err
	}
	nodes := c.nodes(state)
	plan, err := PlanRebalance(RebalanceInputOf(state, nodes, goal, usage))
	switch {
	case err != nil:
		return progress{}, err
	case len(plan.Create) > 0:
		return c.createEmpty(ctx, state, plan.Create)
	}
	if forming := formingOf(state); forming > 0 {
		return progress{waiting: fmt.Sprintf("rebalance: waiting for %d new shards to form", forming), again: soon}, nil
	}
	left := openSlots(state)
	for _, m := range plan.Moves {
		left += m.Slots()
	}
	if left > 0 {
		held, err := c.startMigrations(ctx, state, plan.Moves)
		return progress{waiting: fmt.Sprintf("rebalance: %d slots to go, %d migrations run", left, len(state.Migrations())), also: held, again: tick}, err
	}
	return c.finishRebalance(ctx, state, nodes, goal, plan)
}

// createEmpty creates the shards that lack.
func (c *Controller) createEmpty(ctx context.Context, state *meta.State, plans []NewShardPlan) (progress, error) {
	create := &storagev1.CreateShards{ExpectedEpoch: state.Epoch()}
	for _, p := range plans {
		create.Shards = append(create.Shards, &storagev1.NewShard{Replicas: p.Replicas, PreferredLeader: p.PreferredLeader})
	}
	result, err := c.propose(ctx, &storagev1.MetaCommand{Command: &storagev1.MetaCommand_CreateShards{CreateShards: create}})
	if err != nil && !overtaken(result, state) {
		return progress{}, err
	}
	if err == nil {
		c.Log.Info("shards created without slots", "shards", result.Shards, "epoch", result.Epoch)
	}
	return progress{waiting: fmt.Sprintf("rebalance: creating %d shards", len(plans)), again: soon}, nil
}

// overtaken tells whether a command was refused because the cluster has changed since it was planned; the plan is made again.
func overtaken(result meta.Result, state *meta.State) bool {
	return result.Err != nil && result.Epoch != state.Epoch()
}

// formingOf counts the shards that have not formed yet.
func formingOf(state *meta.State) (n int) {
	for _, s := range state.Shards() {
		if s.Phase != meta.ShardFormed {
			n++
		}
	}
	return n
}

// openSlots counts the slots of migrations that have not ended.
func openSlots(state *meta.State) (n int) {
	for _, m := range state.Migrations() {
		n += m.Slots()
	}
	return n
}

// startMigrations begins as many of the planned moves as may run beside those that do. held says what keeps others back.
func (c *Controller) startMigrations(ctx context.Context, state *meta.State, moves []Move) (held []string, err error) {
	open, busy, now := len(state.Migrations()), c.busyShards(state), time.Now()
	taken := map[slot.ID]bool{}
	for _, m := range state.Migrations() {
		eachSlot(m.Ranges, func(s slot.ID) { taken[s] = true })
	}
	start := &storagev1.StartMigrations{ExpectedEpoch: state.Epoch(), StartedMs: now.UnixMilli()}
	for _, m := range moves {
		if text := c.heldBack(m); text != "" {
			if !slices.Contains(held, text) {
				held = append(held, text)
			}
			continue
		}
		free := withoutTaken(m.Ranges, taken)
		if open >= migrationsOpenMax || busy[m.From] || busy[m.To] || len(free) == 0 {
			continue
		}
		part := clipRanges(free, migrationSlotsMax)
		eachSlot(part, func(s slot.ID) { taken[s] = true })
		open++
		busy[m.From], busy[m.To] = true, true
		start.Migrations = append(start.Migrations, &storagev1.NewMigration{From: uint64(m.From), To: uint64(m.To), Ranges: meta.RangesProto(part)})
	}
	if len(start.Migrations) == 0 {
		return held, nil
	}
	result, err := c.propose(ctx, &storagev1.MetaCommand{Command: &storagev1.MetaCommand_StartMigrations{StartMigrations: start}})
	if overtaken(result, state) {
		return held, nil
	}
	return held, err
}

// busyShards are the shards that take part in a migration, or did a moment ago.
func (c *Controller) busyShards(state *meta.State) map[slot.ShardID]bool {
	now := time.Now()
	if c.moved == nil {
		c.moved = map[slot.ShardID]time.Time{}
	}
	for _, m := range state.Migrations() {
		c.moved[m.From], c.moved[m.To] = now, now
	}
	busy := map[slot.ShardID]bool{}
	for id, last := range c.moved {
		if now.Sub(last) < migrationRest {
			busy[id] = true
		} else {
			delete(c.moved, id)
		}
	}
	return busy
}

// heldBack says why no migration of a move is begun now, "" where nothing is in its way.
func (c *Controller) heldBack(m Move) string {
	for _, shard := range []slot.ShardID{m.From, m.To} {
		if _, _, led := c.Leaders.Leader(shard); !led {
			return fmt.Sprintf("rebalance: shard %d has no leader", shard)
		}
	}
	if b := c.backoff(migrationName(m.From, m.To)); b.wait(time.Now()) > 0 {
		return "rebalance: " + b.text
	}
	return ""
}

// withoutTaken leaves out slots that are in a migration, or will be.
func withoutTaken(ranges []slot.Range, taken map[slot.ID]bool) (free []slot.Range) {
	eachSlot(ranges, func(s slot.ID) {
		switch n := len(free); {
		case taken[s]:
		case n > 0 && free[n-1].Last+1 == s:
			free[n-1].Last = s
		default:
			free = append(free, slot.Range{First: s, Last: s})
		}
	})
	return free
}

func migrationName(from, to slot.ShardID) string {
	return fmt.Sprintf("migration from shard %d to %d", from, to)
}

// noteAborted lets those wait whose migrations were aborted since the rebalance was asked for, ever longer, and logs why.
func (c *Controller) noteAborted(ctx context.Context, state *meta.State, goal meta.Rebalance) {
	decided := map[uint64]bool{}
	for _, m := range slices.Concat(state.EndedMigrations(), state.Migrations()) {
		if !m.Decided() || m.ID <= goal.LastMigration {
			continue
		}
		decided[m.ID] = true
		switch {
		case c.decided[m.ID]:
		case m.Phase == meta.MigrationAborted:
			c.failed(ctx, migrationName(m.From, m.To), fmt.Errorf("migration %d from shard %d to %d was aborted: %s", m.ID, m.From, m.To, m.Reason))
		default:
			c.succeeded(migrationName(m.From, m.To), 0)
		}
	}
	c.decided = decided
}

// finishRebalance dissolves the shards that have given up their slots, spreads replicas and leaders, and ends the rebalance once
// there is nothing left.
func (c *Controller) finishRebalance(ctx context.Context, state *meta.State, nodes []Node, goal meta.Rebalance, plan RebalancePlan) (progress, error) {
	for _, id := range plan.Dissolve {
		_, err := c.propose(ctx, &storagev1.MetaCommand{Command: &storagev1.MetaCommand_DissolveShard{DissolveShard: &storagev1.DissolveShard{Id: uint64(id)}}})
		if err != nil {
			return progress{}, err
		}
		c.Log.Info("shard without slots dissolved", "shard", id)
	}
	if len(plan.Dissolve) > 0 {
		return progress{waiting: "rebalance: dissolving shards", again: soon}, nil
	}
	if spread := PlanSpreading(nodes, state); !spread.Done() {
		return progress{waiting: fmt.Sprintf("rebalance: %d replicas and %d leaders to be spread, %d under way", len(spread.Moves), len(spread.Leaders), spread.UnderWay), again: soon},
			c.spread(ctx, state, spread)
	}
	if _, err := c.propose(ctx, meta.EndRebalance(goal.StartedMs)); err != nil {
		return progress{}, err
	}
	c.Log.Info("rebalance done", "epoch", state.Epoch())
	return progress{}, nil
}

// spread begins what is missing for replicas and leaders to be spread over all nodes; the controller does it.
func (c *Controller) spread(ctx context.Context, state *meta.State, spread Spread) error {
	for _, m := range spread.Moves {
		s, _ := state.Shard(m.Shard)
		if _, err := c.propose(ctx, ReplicasCommand(s, append(slices.Clone(s.Replicas), m.To))); err != nil {
			return err
		}
		c.Log.Info("replica is to move", "shard", m.Shard, "from", m.From, "to", m.To)
	}
	for _, m := range spread.Leaders {
		s, _ := state.Shard(m.Shard)
		if _, err := c.propose(ctx, PreferCommand(s, m.To)); err != nil {
			return err
		}
	}
	return nil
}
