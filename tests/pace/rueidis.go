package pace

import (
	"context"
	"time"

	"github.com/redis/rueidis"
)

type viaRueidis struct{ c rueidis.Client }

var _ client = viaRueidis{}

func newRueidis(addrs []string) (client, error) {
	c, err := rueidis.NewClient(rueidis.ClientOption{InitAddress: addrs})
	return viaRueidis{c}, err
}

func (r viaRueidis) get(ctx context.Context, key string) (string, bool, error) {
	value, err := r.c.Do(ctx, r.c.B().Get().Key(key).Build()).ToString()
	if rueidis.IsRedisNil(err) {
		return "", false, nil
	}
	return value, err == nil, err
}

func (r viaRueidis) set(ctx context.Context, key, value string, ttl time.Duration) error {
	command := r.c.B().Set().Key(key).Value(value)
	if ttl == 0 {
		return r.c.Do(ctx, command.Build()).Error()
	}
	return r.c.Do(ctx, command.Px(ttl).Build()).Error()
}

func (r viaRueidis) incr(ctx context.Context, key string) (int64, error) {
	return r.c.Do(ctx, r.c.B().Incr().Key(key).Build()).AsInt64()
}

func (r viaRueidis) append(ctx context.Context, key, text string) (int64, error) {
	return r.c.Do(ctx, r.c.B().Append().Key(key).Value(text).Build()).AsInt64()
}

func (r viaRueidis) close() error {
	r.c.Close()
	return nil
}
