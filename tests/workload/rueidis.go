package workload

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"time"

	"github.com/redis/rueidis"
)

// viaRueidis is the cluster client of rueidis with its repetitions turned off; redirections it follows by itself. It looks
// for the cluster when it is made, so it is made with the first request that finds one.
type viaRueidis struct {
	addrs  []string
	modes  Modes
	client rueidis.Client
}

// Rueidis returns a client that finds the leader of each key through the nodes named.
func Rueidis(addrs []string, modes Modes) Client {
	return &overRESP{commander: &viaRueidis{addrs: addrs, modes: modes}}
}

func (r *viaRueidis) connect() error {
	if r.client != nil {
		return nil
	}
	client, err := rueidis.NewClient(rueidis.ClientOption{
		InitAddress: r.addrs, DisableRetry: true, DisableCache: true, AlwaysRESP2: true,
		Dialer: net.Dialer{Timeout: RequestTimeout}, ConnWriteTimeout: RequestTimeout, PipelineMultiplex: -1, BlockingPoolSize: 2,
		DialCtxFn: func(_ context.Context, addr string, _ *net.Dialer, _ *tls.Config) (net.Conn, error) {
			conn, err := Dial(addr, RequestTimeout, r.modes.commands()...)
			if err != nil {
				return nil, err
			}
			return conn.conn, conn.conn.SetDeadline(time.Time{})
		},
	})
	if err != nil {
		return errNotSent
	}
	r.client = client
	return nil
}

func (r *viaRueidis) do(args []string) (any, error) {
	if err := r.connect(); err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(context.Background(), RequestTimeout)
	defer cancel()
	return value(r.client.Do(ctx, r.command(args)))
}

// command is one of one key, or of several of the same slot: the client finds the node by the first.
func (r *viaRueidis) command(args []string) rueidis.Completed {
	return r.client.B().Arbitrary(args[0]).Keys(args[1]).Args(args[2:]...).Build()
}

func value(result rueidis.RedisResult) (any, error) {
	v, err := result.ToAny()
	if rueidis.IsRedisNil(err) {
		return nil, nil
	}
	return v, notSent(err)
}

// notSent finds the errors of requests that had no connection to leave by.
func notSent(err error) error {
	var failed *net.OpError
	if errors.As(err, &failed) && failed.Op == "dial" {
		return errNotSent
	}
	return err
}

func (r *viaRueidis) transact(t *transaction) error {
	if err := r.connect(); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.Background(), RequestTimeout)
	defer cancel()
	return r.client.Dedicated(func(c rueidis.DedicatedClient) error {
		if t.watch != "" {
			if err := c.Do(ctx, c.B().Watch().Key(t.watch).Build()).Error(); err != nil {
				c.Close()
				return withheld{notSent(err)}
			}
			seen, err := value(c.Do(ctx, r.command([]string{"GET", t.watch})))
			if err != nil {
				c.Close() // it watches the key
				return withheld{err}
			}
			t.value, t.found = seen.(string)
		}
		commands := rueidis.Commands{c.B().Multi().Build()}
		for _, command := range t.commands {
			commands = append(commands, r.command(command))
		}
		results := c.DoMulti(ctx, append(commands, c.B().Exec().Build())...)
		for _, result := range results[:len(results)-1] {
			if err := result.Error(); err != nil && !rueidis.IsRedisNil(err) {
				if _, refused := rueidis.IsRedisErr(err); refused {
					return withheld{err} // so EXEC was refused too
				}
				return notSent(err)
			}
		}
		replies, err := value(results[len(results)-1])
		t.replies, _ = replies.([]any)
		return err
	})
}

func (r *viaRueidis) Close() error {
	if r.client != nil {
		r.client.Close()
	}
	return nil
}
