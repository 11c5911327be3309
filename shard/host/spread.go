package host

import (
	"context"
	"slices"

	storagev1 "github.com/holtcache/holt/proto/holt/storage/v1"
	"github.com/holtcache/holt/shard/placement"
)

// SpreadReplicas begins what is missing for replicas and leaders to be spread over all nodes, and tells what that is; with
// dryRun it only tells. It may be called at any node, and is called again until nothing is left: what is begun stands in the
// meta group's state, and the controller does it.
func (h *Host) SpreadReplicas(ctx context.Context, dryRun bool) (placement.Spread, error) {
	state, err := h.Latest(ctx)
	if err != nil {
		return placement.Spread{}, err
	}
	spread := placement.PlanSpreading(placement.NodesOf(state, h.Liveness()), state)
	if dryRun {
		return spread, nil
	}
	for _, m := range spread.Moves {
		s, _ := state.Shard(m.Shard)
		if err := h.proposeStep(ctx, placement.ReplicasCommand(s, append(slices.Clone(s.Replicas), m.To))); err != nil {
			return spread, err
		}
		h.cfg.Logger.Info("replica is to move", "shard", m.Shard, "from", m.From, "to", m.To)
	}
	for _, m := range spread.Leaders {
		s, _ := state.Shard(m.Shard)
		if err := h.proposeStep(ctx, placement.PreferCommand(s, m.To)); err != nil {
			return spread, err
		}
	}
	return spread, nil
}

// proposeStep commits a command; the error is that of the proposal or of the command.
func (h *Host) proposeStep(ctx context.Context, command *storagev1.MetaCommand) error {
	result, err := h.Propose(ctx, command)
	if err != nil {
		return err
	}
	return result.Err
}
