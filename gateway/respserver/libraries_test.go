package respserver

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/redis/rueidis"
)

func testContext(t *testing.T) context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	t.Cleanup(cancel)
	return ctx
}

func TestGoRedisClusterClientWorks(t *testing.T) {
	f := start(t, fixtureConfig{shards: 3})
	ctx := testContext(t)
	c := redis.NewClusterClient(&redis.ClusterOptions{Addrs: []string{f.addr}})
	defer c.Close()
	if err := c.Set(ctx, "a", "1", time.Minute).Err(); err != nil {
		t.Fatal(err)
	}
	if got, err := c.Get(ctx, "a").Result(); got != "1" || err != nil {
		t.Fatalf("GET a: %q, %v", got, err)
	}
	if _, err := c.Get(ctx, "nosuch").Result(); err != redis.Nil {
		t.Fatalf("GET nosuch: %v, want redis.Nil", err)
	}
	results, err := c.Pipelined(ctx, func(p redis.Pipeliner) error {
		for i := range 100 {
			p.Set(ctx, fmt.Sprintf("k%d", i), i, 0)
			p.Get(ctx, fmt.Sprintf("k%d", i))
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for i := range 100 {
		if got := results[2*i+1].(*redis.StringCmd).Val(); got != fmt.Sprint(i) {
			t.Fatalf("pipelined GET k%d: %q", i, got)
		}
	}
	if err := c.Watch(ctx, func(tx *redis.Tx) error {
		n, err := tx.Get(ctx, "a").Int()
		if err != nil {
			return err
		}
		_, err = tx.TxPipelined(ctx, func(p redis.Pipeliner) error {
			p.Set(ctx, "a", n+1, redis.KeepTTL)
			p.PTTL(ctx, "a")
			return nil
		})
		return err
	}, "a"); err != nil {
		t.Fatalf("WATCH, MULTI, EXEC: %v", err)
	}
	if size, err := c.DBSize(ctx).Result(); size != 101 || err != nil {
		t.Fatalf("DBSIZE: %d, %v; want 101", size, err)
	}
	//lint:ignore SA1019 what every client bootstraps from, this one too
	slots, err := c.ClusterSlots(ctx).Result()
	if err != nil || len(slots) != 1 || slots[0].Start != 0 || slots[0].End != 16383 || slots[0].Nodes[0].ID != selfID || slots[0].Nodes[0].Addr != f.addr {
		t.Fatalf("CLUSTER SLOTS: %+v, %v", slots, err)
	}
	shards, err := c.ClusterShards(ctx).Result()
	if err != nil || len(shards) != 1 || len(shards[0].Nodes) != 1 || shards[0].Nodes[0].Health != "online" || shards[0].Slots[0].End != 16383 {
		t.Fatalf("CLUSTER SHARDS: %+v, %v", shards, err)
	}
	if info, err := c.Info(ctx).Result(); err != nil || len(info) < 500 {
		t.Fatalf("INFO: %q, %v", info, err)
	}
	if commands, err := c.Command(ctx).Result(); err != nil || commands["get"] == nil || !commands["get"].ReadOnly {
		t.Fatalf("COMMAND: %d commands, %v", len(commands), err)
	}
	if err := c.ForEachMaster(ctx, func(ctx context.Context, node *redis.Client) error { return node.FlushAll(ctx).Err() }); err != nil {
		t.Fatalf("FLUSHALL: %v", err)
	}
}

func TestRueidisWorksWithItsDefaults(t *testing.T) {
	f := start(t, fixtureConfig{shards: 3})
	ctx := testContext(t)
	c, err := rueidis.NewClient(rueidis.ClientOption{InitAddress: []string{f.addr}})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if err := c.Do(ctx, c.B().Set().Key("a").Value("1").Build()).Error(); err != nil {
		t.Fatal(err)
	}
	cached := func() (string, bool) {
		r := c.DoCache(ctx, c.B().Get().Key("a").Cache(), time.Minute)
		v, err := r.ToString()
		if err != nil {
			t.Fatalf("DoCache: %v", err)
		}
		return v, r.IsCacheHit()
	}
	if v, hit := cached(); v != "1" || hit {
		t.Fatalf("first cached GET: %q, hit %v", v, hit)
	}
	if v, hit := cached(); v != "1" || !hit {
		t.Fatalf("second cached GET: %q, hit %v", v, hit)
	}
	f.dial().want("SET a 2", "+OK")
	eventually(t, "the cached value is invalidated", func() bool { v, _ := cached(); return v == "2" })
	var commands []rueidis.Completed
	for i := range 100 {
		commands = append(commands, c.B().Set().Key(fmt.Sprintf("k%d", i)).Value(fmt.Sprint(i)).Build())
	}
	for _, r := range c.DoMulti(ctx, commands...) {
		if err := r.Error(); err != nil {
			t.Fatal(err)
		}
	}
	if err := c.Dedicated(func(d rueidis.DedicatedClient) error {
		d.Do(ctx, d.B().Watch().Key("a").Build())
		for _, r := range d.DoMulti(ctx, d.B().Multi().Build(), d.B().Incr().Key("a").Build(), d.B().Exec().Build()) {
			if err := r.Error(); err != nil {
				return err
			}
		}
		return nil
	}); err != nil {
		t.Fatalf("WATCH, MULTI, EXEC: %v", err)
	}
	if got, _ := c.Do(ctx, c.B().Get().Key("a").Build()).ToString(); got != "3" {
		t.Fatalf("GET a: %q, want 3", got)
	}
}
