package grpcserver

import (
	"context"

	"google.golang.org/grpc/codes"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/status"

	"github.com/holtcache/holt/proto/apierr"
	cachev1 "github.com/holtcache/holt/proto/holt/cache/v1"
	clusterv1 "github.com/holtcache/holt/proto/holt/cluster/v1"
)

// healthService is grpc.health.v1. The package documentation says what its answers mean. They are made when asked for,
// so that no goroutine has to keep them up to date.
type healthService struct {
	healthpb.UnimplementedHealthServer
	s *Server
}

var _ healthpb.HealthServer = (*healthService)(nil)

// healthNames are the services with a health of their own; "" is the server as a whole.
var healthNames = []string{
	"",
	cachev1.CacheService_ServiceDesc.ServiceName,
	clusterv1.TopologyService_ServiceDesc.ServiceName,
	clusterv1.AdminService_ServiceDesc.ServiceName,
}

// Check tells the health of one service.
func (h *healthService) Check(_ context.Context, r *healthpb.HealthCheckRequest) (*healthpb.HealthCheckResponse, error) {
	st := h.of(r.GetService())
	if st == healthpb.HealthCheckResponse_SERVICE_UNKNOWN {
		return nil, status.Errorf(codes.NotFound, "service %q is not one of this server", r.GetService())
	}
	return &healthpb.HealthCheckResponse{Status: st}, nil
}

// List tells the health of every service.
func (h *healthService) List(context.Context, *healthpb.HealthListRequest) (*healthpb.HealthListResponse, error) {
	statuses := map[string]*healthpb.HealthCheckResponse{}
	for _, name := range healthNames {
		statuses[name] = &healthpb.HealthCheckResponse{Status: h.of(name)}
	}
	return &healthpb.HealthListResponse{Statuses: statuses}, nil
}

// Watch sends the health of one service at once, and again whenever it has changed.
func (h *healthService) Watch(r *healthpb.HealthCheckRequest, stream healthpb.Health_WatchServer) error {
	last := healthpb.HealthCheckResponse_ServingStatus(-1)
	for {
		changed := h.s.router.Changed()
		if st := h.of(r.GetService()); st != last {
			if err := stream.Send(&healthpb.HealthCheckResponse{Status: st}); err != nil {
				return err
			}
			last = st
		}
		select {
		case <-changed:
		case <-stream.Context().Done():
			return stream.Context().Err()
		case <-h.s.stopping:
			if err := stream.Send(&healthpb.HealthCheckResponse{Status: h.of(r.GetService())}); err != nil {
				return err
			}
			return apierr.New(apierr.KindShutdown, "this node is shutting down; watch another node")
		}
	}
}

func (h *healthService) of(service string) healthpb.HealthCheckResponse_ServingStatus {
	serving := true
	switch service {
	case "", cachev1.CacheService_ServiceDesc.ServiceName:
		v := h.s.router.View()
		serving = v.ClusterID != "" && v.Map.Complete() && !h.s.loading()
	case clusterv1.TopologyService_ServiceDesc.ServiceName, clusterv1.AdminService_ServiceDesc.ServiceName:
	default:
		return healthpb.HealthCheckResponse_SERVICE_UNKNOWN
	}
	select {
	case <-h.s.stopping:
		serving = false
	default:
	}
	if serving {
		return healthpb.HealthCheckResponse_SERVING
	}
	return healthpb.HealthCheckResponse_NOT_SERVING
}
