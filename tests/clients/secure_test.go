package clients

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"strings"
	"testing"

	"github.com/redis/go-redis/v9"
	"github.com/redis/rueidis"

	"github.com/holtcache/holt/tests/cluster"
)

// With TLS and users clients need what they need for Redis: a certificate to trust, a name, a password.
func TestClientsWorkWithTLSAndUsers(t *testing.T) {
	c := cluster.Start(t, cluster.Options{Secure: true})
	ctx, cancel := context.WithTimeout(t.Context(), cluster.Deadline)
	defer cancel()
	const name, password = "app", "app's word"
	if _, err := c.Nodes[0].Admin().SetUser(ctx, name, "on", ">"+password, "~app:*", "&app:*", "+@all", "-@admin", "-flushall"); err != nil {
		t.Fatal(err)
	}
	for _, n := range c.Nodes {
		cluster.Eventually(t, fmt.Sprintf("node %d knows the user", n.Number), func() error {
			one := redis.NewClient(&redis.Options{Addr: n.Addr.RESP, Username: name, Password: password, TLSConfig: c.Secure.TLS, MaxRetries: -1})
			defer one.Close()
			return one.Ping(ctx).Err()
		})
	}
	t.Run("go-redis", func(t *testing.T) {
		client := redis.NewClusterClient(&redis.ClusterOptions{Addrs: c.RESP()[:1], Username: name, Password: password, TLSConfig: c.Secure.TLS})
		defer client.Close()
		for i := range 50 {
			key := fmt.Sprint("app:", i)
			if err := client.Set(ctx, key, i, 0).Err(); err != nil {
				t.Fatal(err)
			}
			if got, err := client.Get(ctx, key).Int(); got != i || err != nil {
				t.Fatalf("%s: %d, %v", key, got, err)
			}
		}
		if _, err := client.TxPipelined(ctx, func(p redis.Pipeliner) error {
			p.Set(ctx, "app:{t}", 1, 0)
			p.Incr(ctx, "app:{t}")
			return nil
		}); err != nil {
			t.Error(err)
		}
		for _, err := range []error{client.Get(ctx, "other").Err(), client.FlushAll(ctx).Err(), client.ConfigSet(ctx, "save", "").Err()} {
			if err == nil || !strings.HasPrefix(err.Error(), "NOPERM") {
				t.Errorf("what the user may not do: %v", err)
			}
		}
		stranger := redis.NewClusterClient(&redis.ClusterOptions{Addrs: c.RESP()[:1], TLSConfig: c.Secure.TLS, MaxRetries: -1})
		defer stranger.Close()
		if err := stranger.Get(ctx, "app:1").Err(); err == nil || errors.Is(err, redis.Nil) {
			t.Errorf("without a password: %v", err)
		}
	})
	t.Run("rueidis", func(t *testing.T) {
		client, err := rueidis.NewClient(rueidis.ClientOption{InitAddress: c.RESP()[:1], Username: name, Password: password, TLSConfig: c.Secure.TLS})
		if err != nil {
			t.Fatal(err)
		}
		defer client.Close()
		for i := range 50 {
			key := fmt.Sprint("app:r", i)
			if err := client.Do(ctx, client.B().Set().Key(key).Value(fmt.Sprint(i)).Build()).Error(); err != nil {
				t.Fatal(err)
			}
		}
		if err := client.Do(ctx, client.B().Get().Key("other").Build()).Error(); err == nil || !strings.HasPrefix(err.Error(), "NOPERM") {
			t.Errorf("another's key: %v", err)
		}
	})
	t.Run("redis-cli", func(t *testing.T) {
		cli := tool(t, "redis-cli", "redis-tools")
		host, port, err := net.SplitHostPort(c.Nodes[0].Addr.RESP)
		if err != nil {
			t.Fatal(err)
		}
		t.Setenv("REDISCLI_AUTH", password)
		args := []string{"-c", "-h", host, "-p", port, "--tls", "--cacert", c.Secure.CA, "--user", name}
		if got := run(t, cli, append(args, "set", "app:cli", "v")...); strings.TrimSpace(got) != "OK" {
			t.Errorf("set: %s", got)
		}
		if got := run(t, cli, append(args, "get", "other")...); !strings.Contains(got, "NOPERM") {
			t.Errorf("get of another's key: %s", got)
		}
	})
	t.Run("holt", func(t *testing.T) {
		program, err := cluster.Binary()
		if err != nil {
			t.Fatal(err)
		}
		t.Setenv("HOLT_PASSWORD", c.Secure.Password)
		args := []string{"--addr", c.Nodes[1].Addr.GRPC, "--cacert", c.Secure.CA}
		if got := run(t, program, append([]string{"user", "list"}, args...)...); !strings.Contains(got, "app") || !strings.Contains(got, "~app:*") {
			t.Errorf("holt user list: %s", got)
		}
		if got := run(t, program, append([]string{"cluster", "gossip-keys"}, args...)...); !strings.HasPrefix(got, "node "+c.Nodes[1].ID()+": ") {
			t.Errorf("holt cluster gossip-keys: %s", got)
		}
	})
	for _, n := range c.Nodes {
		log, err := os.ReadFile(n.LogFile())
		if err != nil {
			t.Fatal(err)
		}
		if strings.Contains(string(log), password) || strings.Contains(string(log), c.Secure.Password) {
			t.Errorf("the log of node %d holds a password", n.Number)
		}
	}
}
