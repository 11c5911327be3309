package grpcserver

import (
	"context"
	"time"

	"github.com/holtcache/holt/gateway/ops"
	"github.com/holtcache/holt/gateway/router"
	"github.com/holtcache/holt/proto/apierr"
	cachev1 "github.com/holtcache/holt/proto/holt/cache/v1"
	"github.com/holtcache/holt/proto/slot"
)

// again wraps an error after which the call may be routed once more: nothing of it was applied, or it only reads.
type again struct{ error }

func (a again) Unwrap() error { return a.error }

// rerouteEvery is how long a call that was refused waits before it is routed again when nothing is heard of a change.
const rerouteEvery = 20 * time.Millisecond

// serve does a client's call, here or at the leader, and routes it again while nothing was applied and it may be held.
func (s *Server) serve(ctx context.Context, request any) (any, error) {
	c, err := s.newCall(ctx, request)
	if err != nil {
		return nil, err
	}
	for {
		changed := s.router.Changed()
		response, err := s.attempt(ctx, c)
		refused, retry := err.(again)
		if !retry {
			return response, err
		}
		if c.follow(refused) {
			continue
		}
		if !c.await(ctx, changed) {
			return nil, c.down(refused)
		}
	}
}

// attempt serves the call where the router says now.
func (s *Server) attempt(ctx context.Context, c *call) (any, error) {
	if s.loading() && !s.servedElsewhere(c) {
		return nil, c.fail(errLoading, 0, router.Node{})
	}
	if replica, here := s.stale(c); here {
		return s.local(ctx, c, replica)
	}
	target, down := s.target(ctx, c)
	switch {
	case down != nil && isMoved(down.Kind):
		return nil, again{s.failAt(c, target.Shard, down)}
	case down != nil:
		return nil, c.fail(down, target.Shard, router.Node{})
	case target.Replica != nil:
		return s.local(ctx, c, target.Replica)
	case c.noForward && target.Ask:
		return nil, s.failAt(c, target.Shard, apierr.AskShard(c.slot, target.Shard))
	case c.noForward:
		return nil, c.notLeader(target.Shard, target.Leader)
	}
	return s.forward(ctx, c, target.Shard, *target.Leader)
}

// target finds who serves the call: the shard that the slot is being handed over to, where it has been refused for that, or
// else the one that has it by the slot map.
func (s *Server) target(ctx context.Context, c *call) (router.Target, *apierr.Error) {
	if c.handed != 0 {
		if t, ok := s.router.Handed(c.handed); ok {
			return t, s.router.Arrive(ctx, t, c.slot, c.hold)
		}
	}
	return s.router.Await(ctx, c.slot, c.asked, c.hold)
}

// follow takes from a refusal who is being handed the slot, and tells whether the call is to go there at once: the first time
// that it hears of it.
func (c *call) follow(refused again) bool {
	d := detailOf(refused.error)
	if d.GetKind() != apierr.KindAsk.String() || c.noForward {
		c.handed = 0 // whoever was to have it does not; the slot map tells who does
		return false
	}
	before := c.handed
	c.handed = slot.ShardID(d.GetShardId())
	return c.handed != before && before == 0
}

// servedElsewhere tells whether another node is known to lead the shard of the call.
func (s *Server) servedElsewhere(c *call) bool {
	t, known := s.router.Find(c.slot, c.asked)
	return known && t.Leader != nil
}

// stale finds a replica of this node for a stale read.
func (s *Server) stale(c *call) (router.Replica, bool) {
	if !c.reads || c.read != router.ReadStale || c.noStale {
		return nil, false
	}
	return s.router.Stale(c.slot)
}

// await waits until something has changed, or for a while; false means that the call must not be held any longer.
func (c *call) await(ctx context.Context, changed <-chan struct{}) bool {
	left := time.Until(c.hold)
	if left <= 0 || ctx.Err() != nil {
		return false
	}
	timer := time.NewTimer(min(left, rerouteEvery))
	defer timer.Stop()
	select {
	case <-changed:
	case <-timer.C:
	case <-ctx.Done():
		return false
	}
	return time.Until(c.hold) > 0
}

// down is the answer to a call that was refused until it could not be held any longer. Whoever must not be forwarded for is
// told where the slot is being handed over to.
func (c *call) down(refused again) error {
	kind := apierr.KindClusterDown
	switch last, _ := apierr.ByName(detailOf(refused.error).GetKind()); {
	case last == apierr.KindAsk && c.noForward:
		return refused.error
	case last == apierr.KindAsk, last == apierr.KindImporting:
		kind = apierr.KindTryAgain
	}
	return c.fail(apierr.New(kind, "slot %d: no leader served the call in time; not applied, retry; last answer: %w", c.slot, refused), 0, router.Node{})
}

// local does the call on a replica of this node.
func (s *Server) local(ctx context.Context, c *call, replica router.Replica) (any, error) {
	var response any
	var err error
	if c.reads {
		if err = c.readOn(ctx, replica); err == nil {
			s.countLookups(c)
			response = c.answer(replica.Shard(), router.AckMajority)
		}
	} else {
		response, err = c.writeOn(replica)
	}
	if err == nil {
		return response, nil
	}
	if err = s.failAt(c, replica.Shard(), apierr.Of(err)); refused(err) {
		c.noStale = true // the slot may be on its way: a leader knows where
		return nil, again{err}
	}
	return nil, err
}

// failAt is an error of the call at a replica of a shard. One of a slot that is handed over is about the shard that gets it,
// and names its leader.
func (s *Server) failAt(c *call, shard slot.ShardID, err *apierr.Error) error {
	if err.Kind != apierr.KindAsk || err.Shard == 0 {
		return c.fail(err, shard, router.Node{})
	}
	var leader router.Node
	if t, ok := s.router.Handed(err.Shard); ok && t.Leader != nil {
		leader = *t.Leader
	} else if ok {
		leader, _ = s.router.View().Node(s.router.View().Self)
	}
	return c.fail(err, err.Shard, leader)
}

func (c *call) readOn(ctx context.Context, replica router.Replica) error {
	ctx, cancel := context.WithDeadline(ctx, c.commit)
	defer cancel()
	var failed error
	if err := replica.Read(ctx, c.slot, c.read, func(r ops.Reader) { failed = c.op.evaluate(r, nil) }); err != nil {
		return err
	}
	return failed
}

func (c *call) writeOn(replica router.Replica) (any, error) {
	var failed error
	op := router.Op{Slot: c.slot, Ack: c.ack, ID: c.id, Until: c.until}
	op.Do = func(tx ops.Tx) {
		if failed = c.op.evaluate(tx, tx); c.until != 0 {
			op.Result = c.result(replica.Shard(), failed)
		}
	}
	flight := replica.NewFlight()
	if err := flight.Submit(&op); err != nil {
		return nil, err
	}
	flight.Wait(c.commit)
	switch {
	case op.Err != nil:
		return nil, op.Err
	case op.Repeated:
		return remembered(op.Result)
	case failed != nil:
		return nil, failed
	}
	return c.answer(replica.Shard(), op.Acked), nil
}

// refused tells whether the answer of a replica, here or at the leader, says that another one has to serve the call and
// that nothing of it was applied.
func refused(err error) bool {
	d := detailOf(err)
	if d == nil || d.GetOutcome() != cachev1.Outcome_OUTCOME_NOT_APPLIED {
		return false
	}
	kind, _ := apierr.ByName(d.GetKind())
	return isMoved(kind)
}

// isMoved tells whether an error of this kind says so.
func isMoved(kind apierr.Kind) bool {
	switch kind {
	case apierr.KindNotLeader, apierr.KindNotOwned, apierr.KindAsk, apierr.KindImporting, apierr.KindShutdown, apierr.KindLoading:
		return true
	}
	return false
}
