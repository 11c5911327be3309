package grpcserver

import (
	"context"
	"testing"

	"google.golang.org/grpc/codes"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/status"

	"github.com/holtcache/holt/gateway/router"
	"github.com/holtcache/holt/proto/slot"
)

const (
	cacheName    = "holt.cache.v1.CacheService"
	topologyName = "holt.cluster.v1.TopologyService"
	adminName    = "holt.cluster.v1.AdminService"
)

func TestHealthTellsReadinessAndLivenessApart(t *testing.T) {
	n := start(t, 2, Limits{})[0]
	ctx := within(t, testTime)
	check := func(when string, ready healthpb.HealthCheckResponse_ServingStatus) {
		t.Helper()
		list := must[*healthpb.HealthListResponse](t)(n.health.List(ctx, &healthpb.HealthListRequest{}))
		for name, want := range map[string]healthpb.HealthCheckResponse_ServingStatus{
			"": ready, cacheName: ready,
			topologyName: healthpb.HealthCheckResponse_SERVING, adminName: healthpb.HealthCheckResponse_SERVING,
		} {
			got := must[*healthpb.HealthCheckResponse](t)(n.health.Check(ctx, &healthpb.HealthCheckRequest{Service: name}))
			if got.Status != want || list.Statuses[name].GetStatus() != want {
				t.Errorf("%s: service %q: got %v and %v, want %v", when, name, got.Status, list.Statuses[name], want)
			}
		}
	}
	check("running", healthpb.HealthCheckResponse_SERVING)
	n.cluster.change(func(v *router.View) { v.Shards[0].Leader, v.Shards[1].Leader = "", "" })
	check("failover", healthpb.HealthCheckResponse_SERVING)
	part, err := slot.NewMap(2, []slot.Assignment{{Range: slot.Range{First: 0, Last: slot.Count - 2}, Shard: 1}})
	if err != nil {
		t.Fatal(err)
	}
	n.cluster.change(func(v *router.View) { v.Map = part })
	check("a slot without owner", healthpb.HealthCheckResponse_NOT_SERVING)
	n.cluster.change(func(v *router.View) { v.ClusterID = "" })
	check("no cluster", healthpb.HealthCheckResponse_NOT_SERVING)
	_, err = n.health.Check(ctx, &healthpb.HealthCheckRequest{Service: "nothing"})
	if status.Code(err) != codes.NotFound {
		t.Errorf("unknown service: %v", err)
	}
}

func TestHealthWatchFollowsTheServer(t *testing.T) {
	n := start(t, 2, Limits{})[0]
	watch := func(service string) func() healthpb.HealthCheckResponse_ServingStatus {
		stream, err := n.health.Watch(within(t, testTime), &healthpb.HealthCheckRequest{Service: service})
		if err != nil {
			t.Fatal(err)
		}
		return func() healthpb.HealthCheckResponse_ServingStatus {
			t.Helper()
			return must[*healthpb.HealthCheckResponse](t)(stream.Recv()).Status
		}
	}
	if got := watch("nothing")(); got != healthpb.HealthCheckResponse_SERVICE_UNKNOWN {
		t.Errorf("unknown service: %v", got)
	}
	overall, admin := watch(""), watch(adminName)
	if a, b := overall(), admin(); a != healthpb.HealthCheckResponse_SERVING || b != a {
		t.Fatalf("got %v, %v", a, b)
	}
	n.cluster.change(func(v *router.View) { v.ClusterID = "" })
	if got := overall(); got != healthpb.HealthCheckResponse_NOT_SERVING {
		t.Fatalf("without cluster: %v", got)
	}
	ctx, cancel := context.WithTimeout(context.Background(), testTime)
	defer cancel()
	n.server.Stop(ctx)
	if got := admin(); got != healthpb.HealthCheckResponse_NOT_SERVING {
		t.Fatalf("stopping: %v", got)
	}
}
