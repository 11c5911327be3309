package grpcserver

import (
	"context"
	"errors"
	"io"
	"time"

	"github.com/holtcache/holt/gateway/router"
	"github.com/holtcache/holt/proto/apierr"
	cachev1 "github.com/holtcache/holt/proto/holt/cache/v1"
	"github.com/holtcache/holt/proto/slot"
)

const (
	// progressDefault is how often a watcher is told how far it has come while nothing changes; progressMin and progressMax
	// bound what it may ask for.
	progressDefault = time.Second
	progressMin     = 10 * time.Millisecond
	progressMax     = time.Minute
	// watchedKeysMax bounds the keys of one watch: more are a prefix, or slots.
	watchedKeysMax = 1024
)

// Watch sends the changes of keys. Send blocks while the client does not read; meanwhile nothing is kept for it.
func (c *cacheService) Watch(request *cachev1.WatchRequest, stream cachev1.CacheService_WatchServer) error {
	s := c.s
	if err := s.checkWatch(request); err != nil {
		return err
	}
	if err := s.mayWatch(stream.Context(), request); err != nil {
		return err
	}
	if s.watches.Add(1) > int64(s.limits.Watches) {
		s.watches.Add(-1)
		return apierr.New(apierr.KindBusy, "%d streams watch this node already (limit Watches); retry later, or watch more with each", s.limits.Watches)
	}
	defer s.watches.Add(-1)
	changes, err := s.openWatch(request)
	if err != nil {
		return err
	}
	defer changes.Close()
	interval := progressDefault
	if asked := request.GetProgressIntervalMs(); asked != 0 {
		interval = min(max(time.Duration(asked)*time.Millisecond, progressMin), progressMax)
	}
	return s.watch(stream, changes, interval)
}

// watch sends until the stream ends, nothing more can come, or the server stops.
func (s *Server) watch(stream cachev1.CacheService_WatchServer, changes router.Changes, interval time.Duration) error {
	ctx, cancel := context.WithCancel(stream.Context())
	stopped := make(chan struct{})
	go func() {
		defer close(stopped)
		select {
		case <-s.stopping:
			cancel()
		case <-ctx.Done():
		}
	}()
	defer func() {
		cancel()
		<-stopped
	}()
	if err := stream.Send(changes.Progress()); err != nil {
		return err
	}
	for {
		response, err := nextWithin(ctx, changes, interval)
		switch {
		case err == nil:
		case errors.Is(err, io.EOF):
			return nil
		case stream.Context().Err() != nil:
			return stream.Context().Err()
		case ctx.Err() != nil:
			return apierr.New(apierr.KindShutdown, "this node is shutting down; watch at the next leader")
		default:
			return err
		}
		if err := s.readable(ctx, response); err != nil {
			return err
		}
		if err := stream.Send(response); err != nil {
			return err
		}
	}
}

// nextWithin is the next changes, or where none come in time how far the watcher has come.
func nextWithin(ctx context.Context, changes router.Changes, interval time.Duration) (*cachev1.WatchResponse, error) {
	within, cancel := context.WithTimeout(ctx, interval)
	defer cancel()
	response, err := changes.Next(within)
	if errors.Is(err, context.DeadlineExceeded) && ctx.Err() == nil {
		return changes.Progress(), nil
	}
	return response, err
}

func (s *Server) openWatch(request *cachev1.WatchRequest) (router.Changes, error) {
	id := slot.ShardID(request.GetShardId())
	fail := func(err *apierr.Error, leader router.Node) error {
		return &failure{err: err, reads: true, shard: id, leader: leader}
	}
	if s.loading() {
		return nil, fail(errLoading, router.Node{})
	}
	target, known := s.router.Leader(id)
	switch {
	case !known:
		return nil, fail(apierr.New(apierr.KindClusterDown, "no leader is known for shard %d; retry", id), router.Node{})
	case target.Leader != nil:
		err := apierr.New(apierr.KindNotLeader, "shard %d: not the leader; leader is %s at %s; watch there", id, target.Leader.ID, target.Leader.GRPC)
		err.Addr = target.Leader.GRPC
		return nil, fail(err, *target.Leader)
	}
	replica, ok := target.Replica.(router.Watchable)
	if !ok {
		return nil, fail(apierr.New(apierr.KindUnsupported, "a gateway watches nothing; watch at the leader of shard %d", id), router.Node{})
	}
	changes, err := replica.Watch(request)
	if err != nil {
		return nil, fail(apierr.Of(err), router.Node{})
	}
	return changes, nil
}

// checkWatch checks a request.
func (s *Server) checkWatch(request *cachev1.WatchRequest) error {
	ranges := request.GetSlots()
	if request.GetShardId() == 0 {
		return invalid("shard_id: name the shard")
	}
	if len(ranges) == 0 || len(ranges) > slot.Count {
		return invalid("slots: 1 to %d ranges, not %d", slot.Count, len(ranges))
	}
	for _, r := range ranges {
		if r.GetFirst() > r.GetLast() || r.GetLast() >= slot.Count {
			return invalid("slots: %d-%d is no range of slots", r.GetFirst(), r.GetLast())
		}
	}
	keys := request.GetKeys()
	if len(keys) > watchedKeysMax {
		return invalid("keys: %d, more than %d; watch a prefix, or slots", len(keys), watchedKeysMax)
	}
	if len(keys) > 0 && len(request.GetPrefix()) > 0 {
		return invalid("keys, prefix: set one of them")
	}
	for _, key := range append(keys[:len(keys):len(keys)], request.GetPrefix()) {
		if len(key) > s.limits.Data.KeyBytesMax {
			return invalid("a key has %d bytes, more than %d", len(key), s.limits.Data.KeyBytesMax)
		}
	}
	if at, set := request.GetStart().(*cachev1.WatchRequest_ResumeToken); set && len(at.ResumeToken) == 0 {
		return invalid("resume_token: it is empty")
	}
	return nil
}
