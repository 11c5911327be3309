package client

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/peer"

	clusterv1 "github.com/holtcache/holt/proto/holt/cluster/v1"
)

// usersMax bounds how long one node may take to list the users.
const usersMax = 2 * time.Second

// UserList is the users of a cluster as nodes know them.
type UserList struct {
	Users []*clusterv1.User
	// Epoch is that of the cluster when they were changed last: of two lists that with the higher one is newer.
	Epoch uint64
	// Unanimous: every node has answered, and none knows newer ones.
	Unanimous bool
}

// Users asks all nodes for the users of the cluster and returns the newest answer. It takes the right to run ACL LIST.
func (c *Client) Users(ctx context.Context) (UserList, error) {
	addrs := c.topology.addrs()
	replies, errs := make([]*clusterv1.ListUsersResponse, len(addrs)), make([]error, len(addrs))
	ctx, cancel := context.WithTimeout(ctx, usersMax)
	defer cancel()
	var asked sync.WaitGroup
	for i, addr := range addrs {
		asked.Go(func() {
			l, err := c.link(addr)
			if err == nil {
				replies[i], err = clusterv1.NewAdminServiceClient(l.conn).ListUsers(ctx, &clusterv1.ListUsersRequest{})
			}
			if err != nil {
				errs[i] = fmt.Errorf("node at %s: %w", addr, err)
			}
		})
	}
	asked.Wait()
	return newestUsers(replies, errs)
}

// newestUsers chooses among the answers, and errors in their place.
func newestUsers(replies []*clusterv1.ListUsersResponse, errs []error) (UserList, error) {
	newest, answers := (*clusterv1.ListUsersResponse)(nil), 0
	for i, reply := range replies {
		if errs[i] != nil {
			continue
		}
		answers++
		if newest == nil || reply.GetEpoch() > newest.GetEpoch() {
			newest = reply
		}
	}
	if newest == nil {
		return UserList{}, errors.Join(errs...)
	}
	return UserList{Users: newest.GetUsers(), Epoch: newest.GetEpoch(), Unanimous: answers == len(replies)}, nil
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
