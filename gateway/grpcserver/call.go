package grpcserver

import (
	"context"
	"time"

	"github.com/holtcache/holt/gateway/router"
	"github.com/holtcache/holt/proto/apierr"
	cachev1 "github.com/holtcache/holt/proto/holt/cache/v1"
	"github.com/holtcache/holt/proto/slot"
)

// call is one checked request on its way to its reply.
type call struct {
	request any // as it came, for forwarding
	op      operation
	slot    slot.ID
	// reads tells that the call only reads: it is served from memory, and may be repeated whatever became of it.
	reads     bool
	ack       router.Ack
	read      router.ReadMode
	noForward bool
	// id names the write to all attempts at it until its end; until 0: it has no id.
	id    router.RequestID
	until int64
	// asked tells whether the client was told to come here by an error of kind "ask".
	asked router.Asked
	// handed is the shard that the slot is being handed over to, as the shard that serves it has said; 0: it has not.
	handed slot.ShardID
	// noStale: a stale read was refused here because the slot is on its way, and goes to a leader.
	noStale bool
	// hold is until when the call waits for a leader, commit until when for its reply.
	hold, commit time.Time
}

// errLoading is the answer of a node that is loading its data.
var errLoading = apierr.New(apierr.KindLoading, "this node is loading its data; not applied, retry, or call another node")

// newCall checks a request and fixes its deadlines, which count from now.
func (s *Server) newCall(ctx context.Context, request any) (*call, error) {
	op, options, err := s.parse(request)
	if err != nil {
		return nil, err
	}
	c := &call{request: request, op: op, slot: slot.Of(op.key()), noForward: options.GetNoForward()}
	if options.GetAsking() {
		c.asked = router.AskedHere
	}
	if err := c.name(options); err != nil {
		return nil, err
	}
	if err := c.choose(options, s.defaults()); err != nil {
		return nil, err
	}
	switch op := op.(type) {
	case *getOp:
		c.reads = true
	case *batchOp:
		c.reads = op.reads
	}
	if c.bound(ctx); time.Until(c.commit) <= 0 {
		return nil, c.fail(apierr.New(apierr.KindDeadline, "the call arrived at its deadline or later; not applied, retry with more time"), 0, router.Node{})
	}
	return c, nil
}

// choose takes ack and read mode from the options, or else from the defaults.
func (c *call) choose(options *cachev1.CallOptions, otherwise Defaults) error {
	switch options.GetAckMode() {
	case cachev1.AckMode_ACK_MODE_UNSPECIFIED:
		c.ack = otherwise.Ack
	case cachev1.AckMode_ACK_MODE_MAJORITY:
		c.ack = router.AckMajority
	case cachev1.AckMode_ACK_MODE_ASYNC:
		c.ack = router.AckAsync
	default:
		return invalid("ack_mode: %d is not known to this server", options.GetAckMode())
	}
	switch options.GetReadMode() {
	case cachev1.ReadMode_READ_MODE_UNSPECIFIED:
		c.read = otherwise.ReadMode
	case cachev1.ReadMode_READ_MODE_LEASE:
		c.read = router.ReadLease
	case cachev1.ReadMode_READ_MODE_INDEX:
		c.read = router.ReadIndex
	case cachev1.ReadMode_READ_MODE_STALE:
		c.read = router.ReadStale
	default:
		return invalid("read_mode: %d is not known to this server", options.GetReadMode())
	}
	return nil
}

const (
	// answerShare and answerMax say how long before its caller's deadline a call is given up: one part in so many of the
	// time left, at most so long. The answer, which says what became of a write, is worth more in time.
	answerShare = 10
	answerMax   = 20 * time.Millisecond
)

// bound fixes the deadlines.
func (c *call) bound(ctx context.Context) {
	now := time.Now()
	c.hold, c.commit = now.Add(router.HoldMax), now.Add(router.CommitMax)
	if deadline, ok := ctx.Deadline(); ok {
		left := deadline.Sub(now)
		last := now.Add(left - min(max(left, 0)/answerShare, answerMax))
		c.hold, c.commit = earlier(c.hold, last), earlier(c.commit, last)
	}
}

func earlier(a, b time.Time) time.Time {
	if a.Before(b) {
		return a
	}
	return b
}

// fail is an error of the call; shard and leader are zero where they are not known.
func (c *call) fail(err error, shard slot.ShardID, leader router.Node) error {
	return &failure{err: apierr.Of(err), reads: c.reads, slot: c.slot, hasSlot: true, shard: shard, leader: leader}
}

// notLeader is the answer of a node that does not lead the shard and must not forward.
func (c *call) notLeader(shard slot.ShardID, leader *router.Node) error {
	if leader == nil {
		return c.fail(apierr.New(apierr.KindNotLeader, "shard %d: not the leader; not applied, retry at another node", shard), shard, router.Node{})
	}
	err := apierr.New(apierr.KindNotLeader, "shard %d: not the leader; leader is %s at %s; not applied, retry there", shard, leader.ID, leader.GRPC)
	err.Addr = leader.GRPC
	return c.fail(err, shard, *leader)
}

// answer is the reply to a call that was done.
func (c *call) answer(shard slot.ShardID, acked router.Ack) any {
	h := &cachev1.ReplyHeader{
		Version:    c.op.version(),
		AckReached: cachev1.AckMode_ACK_MODE_MAJORITY,
		ShardId:    uint64(shard),
	}
	if acked == router.AckAsync {
		h.AckReached = cachev1.AckMode_ACK_MODE_ASYNC
	}
	return c.op.reply(h)
}
