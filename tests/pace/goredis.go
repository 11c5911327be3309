package pace

import (
	"context"
	"errors"
	"time"

	"github.com/redis/go-redis/v9"
)

type goRedis struct{ c *redis.ClusterClient }

var _ client = goRedis{}

func newGoRedis(addrs []string) (client, error) {
	return goRedis{redis.NewClusterClient(&redis.ClusterOptions{Addrs: addrs})}, nil
}

func (g goRedis) get(ctx context.Context, key string) (string, bool, error) {
	value, err := g.c.Get(ctx, key).Result()
	if errors.Is(err, redis.Nil) {
		return "", false, nil
	}
	return value, err == nil, err
}

func (g goRedis) set(ctx context.Context, key, value string, ttl time.Duration) error {
	return g.c.Set(ctx, key, value, ttl).Err()
}

func (g goRedis) incr(ctx context.Context, key string) (int64, error) {
	return g.c.Incr(ctx, key).Result()
}

func (g goRedis) append(ctx context.Context, key, text string) (int64, error) {
	return g.c.Append(ctx, key, text).Result()
}

func (g goRedis) close() error { return g.c.Close() }
