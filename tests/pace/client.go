package pace

import (
	"context"
	"time"
)

// client is a library as its user calls it.
type client interface {
	get(ctx context.Context, key string) (value string, found bool, err error)
	// set writes a value that expires after ttl, never where it is 0.
	set(ctx context.Context, key, value string, ttl time.Duration) error
	incr(ctx context.Context, key string) (int64, error)
	append(ctx context.Context, key, text string) (int64, error)
	close() error
}

// libraries are the clients that requests are sent by in turn.
var libraries = []struct {
	name string
	make func(addrs []string) (client, error)
}{
	{"go-redis", newGoRedis},
	{"rueidis", newRueidis},
}
