package grpcserver

import (
	"context"
	"unicode/utf8"

	clusterv1 "github.com/holtcache/holt/proto/holt/cluster/v1"
)

// rulesBytesMax bounds the rules of one change: what a user may hold is less.
const rulesBytesMax = 64 << 10

// ListUsers lists the users.
func (a *adminService) ListUsers(ctx context.Context, _ *clusterv1.ListUsersRequest) (*clusterv1.ListUsersResponse, error) {
	users, epoch, err := a.s.cfg.Admin.Users(ctx)
	if err != nil {
		return nil, err
	}
	for i := range users {
		users[i] = printable(users[i])
	}
	return &clusterv1.ListUsersResponse{Users: users, Epoch: epoch}, nil
}

// SetUser adds a user or changes one.
func (a *adminService) SetUser(ctx context.Context, r *clusterv1.SetUserRequest) (*clusterv1.SetUserResponse, error) {
	size := 0
	rules := make([]string, len(r.GetRules()))
	for i, rule := range r.GetRules() {
		rules[i], size = string(rule), size+len(rule)
	}
	if size > rulesBytesMax {
		return nil, invalid("rules: %d bytes are over the limit of %d", size, rulesBytesMax)
	}
	user, err := a.s.cfg.Admin.SetUser(ctx, r.GetName(), rules)
	if err != nil {
		return nil, err
	}
	return &clusterv1.SetUserResponse{User: printable(user)}, nil
}

// printable is a user whose rules can be sent as text: patterns may hold any bytes.
func printable(u *clusterv1.User) *clusterv1.User {
	if utf8.ValidString(u.GetRules()) {
		return u
	}
	return &clusterv1.User{Name: u.GetName(), Rules: string([]rune(u.GetRules()))}
}

// DeleteUser takes a user out.
func (a *adminService) DeleteUser(ctx context.Context, r *clusterv1.DeleteUserRequest) (*clusterv1.DeleteUserResponse, error) {
	deleted, err := a.s.cfg.Admin.DeleteUser(ctx, r.GetName())
	if err != nil {
		return nil, err
	}
	return &clusterv1.DeleteUserResponse{Deleted: deleted}, nil
}

// ReloadGossipKeys has this node read its gossip keys again.
func (a *adminService) ReloadGossipKeys(ctx context.Context, _ *clusterv1.ReloadGossipKeysRequest) (*clusterv1.ReloadGossipKeysResponse, error) {
	node, fingerprints, err := a.s.cfg.Admin.ReloadGossipKeys(ctx)
	if err != nil {
		return nil, err
	}
	return &clusterv1.ReloadGossipKeysResponse{NodeId: node, Fingerprints: fingerprints}, nil
}
