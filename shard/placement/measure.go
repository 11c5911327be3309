package placement

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/holtcache/holt/proto/slot"
	"github.com/holtcache/holt/raftfsm/meta"
)

// Loads measures shards.
type Loads interface {
	// SlotUsage is what the leader of a shard says of its slots.
	SlotUsage(ctx context.Context, shard slot.ShardID) (SlotUsage, error)
}

// measured is a measurement that is used for a while.
type measured struct {
	usage *Usage
	at    time.Time
}

// usageFor is what is known of the load by the measures of a rebalance; nil where slots are only counted.
func (c *Controller) usageFor(ctx context.Context, state *meta.State, goal meta.Rebalance) (*Usage, error) {
	if !slices.ContainsFunc(goal.Measures, func(m meta.BalanceMeasure) bool { return m != meta.MeasureSlots }) {
		return nil, nil
	}
	if c.usage != nil && time.Since(c.usage.at) < usageMax {
		return c.usage.usage, nil
	}
	usage, missing := Measure(ctx, c.Loads, state.Shards(), goal)
	if len(missing) > 0 {
		return nil, fmt.Errorf("the load of shards %v is not known: their leaders gave no answer", missing)
	}
	c.usage = &measured{usage, time.Now()}
	return usage, nil
}

// Measure asks the leaders of all shards what their slots hold, and where requests count, twice. missing are those that gave
// no answer.
func Measure(ctx context.Context, loads Loads, shards []meta.Shard, goal meta.Rebalance) (usage *Usage, missing []slot.ShardID) {
	first, missing := askLoads(ctx, loads, shards)
	usage = &Usage{}
	if !slices.Contains(goal.Measures, meta.MeasureRequests) {
		for id, u := range first {
			usage.Add(id, u, nil)
		}
		return usage, missing
	}
	timer := time.NewTimer(rateTime)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
	second, missing := askLoads(ctx, loads, shards)
	for id, u := range second {
		if earlier, ok := first[id]; ok {
			usage.Add(id, u, &earlier)
		} else {
			usage.Add(id, u, nil)
		}
	}
	return usage, missing
}

func askLoads(ctx context.Context, loads Loads, shards []meta.Shard) (known map[slot.ShardID]SlotUsage, missing []slot.ShardID) {
	known = map[slot.ShardID]SlotUsage{}
	for _, s := range shards {
		if len(s.Ranges) == 0 {
			continue
		}
		ctx, cancel := context.WithTimeout(ctx, actionTimeout)
		u, err := loads.SlotUsage(ctx, s.ID)
		cancel()
		if err != nil || len(u.Keys) != countSlots(u.Ranges) || len(u.Bytes) != len(u.Keys) {
			missing = append(missing, s.ID)
			continue
		}
		known[s.ID] = u
	}
	return known, missing
}
