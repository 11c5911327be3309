package grpcserver

import (
	"context"
	"errors"
	"fmt"

	"google.golang.org/grpc"
	"google.golang.org/grpc/peer"

	"github.com/holtcache/holt/gateway/router"
	"github.com/holtcache/holt/proto/apierr"
	nodev1 "github.com/holtcache/holt/proto/holt/node/v1"
	"github.com/holtcache/holt/proto/slot"
)

// Forwarder carries a call to the node that leads its shard.
type Forwarder interface {
	// Forward calls NodeService.Forward of the leader. An error that is ErrNotSent says that the request never left this
	// node, a status with an ErrorDetail is the leader's answer, and after any other error the leader may have served it.
	Forward(ctx context.Context, leader router.Node, request *nodev1.ForwardRequest) (*nodev1.ForwardResponse, error)
}

// ErrNotSent says that a forwarded call never left this node.
var ErrNotSent = errors.New("the call was not sent")

// SendForward calls NodeService.Forward over a connection and tells with ErrNotSent whether the request has left. The
// connection must not be one that repeats calls on its own (a retry policy in its service config).
func SendForward(ctx context.Context, conn grpc.ClientConnInterface, request *nodev1.ForwardRequest) (*nodev1.ForwardResponse, error) {
	var to peer.Peer // set once the call has been given a connection
	response, err := nodev1.NewNodeServiceClient(conn).Forward(ctx, request, grpc.Peer(&to))
	if err != nil && to.Addr == nil && detailOf(err) == nil {
		return nil, fmt.Errorf("%w: %w", ErrNotSent, err)
	}
	return response, err
}

// errResponse means that a node answered with something else than the response to the request.
var errResponse = apierr.New(apierr.KindInternal, "the leader's answer is of another kind than the call; outcome unknown, read before you retry")

// forward has the leader do the call.
func (s *Server) forward(ctx context.Context, c *call, shard slot.ShardID, leader router.Node) (any, error) {
	ctx, cancel := context.WithDeadline(ctx, c.commit)
	defer cancel()
	request := forwardRequest(uint64(shard), c.request)
	request.Asking = c.asked == router.AskedHere || c.handed == shard
	f, err := s.cfg.Forward.Forward(ctx, leader, request)
	switch {
	case err == nil:
		if response := forwardedResponse(f); response != nil {
			return response, nil
		}
		return nil, c.fail(errResponse, shard, leader)
	case errors.Is(err, ErrNotSent):
		return nil, again{fmt.Errorf("shard %d: leader %s can't be reached at %s: %w", shard, leader.ID, leader.Cluster, err)}
	case refused(err):
		return nil, again{err}
	case detailOf(err) != nil:
		return nil, err // the leader's own answer
	case c.reads:
		return nil, again{fmt.Errorf("shard %d: leader %s at %s gave no answer: %w", shard, leader.ID, leader.Cluster, err)}
	}
	return nil, c.fail(apierr.New(apierr.KindUnknownOutcome, "shard %d: leader %s gave no answer to the forwarded call; outcome unknown, read before you retry: %w", shard, leader.ID, err), shard, leader)
}

// ServeForward does a call that another node has forwarded. It never forwards again: unless this node leads the shard
// it answers "not-leader", and the other node looks for the leader anew.
func (s *Server) ServeForward(ctx context.Context, f *nodev1.ForwardRequest) (response *nodev1.ForwardResponse, err error) {
	defer s.recover(nodev1.NodeService_Forward_FullMethodName, &err)
	c, err := s.newCall(ctx, forwardedRequest(f))
	if err != nil {
		return nil, statusError(err)
	}
	if f.GetAsking() {
		c.asked = router.AskedHere
	}
	replica, err := s.arrived(ctx, c, slot.ShardID(f.GetShardId()))
	if err != nil {
		return nil, err
	}
	answer, err := s.local(ctx, c, replica)
	if err != nil {
		return nil, statusError(err)
	}
	return forwardResponse(answer), nil
}

// arrived finds the replica of this node that serves a forwarded call, and waits until it does where the slot is being handed
// over to it.
func (s *Server) arrived(ctx context.Context, c *call, shard slot.ShardID) (router.Replica, error) {
	target, known := s.router.Find(c.slot, c.asked)
	if target.Shard != shard && c.asked == router.NotAsked {
		return nil, c.fail(apierr.New(apierr.KindNotOwned, "slot %d is not served by shard %d; not applied, ask for the slot map again", c.slot, shard), shard, router.Node{})
	}
	if s.loading() {
		return nil, c.fail(errLoading, shard, router.Node{})
	}
	if replica, here := s.stale(c); here && c.asked == router.NotAsked {
		return replica, nil
	}
	if !known || target.Replica == nil {
		return nil, c.notLeader(shard, target.Leader)
	}
	if err := s.router.Arrive(ctx, target, c.slot, c.hold); err != nil {
		return nil, s.failAt(c, target.Shard, err)
	}
	return target.Replica, nil
}
