package transport

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"time"

	"github.com/hashicorp/raft"
)

// Preface opens a connection of this package on the cluster port, which is shared with gRPC. The caller of
// Serve has read it. It differs from HTTP/2's "PRI * HTTP/2.0" in the first byte.
var Preface = []byte("HOLTRAFT")

// GroupID names a Raft group in the whole cluster. It is never used twice.
type GroupID uint64

// GroupTerm is one question of Confirm: is the group's term at the other node still at most Term?
type GroupTerm struct {
	Group GroupID
	Term  uint64
}

// Resolver knows where the cluster port of a node is.
type Resolver interface {
	// ClusterAddr returns host:port; false while it is not known.
	ClusterAddr(nodeID string) (string, bool)
}

// RPCTimeout says how long each kind of wait may last; zero fields take the defaults below.
type RPCTimeout struct {
	Control      time.Duration // a vote, pre-vote, TimeoutNow or heartbeat, from call to reply
	Append       time.Duration // an AppendEntries, from the moment the node is reachable to the reply
	Dial         time.Duration // one attempt to connect, handshake included
	SnapshotIdle time.Duration // a snapshot stream without progress
	Hold         time.Duration // an AppendEntries to a node that can't be reached; Group.Close ends it
}

// Defaults of Config: DESIGN §8 with a heartbeat timeout of 300 ms.
const (
	defaultHeartbeatTick  = 40 * time.Millisecond
	defaultControl        = 300 * time.Millisecond
	defaultAppend         = 2 * time.Second
	defaultDial           = 300 * time.Millisecond
	defaultSnapshotIdle   = 10 * time.Second
	defaultHold           = 10 * time.Second
	defaultAppendBytesMax = 1 << 20
)

// Config is what New needs. Fields without a default in their comment are required.
type Config struct {
	// NodeID is also the raft ServerID and ServerAddress of this node in every group.
	NodeID string
	// ClusterID may return "" before the node belongs to a cluster: until then nodes are neither dialed nor
	// accepted.
	ClusterID func() string
	// LeaseMax is D_max (PROTOCOL rule 21). A node with another value is refused.
	LeaseMax time.Duration
	// HeartbeatTick is how often the heartbeats of all groups to one node go out together; 40 ms.
	HeartbeatTick time.Duration
	RPCTimeout    RPCTimeout
	Resolver      Resolver
	// Dial is the node's one dialing seam, where TLS sits.
	Dial func(ctx context.Context, addr string) (net.Conn, error)
	// AppendBytesMax is the byte budget of one AppendEntries; at least one entry always goes. 1 MiB.
	AppendBytesMax int
	// Placeholder tells of an entry that the log store made up for a term check and that must not be replicated; nil if
	// it makes up none.
	Placeholder func(*raft.Log) bool
	// GaveUp, if set, tells of a node that does not belong to the cluster any more: it is neither dialed nor accepted. It must
	// not block.
	GaveUp func(node string) bool
	// SpoolDir holds incoming snapshots until raft has them. It belongs to this Transport alone.
	SpoolDir string
	// Logger hears of connections that come and go; by default nobody does.
	Logger *slog.Logger
}

// withDefaults returns the config with every field set, or says which one is missing.
func (c Config) withDefaults() (Config, error) {
	var missing []error
	require := func(ok bool, what string) {
		if !ok {
			missing = append(missing, errors.New(what))
		}
	}
	require(c.NodeID != "", "NodeID is empty")
	require(len(c.NodeID) <= nameBytesMax, fmt.Sprintf("NodeID is longer than %d bytes", nameBytesMax))
	require(c.ClusterID != nil, "ClusterID is nil")
	require(c.LeaseMax > 0, "LeaseMax is not positive")
	require(c.Resolver != nil, "Resolver is nil")
	require(c.Dial != nil, "Dial is nil")
	require(c.SpoolDir != "", "SpoolDir is empty")
	if len(missing) > 0 {
		return c, fmt.Errorf("transport config: %w", errors.Join(missing...))
	}
	orDefault(&c.HeartbeatTick, defaultHeartbeatTick)
	orDefault(&c.RPCTimeout.Control, defaultControl)
	orDefault(&c.RPCTimeout.Append, defaultAppend)
	orDefault(&c.RPCTimeout.Dial, defaultDial)
	orDefault(&c.RPCTimeout.SnapshotIdle, defaultSnapshotIdle)
	orDefault(&c.RPCTimeout.Hold, defaultHold)
	orDefault(&c.AppendBytesMax, defaultAppendBytesMax)
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	return c, nil
}

func orDefault[T ~int | ~int64](field *T, value T) {
	if *field <= 0 {
		*field = value
	}
}
