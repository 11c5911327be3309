package node

import (
	"context"
	"fmt"
	"slices"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	"github.com/holtcache/holt/gateway/acl"
	"github.com/holtcache/holt/gateway/client"
	"github.com/holtcache/holt/gateway/grpcserver"
	"github.com/holtcache/holt/gateway/router"
	nodev1 "github.com/holtcache/holt/proto/holt/node/v1"
)

// usersPeriod is how often a gateway asks who the users are.
const usersPeriod = time.Second

// access is how the gateway's own calls say who it is.
func (cfg *GatewayConfig) access() []client.Option {
	if cfg.User == "" {
		return nil
	}
	return []client.Option{client.WithUser(cfg.User, cfg.Password)}
}

// learnUsers asks the nodes for the users, and goes by the newest that they tell.
func (g *Gateway) learnUsers(ctx context.Context) error {
	list, err := g.maps.Users(ctx)
	if err != nil {
		return err
	}
	g.useUsers(list)
	return nil
}

// useUsers makes the gateway go by users, unless it knows newer ones: a node may be behind. Where all nodes agree on older ones the newer
// are lost for good (holt cluster recover).
func (g *Gateway) useUsers(list client.UserList) {
	if list.Epoch < g.usersEpoch && !list.Unanimous {
		return
	}
	g.usersEpoch = list.Epoch
	stored := make([]acl.Stored, 0, len(list.Users))
	for _, u := range list.Users {
		stored = append(stored, acl.Stored{Name: u.GetName(), Rules: []byte(u.GetRules())})
	}
	if text := fmt.Sprintf("%q", stored); text != g.knownUsers {
		g.access.Replace(stored)
		g.knownUsers = text
	}
}

// firstUsers learns the users before anybody is served.
func (g *Gateway) firstUsers(ctx context.Context) error {
	for {
		err := g.learnUsers(ctx)
		if err == nil {
			return nil
		}
		if refused(err) || ctx.Err() != nil {
			return fmt.Errorf("who may do what: %w; a gateway needs a user who may run ACL LIST and CLUSTER SLOTS, name him with --user", err)
		}
		select {
		case <-ctx.Done():
		case <-time.After(usersPeriod):
		}
	}
}

// refused tells whether a node knows the gateway's user, and that he may not ask. One that does not know him may not have heard of him.
func refused(err error) bool {
	several, ok := err.(interface{ Unwrap() []error })
	return ok && slices.ContainsFunc(several.Unwrap(), func(one error) bool { return status.Code(one) == codes.PermissionDenied })
}

// followUsers keeps to the users of the cluster until ctx ends. Where no node answers the gateway goes by those it knew.
func (g *Gateway) followUsers(ctx context.Context) {
	ticks := time.NewTicker(usersPeriod)
	defer ticks.Stop()
	quiet := false
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticks.C:
		}
		err := g.learnUsers(ctx)
		if err != nil && !quiet && ctx.Err() == nil {
			g.log.Warn("no node tells who may do what; this gateway goes by what it knew, and the nodes by what they know", "err", err)
		}
		quiet = err != nil
	}
}

// isProtected tells whether clients from elsewhere are kept out while the default user needs no password.
func (g *Gateway) isProtected() bool { return !g.cfg.Unprotected && !g.cfg.TLS.asksForCerts() }

// passOn forwards calls as a client of the leader, and as the user who has made them.
type passOn struct{ nodes *nodes }

var _ grpcserver.Forwarder = passOn{}

func (p passOn) Forward(ctx context.Context, leader router.Node, request *nodev1.ForwardRequest) (*nodev1.ForwardResponse, error) {
	conn, err := p.nodes.conn(leader.GRPC)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", grpcserver.ErrNotSent, err)
	}
	const whoKey = "authorization"
	if who := metadata.ValueFromIncomingContext(ctx, whoKey); len(who) == 1 {
		ctx = metadata.AppendToOutgoingContext(ctx, whoKey, who[0])
	}
	return grpcserver.PassOn(ctx, conn, request)
}
