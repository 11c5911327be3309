package router

import (
	"context"

	cachev1 "github.com/holtcache/holt/proto/holt/cache/v1"
	"github.com/holtcache/holt/proto/slot"
)

// Watchable is a replica whose changes can be watched. One of another node can not.
type Watchable interface {
	Replica
	// Watch begins to watch what a request asks for, which was checked. The error is an *apierr.Error.
	Watch(request *cachev1.WatchRequest) (Changes, error)
}

// Changes is what one watcher is told. One goroutine uses it.
type Changes interface {
	// Next returns changes once there are any. The error is ctx's, an *apierr.Error, or io.EOF where nothing more will come.
	Next(ctx context.Context) (*cachev1.WatchResponse, error)
	// Progress is a response that only tells how far the watcher has come.
	Progress() *cachev1.WatchResponse
	Close()
}

// Leader says who leads a shard now; ok is false where nobody is known to.
func (r *Router) Leader(shard slot.ShardID) (t Target, ok bool) {
	return r.leaderOf(r.cluster.View(), shard)
}
