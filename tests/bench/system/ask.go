package system

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strconv"
	"strings"
	"time"

	"github.com/holtcache/holt/gateway/resp"
)

// askMax bounds one question to a server.
const askMax = 2 * time.Second

// ask sends one command on a connection of its own.
func ask(ctx context.Context, addr string, command ...string) (resp.Value, error) {
	d := net.Dialer{Timeout: askMax}
	c, err := d.DialContext(ctx, "tcp", addr)
	if err != nil {
		return resp.Value{}, err
	}
	defer c.Close()
	if err := c.SetDeadline(time.Now().Add(askMax)); err != nil {
		return resp.Value{}, err
	}
	if _, err := c.Write(resp.AppendCommandStrings(nil, command...)); err != nil {
		return resp.Value{}, err
	}
	reply, err := resp.NewReplyReader(c).Read()
	if err == nil && reply.IsError() {
		err = errors.New(string(reply.Str))
	}
	return reply, err
}

// Info sums a number of INFO over all addresses: used_memory, say.
func (r *Running) Info(ctx context.Context, section, field string) (int64, error) {
	var sum int64
	for _, addr := range r.Addrs {
		reply, err := ask(ctx, addr, "INFO", section)
		if err != nil {
			return 0, fmt.Errorf("INFO of %s: %w", addr, err)
		}
		n, err := parseInfo(string(reply.Str), field)
		if err != nil {
			return 0, fmt.Errorf("INFO %s of %s: %w", section, addr, err)
		}
		sum += n
	}
	return sum, nil
}

func parseInfo(text, field string) (int64, error) {
	for line := range strings.Lines(text) {
		if value, ok := strings.CutPrefix(line, field+":"); ok {
			return strconv.ParseInt(strings.TrimSpace(value), 10, 64)
		}
	}
	return 0, fmt.Errorf("it has no field %s", field)
}

// Keys is how many keys there are, those of all addresses together.
func (r *Running) Keys(ctx context.Context) (int64, error) {
	var sum int64
	for _, addr := range r.Addrs {
		reply, err := ask(ctx, addr, "DBSIZE")
		if err != nil {
			return 0, fmt.Errorf("DBSIZE of %s: %w", addr, err)
		}
		sum += reply.Int
	}
	return sum, nil
}
