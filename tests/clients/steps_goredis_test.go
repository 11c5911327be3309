package clients

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"
)

// goRedis goes through the steps with the cluster client of go-redis, with its defaults.
type goRedis struct {
	*steps
	ctx    context.Context
	client *redis.ClusterClient
}

var (
	_ library = (*goRedis)(nil)
	_ sharder = (*goRedis)(nil)
)

func runGoRedis(ctx context.Context, s *steps) error {
	config, err := s.to.tls()
	if err != nil {
		return err
	}
	client := redis.NewClusterClient(&redis.ClusterOptions{
		Addrs: []string{s.to.addr()}, Username: s.to.User, Password: s.to.Password, TLSConfig: config,
	})
	defer client.Close()
	return s.run(ctx, &goRedis{s, ctx, client})
}

func (g *goRedis) connect() {
	equal(g.steps, "PING", "PONG")(g.client.Ping(g.ctx).Result())
	equal(g.steps, "ACL WHOAMI", g.to.User)(g.client.Do(g.ctx, "ACL", "WHOAMI").Text())
}

func (g *goRedis) strings() {
	var binary strings.Builder
	for b := range 256 {
		binary.WriteByte(byte(b))
	}
	equal(g.steps, "SET", "OK")(g.client.Set(g.ctx, g.key("s"), binary.String(), 0).Result())
	equal(g.steps, "GET", binary.String())(g.client.Get(g.ctx, g.key("s")).Result())
	if err := g.client.Get(g.ctx, g.key("nothing")).Err(); !errors.Is(err, redis.Nil) {
		g.wrong("GET of a missing key: %w", err)
	}
	if err := g.client.SetArgs(g.ctx, g.key("s"), "other", redis.SetArgs{Mode: "NX"}).Err(); !errors.Is(err, redis.Nil) {
		g.wrong("SET NX: %w", err)
	}
	equal(g.steps, "APPEND", int64(260))(g.client.Append(g.ctx, g.key("s"), "more").Result())
	equal(g.steps, "GETRANGE", "\xffmo")(g.client.GetRange(g.ctx, g.key("s"), 255, 257).Result())
	equal(g.steps, "MSET", "OK")(g.client.MSet(g.ctx, g.key("{m}a"), 1, g.key("{m}b"), 2).Result())
	equal(g.steps, "MGET", []any{"1", "2", nil})(g.client.MGet(g.ctx, g.key("{m}a"), g.key("{m}b"), g.key("{m}c")).Result())
	equal(g.steps, "DEL", int64(1))(g.client.Del(g.ctx, g.key("{m}a")).Result())
}

func (g *goRedis) counters() {
	equal(g.steps, "INCR", int64(1))(g.client.Incr(g.ctx, g.key("n")).Result())
	equal(g.steps, "INCRBY", int64(42))(g.client.IncrBy(g.ctx, g.key("n"), 41).Result())
	equal(g.steps, "DECR", int64(41))(g.client.Decr(g.ctx, g.key("n")).Result())
	equal(g.steps, "INCRBYFLOAT", 0.5)(g.client.IncrByFloat(g.ctx, g.key("f"), 0.5).Result())
	g.refused("INCR of a text", "ERR value is not an integer", g.client.Incr(g.ctx, g.key("s")).Err())
}

func (g *goRedis) expiry() {
	equal(g.steps, "SET PX", "OK")(g.client.Set(g.ctx, g.key("short"), "v", 100*time.Second).Result())
	if ttl, err := g.client.PTTL(g.ctx, g.key("short")).Result(); err != nil || ttl <= 0 || ttl > 100*time.Second {
		g.wrong("PTTL: %v, %w", ttl, err)
	}
	equal(g.steps, "PERSIST", true)(g.client.Persist(g.ctx, g.key("short")).Result())
	equal(g.steps, "TTL", time.Duration(-1))(g.client.TTL(g.ctx, g.key("short")).Result())
	equal(g.steps, "PEXPIRE", true)(g.client.PExpire(g.ctx, g.key("short"), 50*time.Millisecond).Result())
	g.eventually("a key expires", func() bool { return errors.Is(g.client.Get(g.ctx, g.key("short")).Err(), redis.Nil) })
}

func (g *goRedis) hashes() {
	equal(g.steps, "HSET", int64(2))(g.client.HSet(g.ctx, g.key("h"), "a", 1, "b", "two").Result())
	equal(g.steps, "HINCRBY", int64(7))(g.client.HIncrBy(g.ctx, g.key("h"), "a", 6).Result())
	equal(g.steps, "HGETALL", map[string]string{"a": "7", "b": "two"})(g.client.HGetAll(g.ctx, g.key("h")).Result())
	equal(g.steps, "HDEL", int64(1))(g.client.HDel(g.ctx, g.key("h"), "a", "nothing").Result())
	g.refused("GET of a hash", "WRONGTYPE", g.client.Get(g.ctx, g.key("h")).Err())
}

func (g *goRedis) pipeline() {
	replies, err := g.client.Pipelined(g.ctx, func(p redis.Pipeliner) error {
		for i := range 40 {
			p.Set(g.ctx, g.key(fmt.Sprint("p", i)), i, 0)
			p.Incr(g.ctx, g.key(fmt.Sprint("p", i)))
		}
		return nil
	})
	if err != nil || len(replies) != 80 {
		g.wrong("pipeline: %d replies, %w", len(replies), err)
		return
	}
	for i := range 40 {
		equal(g.steps, fmt.Sprint("INCR of key ", i), int64(i+1))(replies[2*i+1].(*redis.IntCmd).Result())
	}
}

func (g *goRedis) transaction() {
	replies, err := g.client.TxPipelined(g.ctx, func(p redis.Pipeliner) error {
		p.Set(g.ctx, g.key("{tx}a"), 1, 0)
		p.IncrBy(g.ctx, g.key("{tx}a"), 41)
		p.Exists(g.ctx, g.key("{tx}b"))
		return nil
	})
	if err != nil || len(replies) != 3 {
		g.wrong("transaction: %v, %w", replies, err)
		return
	}
	equal(g.steps, "INCRBY in a transaction", int64(42))(replies[1].(*redis.IntCmd).Result())
	equal(g.steps, "EXISTS in a transaction", int64(0))(replies[2].(*redis.IntCmd).Result())
}

func (g *goRedis) watch() {
	key := g.key("{tx}a")
	err := g.client.Watch(g.ctx, func(tx *redis.Tx) error {
		equal(g.steps, "GET while watched", "42")(tx.Get(g.ctx, key).Result())
		equal(g.steps, "SET by another", "OK")(g.client.Set(g.ctx, key, 7, 0).Result())
		_, err := tx.TxPipelined(g.ctx, func(p redis.Pipeliner) error { return p.Set(g.ctx, key, 43, 0).Err() })
		return err
	}, key)
	if !errors.Is(err, redis.TxFailedErr) {
		g.wrong("EXEC after a change: %w", err)
	}
	equal(g.steps, "GET after a conflict", "7")(g.client.Get(g.ctx, key).Result())
}

func (g *goRedis) permissions() {
	g.refused("another's key", "NOPERM", g.client.Get(g.ctx, "another's").Err())
	_, err := g.client.Pipelined(g.ctx, func(p redis.Pipeliner) error { return p.Set(g.ctx, "another's", 1, 0).Err() })
	g.refused("another's key in a pipeline", "NOPERM", err)
	g.refused("FLUSHALL", "NOPERM", g.client.FlushAll(g.ctx).Err())
}

func (g *goRedis) scan() {
	var want []string
	for i := range 60 {
		want = append(want, g.key(fmt.Sprint("scan:", i)))
		equal(g.steps, "SET", "OK")(g.client.Set(g.ctx, want[i], i, 0).Result())
	}
	var mu sync.Mutex // protects found
	var found []string
	err := g.client.ForEachMaster(g.ctx, func(ctx context.Context, node *redis.Client) error {
		keys := node.Scan(ctx, 0, g.key("scan:*"), 7).Iterator()
		for keys.Next(ctx) {
			mu.Lock()
			found = append(found, keys.Val())
			mu.Unlock()
		}
		return keys.Err()
	})
	slices.Sort(want)
	slices.Sort(found)
	equal(g.steps, "SCAN", want)(found, err)
}

func (g *goRedis) pubsub() {
	news := g.key("news")
	listener := g.client.Subscribe(g.ctx, news)
	defer listener.Close()
	if err := listener.PSubscribe(g.ctx, g.key("n?ws")); err != nil {
		g.wrong("PSUBSCRIBE: %w", err)
	}
	for range 2 {
		if _, err := listener.ReceiveTimeout(g.ctx, half); err != nil {
			g.wrong("subscription: %w", err)
		}
	}
	var mu sync.Mutex // no two nodes at a time
	err := g.client.ForEachMaster(g.ctx, func(ctx context.Context, node *redis.Client) error {
		mu.Lock()
		defer mu.Unlock()
		from := node.Options().Addr
		if err := node.Publish(ctx, news, from).Err(); err != nil {
			return err
		}
		for range 2 { // by channel, and by pattern
			got, err := listener.ReceiveTimeout(ctx, half)
			if message, ok := got.(*redis.Message); !ok || message.Payload != from || message.Channel != news {
				return fmt.Errorf("of %q heard %v, %w", from, got, err)
			}
		}
		return nil
	})
	if err != nil {
		g.wrong("PUBLISH: %w", err)
	}
	g.refused("another's channel", "NOPERM", g.client.Publish(g.ctx, "another's", "v").Err())
}

func (g *goRedis) shardChannels() {
	listener := g.client.SSubscribe(g.ctx, g.key("shard news"))
	defer listener.Close()
	if _, err := listener.ReceiveTimeout(g.ctx, half); err != nil {
		g.wrong("SSUBSCRIBE: %w", err)
		return
	}
	equal(g.steps, "SPUBLISH", int64(1))(g.client.SPublish(g.ctx, g.key("shard news"), "v").Result())
	got, err := listener.ReceiveTimeout(g.ctx, half)
	if message, ok := got.(*redis.Message); !ok || message.Payload != "v" {
		g.wrong("heard %v, %w", got, err)
	}
}

func (g *goRedis) attempt(counter, fields, field string) error {
	if err := g.client.HSet(g.ctx, fields, field, "v").Err(); err != nil {
		return err
	}
	return g.client.Incr(g.ctx, counter).Err()
}
