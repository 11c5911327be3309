package clients

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/holtcache/holt/tests/cluster"
)

// quiet drops what the library says by itself: that nodes are down is what tests are about.
type quiet struct{}

func (quiet) Printf(context.Context, string, ...any) {}

func init() { redis.SetLogger(quiet{}) }

func TestGoRedisWorksWithItsDefaults(t *testing.T) {
	t.Parallel()
	c := cluster.Start(t, cluster.Options{Settings: cluster.Calm})
	client := redis.NewClusterClient(&redis.ClusterOptions{Addrs: c.RESP()[:1]})
	defer client.Close()
	ctx, cancel := context.WithTimeout(t.Context(), cluster.Deadline)
	defer cancel()

	for i := range 100 {
		key := fmt.Sprint("key:", i)
		if err := client.Set(ctx, key, i, 0).Err(); err != nil {
			t.Fatal(err)
		}
		if got, err := client.Get(ctx, key).Int(); err != nil || got != i {
			t.Fatalf("%s: got %d, %v", key, got, err)
		}
	}
	if err := client.Get(ctx, "nothing").Err(); !errors.Is(err, redis.Nil) {
		t.Errorf("missing key: %v", err)
	}

	checkKeys(ctx, t, client)

	if err := client.Set(ctx, "short", "v", time.Hour).Err(); err != nil {
		t.Error(err)
	}
	if ttl, err := client.TTL(ctx, "short").Result(); err != nil || ttl <= 0 || ttl > time.Hour {
		t.Errorf("TTL: %v, %v", ttl, err)
	}
	if ok, err := client.Persist(ctx, "short").Result(); err != nil || !ok {
		t.Errorf("PERSIST: %v, %v", ok, err)
	}

	counts, err := client.Pipelined(ctx, func(p redis.Pipeliner) error {
		for i := range 50 {
			p.Incr(ctx, fmt.Sprint("count:", i))
		}
		return nil
	})
	if err != nil || len(counts) != 50 {
		t.Errorf("pipeline: %d replies, %v", len(counts), err)
	}
	for _, count := range counts {
		if n, err := count.(*redis.IntCmd).Result(); n != 1 || err != nil {
			t.Errorf("%v", count)
		}
	}

	both, err := client.TxPipelined(ctx, func(p redis.Pipeliner) error {
		p.Set(ctx, "{tx}a", 1, 0)
		p.IncrBy(ctx, "{tx}a", 41)
		return nil
	})
	if err != nil || len(both) != 2 || both[1].(*redis.IntCmd).Val() != 42 {
		t.Errorf("transaction: %v, %v", both, err)
	}
	err = client.Watch(ctx, func(tx *redis.Tx) error {
		n, err := tx.Get(ctx, "{tx}a").Int()
		if err != nil {
			return err
		}
		if err := client.Set(ctx, "{tx}a", 7, 0).Err(); err != nil {
			return err
		}
		_, err = tx.TxPipelined(ctx, func(p redis.Pipeliner) error { return p.Set(ctx, "{tx}a", n+1, 0).Err() })
		return err
	}, "{tx}a")
	if !errors.Is(err, redis.TxFailedErr) {
		t.Errorf("a transaction on a watched key that was changed: %v", err)
	}

	if err := client.MSet(ctx, "{m}a", "1", "{m}b", "2").Err(); err != nil {
		t.Error(err)
	}
	if got, err := client.MGet(ctx, "{m}a", "{m}b", "{m}c").Result(); err != nil || fmt.Sprint(got) != "[1 2 <nil>]" {
		t.Errorf("MGET: %v, %v", got, err)
	}
	if n, err := client.Del(ctx, "{m}a", "{m}b", "{m}c").Result(); n != 2 || err != nil {
		t.Errorf("DEL: %d, %v", n, err)
	}
}

// The library repeats by itself what a kill interrupts. It asks for the slot map on MOVED, which a dead node does not
// answer, and otherwise once a minute; users who want failover to cost them seconds set the interval.
func TestGoRedisGoesOnAfterALeaderWasKilled(t *testing.T) {
	t.Parallel()
	c := cluster.Start(t, cluster.Options{})
	client := redis.NewClusterClient(&redis.ClusterOptions{Addrs: c.RESP(), ClusterStateReloadInterval: time.Second})
	defer client.Close()
	shard := c.ShardIDs()[0]
	key := c.Key(shard, "killed", 0)
	ctx, cancel := context.WithTimeout(t.Context(), cluster.Deadline)
	defer cancel()
	if err := client.Set(ctx, key, "before", 0).Err(); err != nil {
		t.Fatal(err)
	}
	c.Leader(shard).Node.Kill()
	cluster.Eventually(t, "a write after the kill", func() error { return client.Set(ctx, key, "after", 0).Err() })
	if got, err := client.Get(ctx, key).Result(); got != "after" || err != nil {
		t.Errorf("got %q, %v", got, err)
	}
}
