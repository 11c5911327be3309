package system

import (
	"context"
	"errors"
	"net"
	"path/filepath"
)

// RedisCache is one redis-server that keeps nothing on disk and evicts by a policy once its maxmemory is set. It listens
// on a socket file, so that many can be started at a time: Running.Addr is its path.
func RedisCache(program, policy string) System {
	return System{Name: "redis-cache", Promise: "1 instance; nothing is kept on disk", Start: func(ctx context.Context, dir string) (*Running, error) {
		socket := filepath.Join(dir, "s")
		p, err := start(filepath.Join(dir, "redis.log"), nil, program, "--port", "0", "--unixsocket", socket, "--dir", dir,
			"--save", "", "--appendonly", "no", "--maxmemory-policy", policy)
		if err != nil {
			return nil, err
		}
		r := &Running{Addr: socket, PIDs: []int{p.pid()}, processes: []*process{p}}
		err = r.await(ctx, "start of "+p.name, func() error {
			c, err := new(net.Dialer).DialContext(ctx, "unix", socket)
			if err == nil {
				c.Close()
			}
			return err
		})
		if err != nil {
			return nil, errors.Join(err, r.Stop())
		}
		return r, nil
	}}
}
