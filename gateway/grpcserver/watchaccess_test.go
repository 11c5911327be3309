package grpcserver

import (
	"context"
	"testing"

	cachev1 "github.com/holtcache/holt/proto/holt/cache/v1"
)

// The rights of users are asked for whenever something is to be sent.
func TestWatchersAreToldOfKeysThatTheyMayRead(t *testing.T) {
	n := start(t, 1, Limits{})[0]
	users(t, n, "default", "off", "alice", "on nopass ~app:* +get", "bob", "on nopass ~* +set")
	caller := func(name string) context.Context {
		u, ok := n.server.cfg.Access.Users().User(name)
		if !ok {
			t.Fatalf("no user %s", name)
		}
		return context.WithValue(t.Context(), callerKey{}, &caller{u, n.server.cfg.Access.Users()})
	}
	of := func(keys ...string) *cachev1.WatchRequest {
		r := &cachev1.WatchRequest{}
		for _, key := range keys {
			r.Keys = append(r.Keys, []byte(key))
		}
		return r
	}
	alice := caller("alice")
	for _, c := range []struct {
		what    string
		ctx     context.Context
		request *cachev1.WatchRequest
		may     bool
	}{
		{"keys of her own", alice, of("app:1", "app:2"), true}, {"a key that is not", alice, of("app:1", "other"), false},
		{"a prefix", alice, of(), true}, {"a prefix without the right to read", caller("bob"), of(), false}, {"nobody", t.Context(), of(), false},
	} {
		if err := n.server.mayWatch(c.ctx, c.request); (err == nil) != c.may {
			t.Errorf("%s: %v", c.what, err)
		}
	}
	response := &cachev1.WatchResponse{Events: []*cachev1.WatchEvent{
		{Key: []byte("other")}, {Key: []byte("app:1")}, {Kind: cachev1.WatchEventKind_WATCH_EVENT_KIND_FLUSH},
	}}
	if err := n.server.readable(alice, response); err != nil || len(response.Events) != 2 || string(response.Events[0].Key) != "app:1" {
		t.Errorf("she is sent %v, %v", response.Events, err)
	}
	users(t, n, "default", "off", "alice", "off", "bob", "off")
	if err := n.server.readable(alice, response); err == nil {
		t.Error("who is off is sent more")
	}
}
