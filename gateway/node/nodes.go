package node

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/backoff"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/keepalive"
	"google.golang.org/grpc/peer"
	"google.golang.org/grpc/status"

	"github.com/holtcache/holt/gateway/grpcserver"
	"github.com/holtcache/holt/gateway/router"
	"github.com/holtcache/holt/proto/apierr"
	cachev1 "github.com/holtcache/holt/proto/holt/cache/v1"
	nodev1 "github.com/holtcache/holt/proto/holt/node/v1"
	"github.com/holtcache/holt/proto/slot"
	"github.com/holtcache/holt/raftfsm/meta"
	"github.com/holtcache/holt/shard/executor"
	"github.com/holtcache/holt/shard/host"
	"github.com/holtcache/holt/shard/placement"
)

// nodes reaches other nodes by gRPC on their cluster ports. One connection is kept for each address, until nobody has used
// it for long: nodes that move leave their addresses behind.
type nodes struct {
	resolve func(id string) (addr string, ok bool)
	dial    func(ctx context.Context, addr string) (net.Conn, error)

	mu     sync.Mutex // protects the fields below
	conns  map[string]*nodeConn
	closed bool
}

type nodeConn struct {
	*grpc.ClientConn
	used time.Time
}

// connIdleMax is after how long without a new call a connection is closed: longer than any call.
const connIdleMax = 10 * time.Minute

var _ host.Nodes = (*nodes)(nil)

func newNodes(dial func(ctx context.Context, addr string) (net.Conn, error)) *nodes {
	return &nodes{dial: dial, conns: map[string]*nodeConn{}}
}

const (
	// messageBytesMax bounds a message between nodes: a forwarded call or its reply at the largest --max-value-bytes with what
	// surrounds it, all that one request has changed in a slot that is being handed over, or the meta state of a large cluster.
	messageBytesMax = 96 << 20
	// ValueBytesLimit bounds --max-value-bytes: a value travels in one log entry and in one message between nodes.
	ValueBytesLimit = 64 << 20
	// surroundBytesMax is what is beside a value in a request's changes, and beside those in a message: keys, other requests of
	// the batch, the rest of a chunk.
	surroundBytesMax = 8 << 20
)

// The limits hold each other: neither difference may be negative.
const (
	_ = uint(executor.RequestBytesMax - ValueBytesLimit - surroundBytesMax)
	_ = uint(messageBytesMax - executor.RequestBytesMax - surroundBytesMax)
)

// at returns a client for an address of a cluster port.
func (n *nodes) at(addr string) (nodev1.NodeServiceClient, error) {
	conn, err := n.conn(addr)
	if err != nil {
		return nil, err
	}
	return nodev1.NewNodeServiceClient(conn), nil
}

func (n *nodes) conn(addr string) (*grpc.ClientConn, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.closed {
		return nil, apierr.New(apierr.KindShutdown, "this node is shutting down; not applied")
	}
	if known, ok := n.conns[addr]; ok {
		known.used = time.Now()
		return known.ClientConn, nil
	}
	if err := n.sweepLocked(); err != nil {
		return nil, err
	}
	conn, err := grpc.NewClient("passthrough:///"+addr,
		grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithContextDialer(n.dial),
		grpc.WithConnectParams(grpc.ConnectParams{
			Backoff:           backoff.Config{BaseDelay: 50 * time.Millisecond, Multiplier: 1.5, Jitter: 0.2, MaxDelay: time.Second},
			MinConnectTimeout: time.Second,
		}),
		grpc.WithKeepaliveParams(keepalive.ClientParameters{Time: 10 * time.Second, Timeout: 3 * time.Second}),
		grpc.WithDefaultCallOptions(grpc.MaxCallRecvMsgSize(messageBytesMax), grpc.MaxCallSendMsgSize(messageBytesMax)),
	)
	if err != nil {
		return nil, fmt.Errorf("cluster port %s: %w", addr, err)
	}
	n.conns[addr] = &nodeConn{ClientConn: conn, used: time.Now()}
	return conn, nil
}

// sweepLocked closes the connections that nobody has used for long.
func (n *nodes) sweepLocked() error {
	var errs []error
	for addr, c := range n.conns {
		if time.Since(c.used) > connIdleMax {
			errs = append(errs, c.Close())
			delete(n.conns, addr)
		}
	}
	return errors.Join(errs...)
}

func (n *nodes) node(id string) (nodev1.NodeServiceClient, error) {
	addr, ok := n.resolve(id)
	if !ok {
		return nil, apierr.New(apierr.KindClusterDown, "the address of node %s is not known; not applied, retry", id)
	}
	return n.at(addr)
}

func (n *nodes) close() error {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.closed = true
	var errs []error
	for _, c := range n.conns {
		errs = append(errs, c.Close())
	}
	clear(n.conns)
	return errors.Join(errs...)
}

// Propose asks a node to commit a meta command.
func (n *nodes) Propose(ctx context.Context, id string, command []byte) (meta.Result, error) {
	client, err := n.node(id)
	if err != nil {
		return meta.Result{}, err
	}
	var to peer.Peer // set once the call has been given a connection
	reply, err := client.ProposeMeta(ctx, &nodev1.ProposeMetaRequest{Command: command}, grpc.Peer(&to))
	if err != nil {
		return meta.Result{}, fromStatus(err, to.Addr != nil)
	}
	return resultFromProto(reply), nil
}

// CommandVersion asks a node up to which version it knows meta commands. One that does not know the question is of a build from
// before there was an answer.
func (n *nodes) CommandVersion(ctx context.Context, id string) (uint32, error) {
	client, err := n.node(id)
	if err != nil {
		return 0, err
	}
	reply, err := client.GetVersions(ctx, &nodev1.GetVersionsRequest{})
	if err != nil {
		if status.Code(err) == codes.Unimplemented {
			return meta.VersionUnsaid, nil
		}
		return 0, readOnly(fromStatus(err, true))
	}
	return reply.CommandVersion, nil
}

// ReadMeta returns a node's meta state.
func (n *nodes) ReadMeta(ctx context.Context, id string, latest bool) ([]byte, error) {
	client, err := n.node(id)
	if err != nil {
		return nil, err
	}
	mode := cachev1.ReadMode_READ_MODE_STALE
	if latest {
		mode = cachev1.ReadMode_READ_MODE_INDEX
	}
	reply, err := client.ReadMeta(ctx, &nodev1.ReadMetaRequest{ReadMode: mode})
	if err != nil {
		return nil, readOnly(fromStatus(err, true))
	}
	return reply.State, nil
}

// readOnly is an error of a call that changes nothing, whatever became of it.
func readOnly(err error) error {
	e := apierr.Of(err)
	if cause := errors.Unwrap(e); e.Kind == apierr.KindUnknownOutcome && cause != nil {
		return apierr.New(apierr.KindClusterDown, "another node did not answer: %w; retry", cause)
	}
	if e.Result() == apierr.OutcomeUnknown {
		e.Outcome = apierr.OutcomeNotApplied
	}
	return e
}

// WatchMeta follows a node's meta state.
func (n *nodes) WatchMeta(ctx context.Context, id string, after uint64, got func([]byte) error) error {
	client, err := n.node(id)
	if err != nil {
		return err
	}
	stream, err := client.WatchMeta(ctx, &nodev1.WatchMetaRequest{AfterIndex: after})
	if err != nil {
		return readOnly(fromStatus(err, true))
	}
	for {
		change, err := stream.Recv()
		if err != nil {
			return readOnly(fromStatus(err, true))
		}
		if err := got(change.GetState()); err != nil {
			return err
		}
	}
}

// Transfer asks the leader of a shard to hand over.
func (n *nodes) Transfer(ctx context.Context, id string, shard slot.ShardID, term uint64, to string) error {
	client, err := n.node(id)
	if err != nil {
		return err
	}
	var there peer.Peer
	_, err = client.TransferLeadership(ctx, &nodev1.TransferLeadershipRequest{ShardId: uint64(shard), ToNodeId: to, Term: term}, grpc.Peer(&there))
	return fromStatus(err, there.Addr != nil)
}

// ChangeMembers asks the leader of a shard for one change of its group's members.
func (n *nodes) ChangeMembers(ctx context.Context, id string, shard slot.ShardID, term uint64, change placement.MemberChange) error {
	client, err := n.node(id)
	if err != nil {
		return err
	}
	var there peer.Peer
	_, err = client.ChangeMembers(ctx, &nodev1.ChangeMembersRequest{
		ShardId: uint64(shard), Term: term, Change: memberChanges[change.Kind], NodeId: change.Node, Index: change.Index,
	}, grpc.Peer(&there))
	return fromStatus(err, there.Addr != nil)
}

// Controller asks what a node's controller is about.
func (n *nodes) Controller(ctx context.Context, id string) (placement.Status, error) {
	client, err := n.node(id)
	if err != nil {
		return placement.Status{}, err
	}
	reply, err := client.GetController(ctx, &nodev1.GetControllerRequest{})
	if err != nil {
		return placement.Status{}, readOnly(fromStatus(err, true))
	}
	return placement.Status{Acting: reply.Acting, Waiting: reply.Waiting}, nil
}

// Replica asks for the state of a node's replica.
func (n *nodes) Replica(ctx context.Context, id string, shard slot.ShardID) (host.ReplicaStatus, error) {
	client, err := n.node(id)
	if err != nil {
		return host.ReplicaStatus{}, err
	}
	reply, err := client.GetReplicaStatus(ctx, &nodev1.GetReplicaStatusRequest{ShardIds: []uint64{uint64(shard)}})
	if err != nil {
		return host.ReplicaStatus{}, readOnly(fromStatus(err, true))
	}
	for _, r := range reply.Replicas {
		if r.ShardId == uint64(shard) {
			return host.ReplicaStatus{
				Shard: shard, Node: r.NodeId, Term: r.Term, Leader: r.LeaderNodeId, Serving: r.Serving, Last: r.LastIndex,
				Committed: r.CommittedIndex, Applied: r.AppliedIndex, Keys: int(r.Keys), CaughtUp: r.CaughtUpNodeIds,
				Voters: r.VoterNodeIds, Learners: r.LearnerNodeIds, MembersIndex: r.MembersIndex,
				Unsettled: r.NodeUnsettled,
			}, nil
		}
	}
	return host.ReplicaStatus{}, apierr.New(apierr.KindNotFound, "node %s has no replica of shard %d", id, shard)
}

// Forward sends a call to the leader of its shard. The error is the other node's, as it came.
func (n *nodes) Forward(ctx context.Context, leader router.Node, request *nodev1.ForwardRequest) (*nodev1.ForwardResponse, error) {
	conn, err := n.conn(leader.Cluster)
	if err != nil {
		return nil, errors.Join(grpcserver.ErrNotSent, err)
	}
	return grpcserver.SendForward(ctx, conn, request)
}
