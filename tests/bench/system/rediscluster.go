package system

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/holtcache/holt/proto/slot"
)

// busOffset is how far the port on which masters of a Redis Cluster talk to each other stands above that of clients.
const busOffset = 100

// RedisCluster is a Redis Cluster of masters without replicas, which have the slots divided evenly. Without a policy of
// fsync they write no file.
func RedisCluster(name, program, fsync string, masters int) System {
	promise := fmt.Sprintf("%d masters without replicas", masters)
	if fsync == "" {
		promise += " and without a file"
	} else {
		promise += "; each write is " + fsynced[fsync]
	}
	return System{Name: name, Promise: promise, Start: func(ctx context.Context, dir string) (*Running, error) {
		return startRedisCluster(ctx, dir, program, fsync, masters)
	}}
}

func startRedisCluster(ctx context.Context, dir, program, fsync string, masters int) (*Running, error) {
	var offsets []int
	for i := range masters {
		offsets = append(offsets, i, busOffset+i)
	}
	port, err := freePort(offsets...)
	if err != nil {
		return nil, err
	}
	r := &Running{Addr: fmt.Sprintf("127.0.0.1:%d", port), Cluster: true}
	for i := range masters {
		addr := fmt.Sprintf("127.0.0.1:%d", port+i)
		r.Addrs = append(r.Addrs, addr)
		err := r.startInstance(ctx, filepath.Join(dir, fmt.Sprint(i)), program, fsync, addr, "role:master",
			"--cluster-enabled", "yes", "--cluster-port", fmt.Sprint(port+busOffset+i))
		if err != nil {
			return nil, errors.Join(err, r.Stop())
		}
	}
	if err := r.meet(ctx, port); err != nil {
		return nil, errors.Join(err, r.Stop())
	}
	return r, nil
}

// meet makes masters a cluster, as `redis-cli --cluster create` does, which wants three of them.
func (r *Running) meet(ctx context.Context, port int) error {
	for i, owned := range slot.Split(len(r.Addrs)) {
		for _, command := range [][]string{
			{"CLUSTER", "ADDSLOTSRANGE", fmt.Sprint(owned.First), fmt.Sprint(owned.Last)},
			{"CLUSTER", "SET-CONFIG-EPOCH", fmt.Sprint(i + 1)},
			{"CLUSTER", "MEET", "127.0.0.1", fmt.Sprint(port), fmt.Sprint(port + busOffset)},
		} {
			if _, err := ask(ctx, r.Addrs[i], command...); err != nil {
				return fmt.Errorf("%s at %s: %w", strings.Join(command[:2], " "), r.Addrs[i], err)
			}
		}
	}
	want := []string{"cluster_state:ok", fmt.Sprintf("cluster_known_nodes:%d\r", len(r.Addrs))}
	return r.await(ctx, "start of the Redis Cluster", func() error {
		for _, addr := range r.Addrs {
			info, err := ask(ctx, addr, "CLUSTER", "INFO")
			if err != nil {
				return err
			}
			for _, word := range want {
				if !strings.Contains(string(info.Str), word) {
					return fmt.Errorf("%s: CLUSTER INFO does not say %s", addr, strings.TrimSpace(word))
				}
			}
		}
		return nil
	})
}

// Reshard moves the first slots of the first master to the second one by `redis-cli --cluster reshard`, so many keys in
// one MIGRATE. What that prints is kept in dir.
func (r *Running) Reshard(ctx context.Context, redisCLI, dir string, slots, pipeline int) error {
	var ids []string
	for _, addr := range r.Addrs[:2] {
		id, err := ask(ctx, addr, "CLUSTER", "MYID")
		if err != nil {
			return fmt.Errorf("CLUSTER MYID of %s: %w", addr, err)
		}
		ids = append(ids, string(id.Str))
	}
	out, err := os.CreateTemp(dir, "reshard-*.log")
	if err != nil {
		return err
	}
	defer out.Close()
	c := exec.CommandContext(ctx, redisCLI, "--cluster", "reshard", r.Addr, "--cluster-from", ids[0], "--cluster-to", ids[1],
		"--cluster-slots", fmt.Sprint(slots), "--cluster-pipeline", fmt.Sprint(pipeline), "--cluster-yes")
	c.Stdout, c.Stderr = out, out
	if err := c.Run(); err != nil {
		return fmt.Errorf("redis-cli --cluster reshard: %w; its last words: %s", err, lastLine(out.Name()))
	}
	return nil
}
