package client

import (
	"context"
	"errors"
	"fmt"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/peer"

	clusterv1 "github.com/holtcache/holt/proto/holt/cluster/v1"
)

// usersMax bounds how long one node may take to list the users.
const usersMax = 2 * time.Second

// Users lists the users of the cluster, as the first node knows them that answers. It takes the right to run ACL LIST.
func (c *Client) Users(ctx context.Context) ([]*clusterv1.User, error) {
	var errs []error
	for _, addr := range c.topology.addrs() {
		l, err := c.link(addr)
		if err != nil {
			return nil, err
		}
		each, cancel := context.WithTimeout(ctx, usersMax)
		reply, err := clusterv1.NewAdminServiceClient(l.conn).ListUsers(each, &clusterv1.ListUsersRequest{})
		cancel()
		if err == nil {
			return reply.GetUsers(), nil
		}
		errs = append(errs, fmt.Errorf("node at %s: %w", addr, err))
	}
	return nil, errors.Join(errs...)
}

// Users lists the users of the cluster.
func (a *Admin) Users(ctx context.Context) ([]*clusterv1.User, error) {
	reply, err := a.rpc.ListUsers(ctx, &clusterv1.ListUsersRequest{})
	return reply.GetUsers(), a.explain(err)
}

// SetUser applies rules to a user, in the words of Redis' ACL SETUSER, or makes one; all of them or none.
func (a *Admin) SetUser(ctx context.Context, name string, rules ...string) (*clusterv1.User, error) {
	request := &clusterv1.SetUserRequest{Name: name}
	for _, rule := range rules {
		request.Rules = append(request.Rules, []byte(rule))
	}
	var there peer.Peer
	reply, err := a.rpc.SetUser(ctx, request, grpc.Peer(&there))
	return reply.GetUser(), a.explainChange(err, there)
}

// DeleteUser takes a user out and tells whether there was one.
func (a *Admin) DeleteUser(ctx context.Context, name string) (bool, error) {
	var there peer.Peer
	reply, err := a.rpc.DeleteUser(ctx, &clusterv1.DeleteUserRequest{Name: name}, grpc.Peer(&there))
	return reply.GetDeleted(), a.explainChange(err, there)
}

// ReloadGossipKeys has the node read its gossip keys again, and tells which are in force.
func (a *Admin) ReloadGossipKeys(ctx context.Context) (*clusterv1.ReloadGossipKeysResponse, error) {
	var there peer.Peer
	reply, err := a.rpc.ReloadGossipKeys(ctx, &clusterv1.ReloadGossipKeysRequest{}, grpc.Peer(&there))
	return reply, a.explainChange(err, there)
}
