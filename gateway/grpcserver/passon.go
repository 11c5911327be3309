package grpcserver

import (
	"context"
	"fmt"

	"google.golang.org/grpc"
	"google.golang.org/grpc/peer"
	"google.golang.org/protobuf/proto"

	cachev1 "github.com/holtcache/holt/proto/holt/cache/v1"
	nodev1 "github.com/holtcache/holt/proto/holt/node/v1"
)

// PassOn sends a forwarded call as a client's to CacheService of the leader, for servers that are no nodes. The leader does not forward
// it again. It tells with ErrNotSent whether the request has left, as SendForward does.
func PassOn(ctx context.Context, conn grpc.ClientConnInterface, request *nodev1.ForwardRequest) (*nodev1.ForwardResponse, error) {
	var to peer.Peer // set once the call has been given a connection
	answer, err := passOn(ctx, cachev1.NewCacheServiceClient(conn), forwardedRequest(request), request.GetAsking(), grpc.Peer(&to))
	if err != nil && to.Addr == nil && detailOf(err) == nil {
		return nil, fmt.Errorf("%w: %w", ErrNotSent, err)
	}
	if err != nil {
		return nil, err
	}
	return forwardResponse(answer), nil
}

func passOn(ctx context.Context, leader cachev1.CacheServiceClient, request any, asking bool, to grpc.CallOption) (any, error) {
	switch r := request.(type) {
	case *cachev1.GetRequest:
		return leader.Get(ctx, &cachev1.GetRequest{Key: r.GetKey(), Options: direct(r.GetOptions(), asking)}, to)
	case *cachev1.SetRequest:
		return leader.Set(ctx, &cachev1.SetRequest{
			Key: r.GetKey(), Value: r.GetValue(), Precondition: r.Precondition, Expiry: r.Expiry, ReturnPrevious: r.GetReturnPrevious(), Options: direct(r.GetOptions(), asking),
		}, to)
	case *cachev1.DeleteRequest:
		return leader.Delete(ctx, &cachev1.DeleteRequest{Key: r.GetKey(), IfVersion: r.IfVersion, ReturnPrevious: r.GetReturnPrevious(), Options: direct(r.GetOptions(), asking)}, to)
	case *cachev1.ExpireRequest:
		return leader.Expire(ctx, &cachev1.ExpireRequest{Key: r.GetKey(), Expiry: r.Expiry, Condition: r.GetCondition(), Options: direct(r.GetOptions(), asking)}, to)
	case *cachev1.IncrementRequest:
		return leader.Increment(ctx, &cachev1.IncrementRequest{Key: r.GetKey(), Delta: r.Delta, InitialTtlMs: r.InitialTtlMs, Options: direct(r.GetOptions(), asking)}, to)
	case *cachev1.BatchRequest:
		return leader.Batch(ctx, &cachev1.BatchRequest{Ops: r.GetOps(), Options: direct(r.GetOptions(), asking)}, to)
	}
	return nil, errResponse
}

// direct are a client's options for a leader, which is not to forward the call.
func direct(o *cachev1.CallOptions, asking bool) *cachev1.CallOptions {
	d := &cachev1.CallOptions{}
	proto.Merge(d, o)
	d.NoForward, d.Asking = true, asking
	return d
}
