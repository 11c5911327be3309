package grpcserver

import (
	"context"
	"fmt"

	cachev1 "github.com/holtcache/holt/proto/holt/cache/v1"
)

// invoke calls the method of a request.
func invoke(ctx context.Context, n *node, request any) (any, error) {
	switch r := request.(type) {
	case *cachev1.GetRequest:
		return n.cache.Get(ctx, r)
	case *cachev1.SetRequest:
		return n.cache.Set(ctx, r)
	case *cachev1.DeleteRequest:
		return n.cache.Delete(ctx, r)
	case *cachev1.ExpireRequest:
		return n.cache.Expire(ctx, r)
	case *cachev1.IncrementRequest:
		return n.cache.Increment(ctx, r)
	case *cachev1.BatchRequest:
		return n.cache.Batch(ctx, r)
	}
	return nil, fmt.Errorf("no method takes %T", request)
}

// everyRequest is one request of each method on a key.
func everyRequest(key []byte, options *cachev1.CallOptions) []any {
	return []any{
		&cachev1.SetRequest{Key: key, Value: []byte("1"), Options: options},
		&cachev1.GetRequest{Key: key, Options: options},
		&cachev1.IncrementRequest{Key: key, Delta: &cachev1.IncrementRequest_IntDelta{IntDelta: 1}, Options: options},
		&cachev1.ExpireRequest{Key: key, Expiry: &cachev1.ExpireRequest_TtlMs{TtlMs: 1 << 30}, Options: options},
		&cachev1.BatchRequest{Ops: []*cachev1.BatchOp{{Op: &cachev1.BatchOp_Get{Get: &cachev1.GetRequest{Key: key}}}}, Options: options},
		&cachev1.DeleteRequest{Key: key, Options: options},
	}
}
