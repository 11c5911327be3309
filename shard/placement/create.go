package placement

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	storagev1 "github.com/holtcache/holt/proto/holt/storage/v1"
	"github.com/holtcache/holt/proto/slot"
	"github.com/holtcache/holt/raftfsm/meta"
)

// createShards creates the shards, once, when all expected nodes are registered and alive. Dead ones don't count: the
// first members of a shard never change until it has formed, so a place must not go to a node that won't come back.
// The meta group has to have its voters before: the slot map must not be on one disk only.
func (c *Controller) createShards(ctx context.Context, state *meta.State) (progress, error) {
	if len(state.Shards()) > 0 {
		return progress{}, nil
	}
	settings := state.Settings()
	nodes := c.nodes(state)
	alive := slices.DeleteFunc(slices.Clone(nodes), func(n Node) bool { return !n.Alive || n.Draining })
	if len(alive) < settings.ExpectNodes {
		text := fmt.Sprintf("waiting for nodes: %d of %d registered", len(nodes), settings.ExpectNodes)
		if len(alive) < len(nodes) {
			text += fmt.Sprintf(", %d of them alive", len(alive))
		}
		return progress{waiting: text}, nil
	}
	if len(state.MetaVoters()) < MetaTarget(countForMeta(nodes, state.MetaVoters())) {
		return progress{waiting: "waiting for the meta group to grow before shards are created"}, nil
	}
	replicas := cmp.Or(settings.Replicas, DefaultReplicas(len(alive)))
	if err := CheckReplicas(replicas, len(alive)); err != nil {
		return progress{}, err
	}
	shards := cmp.Or(settings.Shards, min(len(alive), meta.ShardsMax))
	result, err := c.propose(ctx, createCommand(state.Epoch(), PlanShards(alive, shards, replicas)))
	if result.Err != nil && result.Epoch != state.Epoch() {
		// The cluster has changed since the plan was made; it is made again at once.
		return progress{waiting: "creating shards", again: soon}, nil
	}
	if err != nil {
		return progress{}, err
	}
	c.Log.Info("shards created", "shards", shards, "replicas", replicas, "nodes", len(alive), "epoch", result.Epoch)
	return progress{waiting: "creating shards", again: soon}, nil
}

func createCommand(epoch uint64, plans []ShardPlan) *storagev1.MetaCommand {
	create := &storagev1.CreateShards{ExpectedEpoch: epoch}
	for _, p := range plans {
		create.Shards = append(create.Shards, &storagev1.NewShard{
			Ranges: meta.RangesProto([]slot.Range{p.Range}), Replicas: p.Replicas, PreferredLeader: p.PreferredLeader,
		})
	}
	return &storagev1.MetaCommand{Command: &storagev1.MetaCommand_CreateShards{CreateShards: create}}
}
