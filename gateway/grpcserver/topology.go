package grpcserver

import (
	"context"

	"google.golang.org/protobuf/proto"

	"github.com/holtcache/holt/proto/apierr"
	clusterv1 "github.com/holtcache/holt/proto/holt/cluster/v1"
)

// topologyService is TopologyService.
type topologyService struct {
	clusterv1.UnimplementedTopologyServiceServer
	s *Server
}

var _ clusterv1.TopologyServiceServer = (*topologyService)(nil)

// GetSlotMap returns the slot map that the node knows.
func (t *topologyService) GetSlotMap(context.Context, *clusterv1.GetSlotMapRequest) (*clusterv1.GetSlotMapResponse, error) {
	return &clusterv1.GetSlotMapResponse{SlotMap: t.s.maps.of(t.s.router.View()), NowMs: t.s.nowMs()}, nil
}

// WatchSlotMap sends the slot map at once, and again whenever it differs from the one sent last. Send blocks while the
// client does not read; what changes meanwhile is joined.
func (t *topologyService) WatchSlotMap(_ *clusterv1.WatchSlotMapRequest, stream clusterv1.TopologyService_WatchSlotMapServer) error {
	var last *clusterv1.SlotMap
	for {
		changed := t.s.router.Changed()
		next := t.s.maps.of(t.s.router.View())
		if next != last && next.GetEpoch() >= last.GetEpoch() && (last == nil || !proto.Equal(next, last)) {
			if err := stream.Send(&clusterv1.WatchSlotMapResponse{SlotMap: next, NowMs: t.s.nowMs()}); err != nil {
				return err
			}
			last = next
		}
		select {
		case <-changed:
		case <-stream.Context().Done():
			return stream.Context().Err()
		case <-t.s.stopping:
			return apierr.New(apierr.KindShutdown, "this node is shutting down; watch at another node")
		}
	}
}
