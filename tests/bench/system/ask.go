package system

import (
	"context"
	"errors"
	"net"
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
