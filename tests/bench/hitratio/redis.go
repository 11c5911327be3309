package hitratio

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strconv"
	"strings"
	"time"

	"github.com/holtcache/holt/gateway/resp"
	"github.com/holtcache/holt/tests/bench/system"
)

// ioMax bounds one exchange with Redis.
const ioMax = 10 * time.Second

// redis is one redis-server, without a log.
type redis struct {
	running *system.Running
	conn    net.Conn
	replies *resp.ReplyReader
	expire  bool
	packet  []byte
	value   []byte
}

// openRedis starts a redis-server with memory for data of budget bytes beside what it takes when it is empty.
func openRedis(ctx context.Context, dir, program, policy string, budget int64) (_ *redis, err error) {
	c := &redis{expire: strings.HasPrefix(policy, "volatile"), value: make([]byte, valueBytes)}
	if c.running, err = system.RedisCache(program, policy).Start(ctx, dir); err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, c.Close())
		}
	}()
	if c.conn, err = new(net.Dialer).DialContext(ctx, "unix", c.running.Addr); err != nil {
		return nil, err
	}
	c.replies = resp.NewReplyReader(c.conn)
	info, err := c.do("INFO", "memory")
	if err != nil {
		return nil, err
	}
	empty := int64(0)
	for _, line := range strings.Split(string(info.Str), "\r\n") {
		if n, ok := strings.CutPrefix(line, "used_memory:"); ok {
			empty, err = strconv.ParseInt(n, 10, 64)
		}
	}
	if err != nil || empty == 0 {
		return nil, fmt.Errorf("INFO memory: no used_memory: %w", err)
	}
	_, err = c.do("CONFIG", "SET", "maxmemory", strconv.FormatInt(empty+budget, 10))
	return c, err
}

func (c *redis) do(command ...string) (resp.Value, error) {
	c.packet = resp.AppendCommandStrings(c.packet[:0], command...)
	if err := c.send(); err != nil {
		return resp.Value{}, err
	}
	return c.reply()
}

func (c *redis) send() error {
	if err := c.conn.SetDeadline(time.Now().Add(ioMax)); err != nil {
		return err
	}
	_, err := c.conn.Write(c.packet)
	return err
}

func (c *redis) reply() (resp.Value, error) {
	reply, err := c.replies.Read()
	if err == nil && reply.IsError() {
		err = errors.New(string(reply.Str))
	}
	return reply, err
}

func (c *redis) Round(_ context.Context, keys []uint32) (hits int, err error) {
	var key []byte
	c.packet = c.packet[:0]
	for _, n := range keys {
		key = appendKey(key[:0], n)
		c.packet = resp.AppendCommand(c.packet, []byte("GET"), key)
	}
	if err := c.send(); err != nil {
		return 0, err
	}
	c.packet = c.packet[:0]
	missed := 0
	for _, n := range keys {
		reply, err := c.reply()
		if err != nil {
			return 0, err
		}
		if reply.Kind == resp.KindBulk {
			hits++
			continue
		}
		missed++
		key = appendKey(key[:0], n)
		if c.expire {
			c.packet = resp.AppendCommand(c.packet, []byte("SET"), key, c.value, []byte("EX"), strconv.AppendInt(nil, int64(ttlSeconds(n)), 10))
		} else {
			c.packet = resp.AppendCommand(c.packet, []byte("SET"), key, c.value)
		}
	}
	if missed == 0 {
		return hits, nil
	}
	if err := c.send(); err != nil {
		return 0, err
	}
	for range missed {
		if _, err := c.reply(); err != nil {
			return 0, err
		}
	}
	return hits, nil
}

func (c *redis) Held(context.Context) (int, error) {
	reply, err := c.do("DBSIZE")
	return int(reply.Int), err
}

func (c *redis) Close() error {
	if c.conn != nil {
		c.conn.Close()
	}
	return c.running.Stop()
}
