package workload

import (
	"context"
	"errors"

	"github.com/redis/go-redis/v9"
)

// quiet drops what go-redis says by itself: that nodes are down is what the tests are about.
type quiet struct{}

func (quiet) Printf(context.Context, string, ...any) {}

func init() { redis.SetLogger(quiet{}) }

// goRedis is the cluster client of go-redis with its repetitions turned off.
type goRedis struct{ client *redis.ClusterClient }

// GoRedis returns a client that finds the leader of each key through the nodes named.
func GoRedis(addrs []string, modes Modes) Client {
	return &overRESP{commander: &goRedis{redis.NewClusterClient(&redis.ClusterOptions{
		Addrs: addrs, MaxRedirects: -1, MaxRetries: -1, PoolSize: 2, ReadTimeout: RequestTimeout, WriteTimeout: RequestTimeout,
		OnConnect: func(ctx context.Context, conn *redis.Conn) error {
			for _, command := range modes.commands() {
				if err := conn.Do(ctx, anys(command)...).Err(); err != nil {
					return err
				}
			}
			return nil
		},
	})}}
}

func anys(args []string) []any {
	list := make([]any, len(args))
	for i, a := range args {
		list[i] = a
	}
	return list
}

func (g *goRedis) do(args []string) (any, error) {
	reply, err := g.client.Do(context.Background(), anys(args)...).Result()
	if errors.Is(err, redis.Nil) {
		return nil, nil
	}
	return reply, g.explain(err)
}

// errRedirected is for what go-redis 9.23 calls a success: its Watch returns nil without having done anything where WATCH
// was redirected and no redirection is allowed.
var errRedirected = ServerError("MOVED at WATCH")

func (g *goRedis) transact(t *transaction) error {
	ctx := context.Background()
	exec := func(pipelined func(context.Context, func(redis.Pipeliner) error) ([]redis.Cmder, error)) error {
		replies, err := pipelined(ctx, func(p redis.Pipeliner) error {
			for _, command := range t.commands {
				p.Do(ctx, anys(command)...)
			}
			return nil
		})
		if errors.Is(err, redis.TxFailedErr) {
			return nil
		}
		if err != nil && !errors.Is(err, redis.Nil) { // the nil of a GET of a missing key comes out here too
			return err
		}
		for _, reply := range replies {
			value, err := reply.(*redis.Cmd).Result()
			if err != nil && !errors.Is(err, redis.Nil) {
				return err
			}
			t.replies = append(t.replies, value)
		}
		return nil
	}
	if t.watch == "" {
		return g.explain(exec(g.client.TxPipelined))
	}
	sent := false
	err := g.client.Watch(ctx, func(tx *redis.Tx) error {
		value, err := tx.Get(ctx, t.watch).Result()
		if err != nil && !errors.Is(err, redis.Nil) {
			return err
		}
		t.found, t.value = err == nil, value
		sent = true
		return exec(tx.TxPipelined)
	}, t.watch)
	if !sent && err == nil {
		err = errRedirected
	}
	err = g.explain(err)
	if !sent {
		return withheld{err}
	}
	return err
}

// explain makes the client look at the slot map again after an error, and finds those of requests that were never sent.
func (g *goRedis) explain(err error) error {
	if err == nil {
		return nil
	}
	g.client.ReloadState(context.Background())
	return notSent(err)
}

func (g *goRedis) Close() error { return g.client.Close() }
