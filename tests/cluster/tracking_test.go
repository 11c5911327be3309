package cluster_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/redis/rueidis"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"

	cachev1 "github.com/holtcache/holt/proto/holt/cache/v1"
	"github.com/holtcache/holt/tests/cluster"
	"github.com/holtcache/holt/tests/workload"
)

// cacheTTL is how long the client may keep a value by itself: longer than any test waits, so that only an invalidation
// can end a stale value.
const cacheTTL = time.Hour

type caching struct {
	t      *testing.T
	client rueidis.Client
}

func newCaching(t *testing.T, c *cluster.Cluster) caching {
	t.Helper()
	client, err := rueidis.NewClient(rueidis.ClientOption{InitAddress: c.RESP()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.Close)
	return caching{t, client}
}

func (c caching) get(key string) (value string, hit bool, err error) {
	ctx, cancel := context.WithTimeout(context.Background(), cluster.Deadline)
	defer cancel()
	reply := c.client.DoCache(ctx, c.client.B().Get().Key(key).Cache(), cacheTTL)
	value, err = reply.ToString()
	if rueidis.IsRedisNil(err) {
		return "", reply.IsCacheHit(), nil
	}
	return value, reply.IsCacheHit(), err
}

// holds waits until the client answers a value from its own memory.
func (c caching) holds(key, want string) {
	c.t.Helper()
	cluster.Eventually(c.t, "the client caches "+key, func() error {
		if value, hit, err := c.get(key); err != nil || value != want || !hit {
			return fmt.Errorf("got %q, from memory %v, %v", value, hit, err)
		}
		return nil
	})
}

// sees waits until the client answers a value, wherever from.
func (c caching) sees(key, want string) {
	c.t.Helper()
	cluster.Eventually(c.t, "the client sees "+want, func() error {
		if value, _, err := c.get(key); err != nil || value != want {
			return fmt.Errorf("got %q, %v", value, err)
		}
		return nil
	})
}

func TestClientSideCacheIsInvalidatedByAWriteThroughAnotherNode(t *testing.T) {
	t.Parallel()
	c := cluster.Start(t, cluster.Options{Settings: calm})
	shard := c.ShardIDs()[0]
	key := c.Key(shard, "tracked", 0)
	cache := newCaching(t, c)
	writeElsewhere(t, c, c.Leader(shard), key, "one", 0)
	cache.holds(key, "one")
	writeElsewhere(t, c, c.Leader(shard), key, "two", 0)
	cache.sees(key, "two")
	cache.holds(key, "two")
}

// The leadership moves, and the next write happens where the connection that tracks the key does not lead.
func TestClientSideCacheIsInvalidatedWhenTheLeadershipMoves(t *testing.T) {
	t.Parallel()
	c := cluster.Start(t, cluster.Options{Settings: calm})
	shard := c.ShardIDs()[0]
	key := c.Key(shard, "tracked", 0)
	cache := newCaching(t, c)
	writeElsewhere(t, c, c.Leader(shard), key, "one", 0)
	cache.holds(key, "one")
	next, err := c.Transfer(shard, nil)
	if err != nil {
		t.Fatal(err)
	}
	writeElsewhere(t, c, next, key, "two", 0)
	cache.sees(key, "two")
}

// writeElsewhere sets a key by gRPC through a node that does not lead its shard.
func writeElsewhere(t *testing.T, c *cluster.Cluster, leader cluster.Leadership, key, value string, ttl time.Duration) {
	t.Helper()
	for _, n := range c.Nodes {
		if n == leader.Node {
			continue
		}
		conn, err := grpc.NewClient("passthrough:///"+n.Addr.GRPC, grpc.WithTransportCredentials(insecure.NewCredentials()))
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		ctx, cancel := context.WithTimeout(context.Background(), cluster.Deadline)
		defer cancel()
		request := &cachev1.SetRequest{Key: []byte(key), Value: []byte(value)}
		if ttl != 0 {
			request.Expiry = &cachev1.SetRequest_TtlMs{TtlMs: ttl.Milliseconds()}
		}
		if _, err := cachev1.NewCacheServiceClient(conn).Set(ctx, request); err != nil {
			t.Fatal(err)
		}
		return
	}
}

// tracking opens a connection to a node that tracks what it reads, and reads a key.
func tracking(t *testing.T, n *cluster.Node, key, want string) *workload.Conn {
	t.Helper()
	conn, err := workload.Dial(n.Addr.RESP, cluster.Deadline)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	for _, command := range [][]string{{"HELLO", "3"}, {"CLIENT", "TRACKING", "ON"}, {"GET", key}} {
		reply, err := conn.Do(cluster.Deadline, command...)
		if err != nil {
			t.Fatalf("%q: %v", command, err)
		}
		if command[0] == "GET" && reply != want {
			t.Fatalf("GET %s: got %v, want %s", key, reply, want)
		}
	}
	return conn
}

// invalidated waits for the word that a key, or everything, is no longer what was read.
func invalidated(t *testing.T, conn *workload.Conn, key string) {
	t.Helper()
	reply, err := conn.Receive(cluster.Deadline)
	push, ok := reply.(workload.Push)
	if err != nil || !ok || len(push) != 2 || push[0] != "invalidate" {
		t.Fatalf("got %v, %v; want an invalidation", reply, err)
	}
	if keys, some := push[1].([]any); some && (len(keys) != 1 || keys[0] != key) {
		t.Fatalf("got %v, want key %s or all", push, key)
	}
}

func TestTrackingConnectionHearsOfExpiryAndOfLostLeadership(t *testing.T) {
	t.Parallel()
	c := cluster.Start(t, cluster.Options{Settings: calm})
	shard := c.ShardIDs()[0]
	leader := c.Leader(shard)
	t.Run("expiry", func(t *testing.T) {
		key := c.Key(shard, "expiring", 0)
		writeElsewhere(t, c, leader, key, "v", 2*time.Second)
		invalidated(t, tracking(t, leader.Node, key, "v"), key)
	})
	t.Run("lost leadership", func(t *testing.T) {
		key := c.Key(shard, "handed over", 0)
		writeElsewhere(t, c, leader, key, "v", 0)
		conn := tracking(t, leader.Node, key, "v")
		if _, err := c.Transfer(shard, nil); err != nil {
			t.Fatal(err)
		}
		invalidated(t, conn, key)
	})
}
