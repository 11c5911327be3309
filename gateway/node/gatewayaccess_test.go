package node

import (
	"context"
	"crypto/tls"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	"github.com/holtcache/holt/gateway/certs"
	"github.com/holtcache/holt/gateway/certs/certstest"
	"github.com/holtcache/holt/gateway/client"
	cachev1 "github.com/holtcache/holt/proto/holt/cache/v1"
	"github.com/holtcache/holt/raftfsm/meta"
)

// plainBy is a client of one address, by TLS, as a user.
func plainBy(t *testing.T, addr string, config *tls.Config, user, password string) *redis.Client {
	t.Helper()
	r := redis.NewClient(&redis.Options{
		Addr: addr, Username: user, Password: password, TLSConfig: config, Protocol: 2, MaxRetries: -1, DisableIdentity: true, ReadTimeout: 10 * time.Second,
	})
	t.Cleanup(func() { r.Close() })
	return r
}

func wantRefused(t *testing.T, what string, err error, prefix string) {
	t.Helper()
	if err == nil || !strings.HasPrefix(err.Error(), prefix) {
		t.Errorf("%s: %v, want %s", what, err, prefix)
	}
}

// Clients of a gateway, and of a node that redirects nobody, may do for keys of every node what they may do: by TLS on both ways.
func TestClientsOfAGatewayAreWhoTheyAreOnEveryNode(t *testing.T) {
	t.Parallel()
	ca := certstest.New(t, t.TempDir())
	pair := ca.Issue("node", certstest.ForNodes)
	files := certs.Files{Cert: pair.Cert, Key: pair.Key, CA: ca.CA}
	config := trusting(t, ca.CA, certstest.Pair{})
	nodes := openClusterBy(t, 3, []client.Option{client.WithTLS(config)}, func(c *Config) {
		c.TLS, c.RESPMode = TLS{Files: files, Cluster: files}, RESPProxy
	})
	admin := plainBy(t, nodes[0].Addresses().RESP, config, "", "")
	repeated(t, admin, "ACL", "SETUSER", "gate", "on", ">g1", "+acl|list", "+cluster|slots")
	repeated(t, admin, "ACL", "SETUSER", "app", "on", ">a1", "~app:*", "+get", "+set", "+mset", "+mget", "+incrby")
	repeated(t, admin, "CONFIG", "SET", "requirepass", "secret")
	for _, n := range nodes {
		await(t, "every node knows the users", func() bool {
			return plainBy(t, n.Addresses().RESP, config, "app", "a1").Do(t.Context(), "GET", "app:x").Err() == redis.Nil &&
				plainBy(t, n.Addresses().RESP, config, "", "").Ping(t.Context()).Err() != nil
		})
	}
	cfg := GatewayConfig{
		Join: []string{nodes[1].Addresses().GRPC}, Listen: meta.Addresses{RESP: anyPort, GRPC: anyPort, HTTP: anyPort}, Version: "test",
		User: "gate", Password: "g1", TLS: TLS{Files: files}, Nodes: NodesTLS{Use: true, Files: certs.Files{CA: ca.CA}},
	}
	g, err := OpenGateway(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		if err := g.Close(ctx); err != nil {
			t.Errorf("close the gateway: %v", err)
		}
	})
	for what, addr := range map[string]string{"gateway": g.Addresses().RESP, "node": nodes[2].Addresses().RESP} {
		t.Run(what, func(t *testing.T) { useAsApp(t, addr, config) })
	}
	callAsApp(t, g.Addresses().GRPC, config)
	deleteApp(t, g, nodes, config)
	cfg.Password = "a1"
	cfg.User, cfg.Listen = "app", meta.Addresses{RESP: anyPort, GRPC: anyPort, HTTP: anyPort}
	ctx, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	if _, err := OpenGateway(ctx, cfg); err == nil {
		t.Error("a gateway begins as a user who may not know the users")
	}
}

func useAsApp(t *testing.T, addr string, config *tls.Config) {
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	app := plainBy(t, addr, config, "app", "a1")
	var pairs []any
	for i := range 30 { // of slots of all nodes
		pairs = append(pairs, fmt.Sprint("app:", i), i)
	}
	// On a busy machine a node may not answer in time.
	await(t, "MSET is done", func() bool { return app.MSet(ctx, pairs...).Err() == nil })
	for i := range 30 {
		await(t, fmt.Sprint("app:", i, " is read"), func() bool {
			got, err := app.Get(ctx, fmt.Sprint("app:", i)).Int()
			return got == i && err == nil
		})
		wantRefused(t, "a key of others", app.Get(ctx, fmt.Sprint("other:", i)).Err(), "NOPERM")
	}
	wantRefused(t, "one of many keys", app.MSet(ctx, "app:0", "changed", "other", "x").Err(), "NOPERM")
	if got := app.Get(ctx, "app:0").Val(); got != "0" {
		t.Errorf("a refused MSET has left %q", got)
	}
	wantRefused(t, "DEL", app.Del(ctx, "app:1").Err(), "NOPERM")
	wantRefused(t, "FLUSHALL", app.FlushAll(ctx).Err(), "NOPERM")
	wantRefused(t, "nobody", plainBy(t, addr, config, "", "").Get(ctx, "app:0").Err(), "NOAUTH")
	wantRefused(t, "a wrong password", plainBy(t, addr, config, "app", "a2").Get(ctx, "app:0").Err(), "WRONGPASS")
	if err := plainBy(t, addr, config, "", "secret").Set(ctx, "other:0", 1, 0).Err(); err != nil {
		t.Errorf("the user who may do everything: %v", err)
	}
}

func callAsApp(t *testing.T, addr string, config *tls.Config) {
	conn, err := grpc.NewClient("passthrough:///"+addr, grpc.WithTransportCredentials(credentials.NewTLS(config)))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	cache := cachev1.NewCacheServiceClient(conn)
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	app := metadata.AppendToOutgoingContext(ctx, "authorization", "Basic "+base64.StdEncoding.EncodeToString([]byte("app:a1")))
	for i := range 30 {
		await(t, fmt.Sprint("app:", i, " is read by gRPC"), func() bool {
			got, err := cache.Get(app, &cachev1.GetRequest{Key: fmt.Appendf(nil, "app:%d", i)})
			return err == nil && string(got.GetItem().GetValue()) == fmt.Sprint(i)
		})
	}
	if _, err := cache.Get(app, &cachev1.GetRequest{Key: []byte("other:0")}); status.Code(err) != codes.PermissionDenied {
		t.Errorf("gRPC, a key of others: %v", err)
	}
	if _, err := cache.Get(ctx, &cachev1.GetRequest{Key: []byte("app:0")}); status.Code(err) != codes.Unauthenticated {
		t.Errorf("gRPC, nobody: %v", err)
	}
}

// deleteApp deletes a user, who loses his connections to the gateway.
func deleteApp(t *testing.T, g *Gateway, nodes []*Node, config *tls.Config) {
	app := plainBy(t, g.Addresses().RESP, config, "app", "a1")
	if err := app.Get(t.Context(), "app:0").Err(); err != nil {
		t.Errorf("before: %v", err)
	}
	repeated(t, plainBy(t, nodes[0].Addresses().RESP, config, "", "secret"), "ACL", "DELUSER", "app")
	await(t, "the gateway lets the user in no more", func() bool {
		err := app.Get(t.Context(), "app:0").Err()
		return err != nil && !errors.Is(err, redis.Nil) && strings.HasPrefix(err.Error(), "WRONGPASS")
	})
}
