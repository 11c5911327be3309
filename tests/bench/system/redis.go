package system

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
)

// Redis is one redis-server that takes the load, with followers that it sends its writes to without waiting. Without a
// policy of fsync it writes no file.
func Redis(name, program, fsync string, followers int) System {
	promise := "1 instance without a file"
	if fsync != "" {
		promise = "1 instance; each write is " + fsynced[fsync]
	}
	if followers > 0 {
		promise += fmt.Sprintf(", and sent to %d replicas after the reply", followers)
	}
	return System{Name: name, Promise: promise, Start: func(ctx context.Context, dir string) (*Running, error) {
		return startRedis(ctx, dir, program, fsync, followers)
	}}
}

func startRedis(ctx context.Context, dir, program, fsync string, followers int) (*Running, error) {
	var offsets []int
	for i := range 1 + followers {
		offsets = append(offsets, i)
	}
	port, err := freePort(offsets...)
	if err != nil {
		return nil, err
	}
	r := &Running{Addr: fmt.Sprintf("127.0.0.1:%d", port)}
	r.Addrs = []string{r.Addr}
	for i := range 1 + followers {
		if err := r.startReplica(ctx, filepath.Join(dir, fmt.Sprint(i)), program, fsync, port, i); err != nil {
			return nil, errors.Join(err, r.Stop())
		}
	}
	if followers > 0 {
		linked := fmt.Sprintf("connected_slaves:%d", followers)
		if err := r.awaitInfo(ctx, r.Addr, linked, "state=wait_bgsave", "state=send_bulk"); err != nil {
			return nil, errors.Join(err, r.Stop())
		}
	}
	return r, nil
}

// startReplica starts number i. Number 0 takes the load, the others follow it.
func (r *Running) startReplica(ctx context.Context, dir, program, fsync string, port, i int) error {
	addr := fmt.Sprintf("127.0.0.1:%d", port+i)
	if i == 0 {
		return r.startInstance(ctx, dir, program, fsync, addr, "role:master")
	}
	return r.startInstance(ctx, dir, program, fsync, addr, "master_link_status:up", "--replicaof", fmt.Sprint("127.0.0.1 ", port))
}

// startInstance starts one redis-server and waits until INFO replication says ready.
func (r *Running) startInstance(ctx context.Context, dir, program, fsync, addr, ready string, more ...string) error {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	host, port, err := net.SplitHostPort(addr)
	if err != nil {
		return err
	}
	// No snapshots: Holt's are triggered by bytes of log, of which this load makes few.
	args := []string{"--repl-diskless-sync-delay", "0", "--port", port, "--bind", host, "--dir", dir, "--save", ""}
	if fsync != "" {
		args = append(args, "--appendonly", "yes", "--appendfsync", fsync)
	}
	p, err := start(filepath.Join(dir, "redis.log"), nil, program, append(args, more...)...)
	if err != nil {
		return err
	}
	r.processes = append(r.processes, p)
	r.PIDs = append(r.PIDs, p.pid())
	return r.awaitInfo(ctx, addr, ready)
}

// awaitInfo waits until INFO replication says want and nothing of not.
func (r *Running) awaitInfo(ctx context.Context, addr, want string, not ...string) error {
	return r.await(ctx, "start of "+r.processes[0].name, func() error {
		info, err := ask(ctx, addr, "INFO", "replication")
		if err != nil {
			return err
		}
		for _, word := range not {
			if strings.Contains(string(info.Str), word) {
				return fmt.Errorf("%s: INFO says %s", addr, word)
			}
		}
		if !strings.Contains(string(info.Str), want) {
			return fmt.Errorf("%s: INFO does not say %s", addr, want)
		}
		return nil
	})
}
