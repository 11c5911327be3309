package node

import (
	"context"

	nodev1 "github.com/holtcache/holt/proto/holt/node/v1"
	"github.com/holtcache/holt/proto/slot"
	"github.com/holtcache/holt/shard/placement"
)

// GetSlotUsage tells what the slots of a shard hold that this node leads.
func (s *nodeService) GetSlotUsage(_ context.Context, request *nodev1.GetSlotUsageRequest) (*nodev1.GetSlotUsageResponse, error) {
	h, err := s.host()
	if err != nil {
		return nil, err
	}
	u, err := h.SlotUsageHere(slot.ShardID(request.ShardId))
	if err != nil {
		return nil, toStatus(err)
	}
	return &nodev1.GetSlotUsageResponse{Slots: rangesProto(u.Ranges), Keys: u.Keys, Bytes: u.Bytes, Requests: u.Requests, NowMs: u.AtMs}, nil
}

// SlotUsage asks a node what the slots of a shard hold that it leads.
func (n *nodes) SlotUsage(ctx context.Context, id string, shard slot.ShardID) (placement.SlotUsage, error) {
	client, err := n.node(id)
	if err != nil {
		return placement.SlotUsage{}, err
	}
	reply, err := client.GetSlotUsage(ctx, &nodev1.GetSlotUsageRequest{ShardId: uint64(shard)})
	if err != nil {
		return placement.SlotUsage{}, readOnly(fromStatus(err, true))
	}
	return placement.SlotUsage{Ranges: rangesOf(reply.Slots), Keys: reply.Keys, Bytes: reply.Bytes, Requests: reply.Requests, AtMs: reply.NowMs}, nil
}
