package grpcserver

import (
	"context"
	"slices"

	"github.com/holtcache/holt/gateway/command"
	cachev1 "github.com/holtcache/holt/proto/holt/cache/v1"
)

// mayWatch refuses a watch of keys that its user may not read. Of a prefix, or of slots, he is told what he may read.
func (s *Server) mayWatch(ctx context.Context, request *cachev1.WatchRequest) error {
	return s.mayTouch(ctx, s.commands.get, command.KeyAccess, request.GetKeys()...)
}

// readable leaves in a response what its user may read by now; an error ends the stream of one who is not any more.
func (s *Server) readable(ctx context.Context, response *cachev1.WatchResponse) error {
	u := s.userOf(ctx)
	if u == nil {
		return errGone
	}
	response.Events = slices.DeleteFunc(response.GetEvents(), func(e *cachev1.WatchEvent) bool {
		return len(e.GetKey()) > 0 && u.CheckKeys(s.commands.get, command.KeyAccess, e.GetKey()).Reason != 0
	})
	return nil
}
