package grpcserver

import (
	"context"

	cachev1 "github.com/holtcache/holt/proto/holt/cache/v1"
)

// cacheService is CacheService.
type cacheService struct {
	cachev1.UnimplementedCacheServiceServer
	s *Server
}

var _ cachev1.CacheServiceServer = (*cacheService)(nil)

// Get reads the value of a key.
func (c *cacheService) Get(ctx context.Context, r *cachev1.GetRequest) (*cachev1.GetResponse, error) {
	return unary[*cachev1.GetResponse](ctx, c.s, r)
}

// Set gives a key a value.
func (c *cacheService) Set(ctx context.Context, r *cachev1.SetRequest) (*cachev1.SetResponse, error) {
	return unary[*cachev1.SetResponse](ctx, c.s, r)
}

// Delete deletes a key.
func (c *cacheService) Delete(ctx context.Context, r *cachev1.DeleteRequest) (*cachev1.DeleteResponse, error) {
	return unary[*cachev1.DeleteResponse](ctx, c.s, r)
}

// Expire changes the expiry of a key.
func (c *cacheService) Expire(ctx context.Context, r *cachev1.ExpireRequest) (*cachev1.ExpireResponse, error) {
	return unary[*cachev1.ExpireResponse](ctx, c.s, r)
}

// Increment adds to the number that a key holds.
func (c *cacheService) Increment(ctx context.Context, r *cachev1.IncrementRequest) (*cachev1.IncrementResponse, error) {
	return unary[*cachev1.IncrementResponse](ctx, c.s, r)
}

// Batch does several operations on keys of one slot as one.
func (c *cacheService) Batch(ctx context.Context, r *cachev1.BatchRequest) (*cachev1.BatchResponse, error) {
	return unary[*cachev1.BatchResponse](ctx, c.s, r)
}

// Pipeline carries many independent calls on one stream.
func (c *cacheService) Pipeline(stream cachev1.CacheService_PipelineServer) error {
	return c.s.servePipeline(stream)
}

// unary serves a request whose response is of type R.
func unary[R any](ctx context.Context, s *Server, request any) (response R, err error) {
	answer, err := s.serveUser(ctx, request)
	if err != nil {
		return response, err
	}
	response, ok := answer.(R)
	if !ok { // a leader that answers something else
		return response, errResponse
	}
	return response, nil
}
