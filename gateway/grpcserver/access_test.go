package grpcserver

import (
	"bytes"
	"context"
	"encoding/base64"
	"log/slog"
	"net"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/peer"
	"google.golang.org/grpc/status"

	healthpb "google.golang.org/grpc/health/grpc_health_v1"

	"github.com/holtcache/holt/gateway/acl"
	cachev1 "github.com/holtcache/holt/proto/holt/cache/v1"
	clusterv1 "github.com/holtcache/holt/proto/holt/cluster/v1"
)

// users makes users those of a node, each by name and rules.
func users(t *testing.T, n *node, pairs ...string) {
	t.Helper()
	var stored []acl.Stored
	for i := 0; i < len(pairs); i += 2 {
		u, err := n.access.Change(pairs[i], nil, strings.Fields(pairs[i+1]))
		if err != nil {
			t.Fatal(err)
		}
		stored = append(stored, acl.Stored{Name: pairs[i], Rules: []byte(u.Rules())})
	}
	n.access.Replace(stored)
}

// as makes calls of a context those of somebody.
func as(ctx context.Context, token string) context.Context {
	return metadata.AppendToOutgoingContext(ctx, "authorization", token)
}

func TestEveryMethodSaysWhoMayCallIt(t *testing.T) {
	n := start(t, 1, Limits{})[0]
	served := map[string]bool{}
	for service, info := range n.server.Public().GetServiceInfo() {
		for _, m := range info.Methods {
			method := "/" + service + "/" + m.Name
			served[method] = true
			needs, known := rights[method]
			if !known {
				t.Errorf("%s can be called by nobody", method)
			}
			if needs.command != "" && n.access.Command(needs.command) == nil {
				t.Errorf("%s needs the command %s, which is not in the table", method, needs.command)
			}
			if needs.open && !strings.HasPrefix(service, "grpc.health.") {
				t.Errorf("%s is open to everybody", method)
			}
		}
	}
	for method := range rights {
		if !served[method] {
			t.Errorf("%s is not served", method)
		}
	}
	if c := n.server.commands; c.get == nil || c.set == nil || c.del == nil || c.expire == nil || c.increment == nil {
		t.Errorf("commands of requests: %+v", c)
	}
}

// Who belongs to a cluster but has not heard of its users tells nobody that he is not one of them: it may be asked again.
func TestCallsMayBeRepeatedWhereUsersAreNotKnownYet(t *testing.T) {
	n := start(t, 1, Limits{})[0]
	n.access.LetNobodyIn()
	for _, ctx := range []context.Context{t.Context(), as(t.Context(), "Bearer default:x"), as(t.Context(), "nonsense")} {
		_, err := n.cache.Get(ctx, &cachev1.GetRequest{Key: []byte("k")})
		if status.Code(err) != codes.Unavailable || !strings.Contains(err.Error(), "has not heard yet who the users of its cluster are; not applied") {
			t.Errorf("got %v", err)
		}
	}
}

func TestCallsAreThoseOfUsersByToken(t *testing.T) {
	n := start(t, 1, Limits{})[0]
	users(t, n, "default", "on >secret ~* +@all", "alice", "on >p:1 ~app:* +get +set +cluster|slots", "eve", "off >p ~* +@all")
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	basic := func(text string) string { return "Basic " + base64.StdEncoding.EncodeToString([]byte(text)) }
	get := func(ctx context.Context, key string) error {
		_, err := n.cache.Get(ctx, &cachev1.GetRequest{Key: []byte(key)})
		return err
	}
	const alice = "Bearer alice:p:1"
	for _, c := range []struct {
		what string
		call func() error
		want codes.Code
	}{
		{"nobody", func() error { return get(ctx, "k") }, codes.Unauthenticated},
		{"the default user", func() error { return get(as(ctx, "Bearer default:secret"), "k") }, codes.OK},
		{"the default user, Basic", func() error { return get(as(ctx, basic("default:secret")), "k") }, codes.OK},
		{"a wrong password", func() error { return get(as(ctx, "Bearer default:wrong"), "k") }, codes.Unauthenticated},
		{"a user who is not there", func() error { return get(as(ctx, "Bearer nobody:secret"), "k") }, codes.Unauthenticated},
		{"a user who is off", func() error { return get(as(ctx, "Bearer eve:p"), "k") }, codes.Unauthenticated},
		{"no token", func() error { return get(as(ctx, "Bearer"), "k") }, codes.Unauthenticated},
		{"another scheme", func() error { return get(as(ctx, "Digest default:secret"), "k") }, codes.Unauthenticated},
		{"no base64", func() error { return get(as(ctx, "Basic !"), "k") }, codes.Unauthenticated},
		{"two tokens", func() error { return get(as(as(ctx, alice), "Bearer default:secret"), "k") }, codes.Unauthenticated},
		{"alice's key", func() error { return get(as(ctx, alice), "app:1") }, codes.OK},
		{"another key", func() error { return get(as(ctx, alice), "k") }, codes.PermissionDenied},
		{"another command", func() error {
			_, err := n.cache.Delete(as(ctx, alice), &cachev1.DeleteRequest{Key: []byte("app:1")})
			return err
		}, codes.PermissionDenied},
		{"another key in a batch", func() error {
			_, err := n.cache.Batch(as(ctx, alice), &cachev1.BatchRequest{Ops: []*cachev1.BatchOp{
				{Op: &cachev1.BatchOp_Get{Get: &cachev1.GetRequest{Key: []byte("app:{1}")}}},
				{Op: &cachev1.BatchOp_Get{Get: &cachev1.GetRequest{Key: []byte("k{1}")}}},
			}})
			return err
		}, codes.PermissionDenied},
		{"the slot map", func() error {
			_, err := n.topology.GetSlotMap(as(ctx, alice), &clusterv1.GetSlotMapRequest{})
			return err
		}, codes.OK},
		{"an operator's method", func() error {
			_, err := n.adminClient.ChangeSettings(as(ctx, alice), &clusterv1.ChangeSettingsRequest{})
			return err
		}, codes.PermissionDenied},
		{"a probe", func() error { _, err := n.health.Check(ctx, &healthpb.HealthCheckRequest{}); return err }, codes.OK},
	} {
		if err := c.call(); status.Code(err) != c.want {
			t.Errorf("%s: %v, want %v", c.what, err, c.want)
		}
	}
	if d := n.access.Denials.Latest(100); len(d) == 0 || d[len(d)-1].Reason != acl.ReasonAuth {
		t.Errorf("the denials are %+v", d)
	}
}

// A stream goes on for long: what its user may do is asked for each call.
func TestPipelinesFollowTheirUser(t *testing.T) {
	n := start(t, 1, Limits{})[0]
	users(t, n, "default", "off", "alice", "on nopass ~* +@all")
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	stream, err := n.cache.Pipeline(as(ctx, "Bearer alice:x"))
	if err != nil {
		t.Fatal(err)
	}
	for i, c := range []struct {
		rules string
		want  codes.Code
	}{{"on nopass ~* +@all", codes.OK}, {"on nopass ~* +@all -get", codes.PermissionDenied}, {"on nopass ~* +get", codes.OK}, {"off nopass ~* +get", codes.Unauthenticated}} {
		users(t, n, "default", "off", "alice", c.rules)
		request := &cachev1.PipelineRequest{Calls: []*cachev1.PipelineCall{{Id: uint64(i), Call: &cachev1.PipelineCall_Get{Get: &cachev1.GetRequest{Key: []byte("k")}}}}}
		if err := stream.Send(request); err != nil {
			t.Fatal(err)
		}
		reply, err := stream.Recv()
		if err != nil {
			t.Fatal(err)
		}
		if got := codes.Code(reply.Replies[0].GetError().GetCode()); got != c.want {
			t.Errorf("as %s: %v, want %v", c.rules, got, c.want)
		}
	}
	if err := stream.CloseSend(); err != nil {
		t.Fatal(err)
	}
	other, err := n.cache.Pipeline(as(ctx, "Bearer alice:x"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := other.Recv(); status.Code(err) != codes.Unauthenticated {
		t.Errorf("a stream of a user who is off: %v", err)
	}
}

func TestProtectedModeRefusesCallsFromElsewhere(t *testing.T) {
	n := start(t, 1, Limits{})[0]
	s := n.server
	s.cfg.Protected = func() bool { return true }
	from := func(addr string) context.Context {
		at, err := net.ResolveTCPAddr("tcp", addr)
		if err != nil {
			t.Fatal(err)
		}
		return peer.NewContext(t.Context(), &peer.Peer{Addr: at})
	}
	const method = cachev1.CacheService_Get_FullMethodName
	for addr, want := range map[string]bool{"127.0.0.1:1": true, "[::1]:1": true, "10.0.0.1:1": false, "[2001:db8::1]:1": false} {
		if _, err := s.enter(from(addr), method); (err == nil) != want {
			t.Errorf("from %s: %v, want let in=%v", addr, err, want)
		}
	}
	users(t, n, "default", "on >secret +@all")
	if _, err := s.enter(metadata.NewIncomingContext(from("10.0.0.1:1"), metadata.Pairs("authorization", "Bearer default:secret")), method); err != nil {
		t.Errorf("with a password: %v", err)
	}
}

func TestAuditOfCallsTellsWhoChangedWhatAndKeepsSecrets(t *testing.T) {
	n := start(t, 1, Limits{})[0]
	var log bytes.Buffer
	n.server.log = slog.New(slog.NewTextHandler(&log, nil))
	info := func(method string) *grpc.UnaryServerInfo { return &grpc.UnaryServerInfo{FullMethod: method} }
	done := func(context.Context, any) (any, error) { return nil, nil }
	ctx := peer.NewContext(t.Context(), &peer.Peer{Addr: &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 7}})
	for method, request := range map[string]any{
		clusterv1.AdminService_SetUser_FullMethodName:    &clusterv1.SetUserRequest{Name: "alice", Rules: [][]byte{[]byte(">hush"), []byte("+get")}},
		clusterv1.AdminService_RemoveNode_FullMethodName: &clusterv1.RemoveNodeRequest{NodeId: "n1"},
		clusterv1.AdminService_ListNodes_FullMethodName:  &clusterv1.ListNodesRequest{},
	} {
		if _, err := n.server.interceptUnary(ctx, request, info(method), done); err != nil {
			t.Error(err)
		}
	}
	text := log.String()
	for _, want := range []string{`user=default from=127.0.0.1:7 command="SetUser alice >(hidden) +get" outcome=ok`, `command="RemoveNode {\"nodeId\":`} {
		if !strings.Contains(text, want) {
			t.Errorf("the audit lacks %s:\n%s", want, text)
		}
	}
	if strings.Contains(text, "hush") || strings.Contains(text, "ListNodes") {
		t.Errorf("the audit says too much:\n%s", text)
	}
}

func TestUsersAreSetByCall(t *testing.T) {
	n := start(t, 1, Limits{})[0]
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	list, err := n.adminClient.ListUsers(ctx, &clusterv1.ListUsersRequest{})
	if err != nil || len(list.Users) != 1 || list.Users[0].Rules != "on \uFFFD" || list.Epoch != 7 {
		t.Errorf("ListUsers: %v, %v", list, err)
	}
	set, err := n.adminClient.SetUser(ctx, &clusterv1.SetUserRequest{Name: "a", Rules: [][]byte{[]byte("on"), {'~', 0xff}}})
	if err != nil || set.User.Name != "a" {
		t.Errorf("SetUser: %v, %v", set, err)
	}
	if _, err := n.adminClient.SetUser(ctx, &clusterv1.SetUserRequest{Name: "a", Rules: [][]byte{make([]byte, rulesBytesMax+1)}}); status.Code(err) != codes.InvalidArgument {
		t.Errorf("rules over the limit: %v", err)
	}
	deleted, err := n.adminClient.DeleteUser(ctx, &clusterv1.DeleteUserRequest{Name: "a"})
	if err != nil || !deleted.Deleted {
		t.Errorf("DeleteUser: %v, %v", deleted, err)
	}
	keys, err := n.adminClient.ReloadGossipKeys(ctx, &clusterv1.ReloadGossipKeysRequest{})
	if err != nil || len(keys.Fingerprints) != 1 {
		t.Errorf("ReloadGossipKeys: %v, %v", keys, err)
	}
}
