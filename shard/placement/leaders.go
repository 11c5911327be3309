package placement

import (
	"context"
	"fmt"
	"time"

	"github.com/holtcache/holt/proto/slot"
	"github.com/holtcache/holt/raftfsm/meta"
)

const (
	// transfersMax is how many leaderships move in one round: writes to a shard wait while its leadership moves.
	transfersMax = 2
	// transferPause lies between two rounds that move leaderships, whatever else wakes the controller.
	transferPause = 500 * time.Millisecond
	// transferRest is how long a shard is left alone after its leadership has moved, so that a node which seems dead
	// every other second doesn't take leaderships to and fro.
	transferRest = 10 * time.Second
)

// returnLeaders hands leaderships to where they belong.
func (c *Controller) returnLeaders(ctx context.Context, state *meta.State) (progress, error) {
	terms := map[slot.ShardID]uint64{}
	shards := make([]ShardLeader, 0, len(state.Shards()))
	leaderless, astray := 0, 0
	for _, s := range state.Shards() {
		leader, term, ok := c.Leaders.Leader(s.ID)
		if !ok {
			leader = ""
			leaderless++
		} else if leader != s.PreferredLeader {
			astray++
		}
		terms[s.ID] = term
		shards = append(shards, ShardLeader{
			Shard: s.ID, Replicas: s.Replicas, Preferred: s.PreferredLeader, Leader: leader,
			Held: c.backoff(transferName(s.ID)).wait(time.Now()) > 0,
		})
	}
	if leaderless > 0 {
		return progress{waiting: fmt.Sprintf("waiting for leaders: %d of %d shards have none", leaderless, len(shards)), again: soon}, nil
	}
	if astray == 0 {
		return progress{}, nil
	}
	again := time.Until(c.transferred.Add(transferPause))
	if again <= 0 {
		transfers := PlanLeaders(shards, c.Liveness.Alive, c.caughtUp(ctx), transfersMax)
		for _, t := range transfers {
			c.transfer(ctx, t, terms[t.Shard])
		}
		if len(transfers) > 0 {
			c.transferred, again = time.Now(), transferPause
		}
	}
	waiting := fmt.Sprintf("%d of %d shards are not led by their preferred replica", astray, len(shards))
	for _, s := range shards {
		if text := c.backoff(transferName(s.Shard)).text; text != "" {
			return progress{waiting: waiting + ": " + text, again: again}, nil
		}
	}
	return progress{waiting: waiting, again: again}, nil
}

// transfer moves one leadership. A failure concerns that shard only.
func (c *Controller) transfer(ctx context.Context, t Transfer, term uint64) {
	name := transferName(t.Shard)
	err := c.within(ctx, func(ctx context.Context) error { return c.Leaders.Transfer(ctx, t.Shard, term, t.To) })
	if err != nil {
		c.failed(ctx, name, fmt.Errorf("transfer shard %d from %s to %s: %w", t.Shard, t.From, t.To, err))
		return
	}
	c.succeeded(name, transferRest)
	c.Log.Info("leadership transferred", "shard", t.Shard, "term", term, "from", t.From, "to", t.To)
}

// caughtUp asks the shard's leader; where it does not answer, the replica counts as behind.
func (c *Controller) caughtUp(ctx context.Context) func(slot.ShardID, string) bool {
	return func(shard slot.ShardID, node string) bool {
		var caughtUp bool
		err := c.within(ctx, func(ctx context.Context) (err error) {
			caughtUp, err = c.Leaders.CaughtUp(ctx, shard, node)
			return err
		})
		if err != nil {
			c.failed(ctx, transferName(shard), fmt.Errorf("ask whether %s has caught up with shard %d: %w", node, shard, err))
		}
		return caughtUp && err == nil
	}
}

func transferName(shard slot.ShardID) string { return fmt.Sprintf("transfer of shard %d", shard) }
