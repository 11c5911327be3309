package workload

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strconv"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/holtcache/holt/tests/model"
)

// Client does operations one after another.
type Client interface {
	// do makes one attempt at a command. The reply is a string, an int64 or nil.
	do(args []string) (any, error)
	Close() error
}

// attempt makes one attempt at the operation and fills in what became of it, times excepted.
func attempt(c Client, o *model.Op) error {
	reply, err := c.do(command(o))
	o.Outcome = outcomeOf(err)
	if err != nil {
		o.Err = err.Error()
		return err
	}
	switch v := reply.(type) {
	case nil:
	case int64:
		o.N = v
	case string:
		if o.Kind != model.Set {
			o.Found, o.Value = true, v
		} else if v != "OK" {
			return fmt.Errorf("ERR SET answered %q", v)
		}
	default:
		return fmt.Errorf("ERR %v answered %v", o.Kind, v)
	}
	return nil
}

func command(o *model.Op) []string {
	switch o.Kind {
	case model.Get:
		return []string{"GET", o.Key}
	case model.Set:
		if o.TTL != 0 {
			return []string{"SET", o.Key, o.Arg, "PX", strconv.FormatInt(o.TTL.Milliseconds(), 10)}
		}
		return []string{"SET", o.Key, o.Arg}
	case model.SetNX:
		return []string{"SET", o.Key, o.Arg, "NX", "GET"}
	case model.Del:
		return []string{"DEL", o.Key}
	case model.GetDel:
		return []string{"GETDEL", o.Key}
	case model.Incr:
		return []string{"INCR", o.Key}
	case model.Append:
		return []string{"APPEND", o.Key, o.Arg}
	}
	panic("no command for " + o.Kind.String())
}

// Modes are what a connection asks for beside commands; empty ones are not asked for.
type Modes struct {
	Read string // LEASE, INDEX or STALE
	Ack  string // MAJORITY or ASYNC
}

func (m Modes) commands() [][]string {
	var list [][]string
	if m.Read != "" {
		list = append(list, []string{"CLIENT", "READMODE", m.Read})
	}
	if m.Ack != "" {
		list = append(list, []string{"CLIENT", "DURABILITY", m.Ack})
	}
	return list
}

// RequestTimeout is after what time a client gives an answer up. It is longer than a server holds a request.
const RequestTimeout = 2500 * time.Millisecond

// pinned talks to one node, whoever leads, and connects again when the connection was lost.
type pinned struct {
	addr  string
	modes Modes
	conn  *Conn
}

// Pinned returns a client that talks to one node only.
func Pinned(addr string, modes Modes) Client { return &pinned{addr: addr, modes: modes} }

var errNotSent = ServerError("CLUSTERDOWN not sent: the node can't be reached")

func (p *pinned) do(args []string) (any, error) {
	if p.conn == nil {
		conn, err := Dial(p.addr, RequestTimeout, p.modes.commands()...)
		if err != nil {
			return nil, errNotSent
		}
		p.conn = conn
	}
	reply, err := p.conn.Do(RequestTimeout, args...)
	var refused ServerError
	if err != nil && !errors.As(err, &refused) {
		p.conn.Close()
		p.conn = nil
	}
	return reply, err
}

func (p *pinned) Close() error {
	if p.conn == nil {
		return nil
	}
	return p.conn.Close()
}

// quiet drops what go-redis says by itself: that nodes are down is what the tests are about.
type quiet struct{}

func (quiet) Printf(context.Context, string, ...any) {}

func init() { redis.SetLogger(quiet{}) }

// goRedis is the cluster client of go-redis with its repetitions turned off.
type goRedis struct{ client *redis.ClusterClient }

// GoRedis returns a client that finds the leader of each key through the nodes named.
func GoRedis(addrs []string, modes Modes) Client {
	return &goRedis{client: redis.NewClusterClient(&redis.ClusterOptions{
		Addrs: addrs, MaxRedirects: -1, MaxRetries: -1, PoolSize: 2, ReadTimeout: RequestTimeout, WriteTimeout: RequestTimeout,
		OnConnect: func(ctx context.Context, conn *redis.Conn) error {
			for _, command := range modes.commands() {
				if err := conn.Do(ctx, command[0], command[1], command[2]).Err(); err != nil {
					return err
				}
			}
			return nil
		},
	})}
}

func (g *goRedis) do(args []string) (any, error) {
	command := make([]any, len(args))
	for i, a := range args {
		command[i] = a
	}
	reply, err := g.client.Do(context.Background(), command...).Result()
	if errors.Is(err, redis.Nil) {
		return nil, nil
	}
	if err == nil {
		return reply, nil
	}
	g.client.ReloadState(context.Background())
	var failed *net.OpError
	if errors.As(err, &failed) && failed.Op == "dial" {
		err = errNotSent
	}
	return reply, err
}

func (g *goRedis) Close() error { return g.client.Close() }
