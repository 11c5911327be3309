package host

import (
	"context"
	"time"

	"github.com/holtcache/holt/proto/apierr"
	"github.com/holtcache/holt/proto/slot"
	"github.com/holtcache/holt/shard/placement"
)

// SlotUsage is what the leader of a shard says of its slots.
func (l Leaderships) SlotUsage(ctx context.Context, id slot.ShardID) (placement.SlotUsage, error) {
	return l.h.SlotUsage(ctx, id)
}

// Loads measures the shards of the cluster from this node.
func (h *Host) Loads() placement.Loads { return Leaderships{h} }

// SlotUsage asks the leader of a shard what its slots hold.
func (h *Host) SlotUsage(ctx context.Context, id slot.ShardID) (placement.SlotUsage, error) {
	leader, _, ok := h.Leader(id)
	switch {
	case !ok:
		return placement.SlotUsage{}, apierr.New(apierr.KindClusterDown, "shard %d has no leader now; retry", id)
	case leader == h.cfg.Self.ID:
		return h.SlotUsageHere(id)
	}
	return h.cfg.Nodes.SlotUsage(ctx, leader, id)
}

// SlotUsageHere measures the slots that a shard serves, as this node leads it. It takes the lock of each slot for a moment.
func (h *Host) SlotUsageHere(id slot.ShardID) (placement.SlotUsage, error) {
	r, ok := h.Replica(id)
	if !ok {
		return placement.SlotUsage{}, apierr.New(apierr.KindNotFound, "shard %d has no replica on node %s", id, h.cfg.Self.ID)
	}
	if _, leads := r.Leader(); !leads {
		return placement.SlotUsage{}, apierr.New(apierr.KindNotLeader, "shard %d: this node does not lead it; retry at its leader", id)
	}
	u := placement.SlotUsage{Ranges: r.Store().Owned(), AtMs: uint64(time.Since(opened).Milliseconds())}
	for _, owned := range u.Ranges {
		for s := int(owned.First); s <= int(owned.Last); s++ {
			sl := r.Store().Slot(slot.ID(s))
			sl.RLock()
			u.Keys = append(u.Keys, uint64(sl.LenLocked()))
			u.Bytes = append(u.Bytes, uint64(max(sl.UsedLocked(), 0)))
			sl.RUnlock()
		}
	}
	stats := r.Executor().Stats()
	u.Requests = stats.Evaluated + stats.Reads
	return u, nil
}

// opened is the beginning of the clock by which rates are measured.
var opened = time.Now()
