package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"syscall"
	"time"

	"github.com/redis/go-redis/v9"
)

// fillPipeline is how many keys are written to Redis at once.
const fillPipeline = 1000

// loadedLine is what Redis logs after it has loaded a file.
var loadedLine = regexp.MustCompile(`DB loaded from disk: ([0-9.]+) seconds`)

// saveRedis measures SAVE, then a start with the file, of which Redis says itself how long it took.
func (p *plan) saveRedis(ctx context.Context, program, dir string, d data) (one saved, err error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return one, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	r, err := startRedis(ctx, program, dir)
	if err != nil {
		return one, err
	}
	err = p.fillRedis(ctx, r.client, d)
	if err == nil {
		began := time.Now()
		err = r.client.Save(ctx).Err()
		one.write = time.Since(began)
	}
	if err = errors.Join(err, r.stop()); err != nil {
		return one, err
	}
	info, err := os.Stat(filepath.Join(dir, "dump.rdb"))
	if err != nil {
		return one, err
	}
	one.bytes = info.Size()
	if r, err = startRedis(ctx, program, dir); err != nil {
		return one, err
	}
	keys, err := r.client.DBSize(ctx).Result()
	if err == nil && keys != int64(p.keys) {
		err = fmt.Errorf("loaded %d keys, want %d", keys, p.keys)
	}
	if err = errors.Join(err, r.stop()); err != nil {
		return one, err
	}
	text, err := os.ReadFile(filepath.Join(dir, "redis.log"))
	if err != nil {
		return one, err
	}
	found := loadedLine.FindSubmatch(text)
	if found == nil {
		return one, errors.New("its log does not say how long it took to load the file")
	}
	seconds, err := strconv.ParseFloat(string(found[1]), 64)
	one.load = time.Duration(seconds * float64(time.Second))
	return one, err
}

func (p *plan) fillRedis(ctx context.Context, c *redis.Client, d data) error {
	pipe := c.Pipeline()
	err := d.each(p.keys, func(key, value []byte) error {
		pipe.Set(ctx, string(key), string(value), 0)
		if pipe.Len() < fillPipeline {
			return nil
		}
		_, err := pipe.Exec(ctx)
		return err
	})
	if err == nil && pipe.Len() > 0 {
		_, err = pipe.Exec(ctx)
	}
	return err
}

// redisServer is one that runs.
type redisServer struct {
	cmd    *exec.Cmd
	client *redis.Client
}

func startRedis(ctx context.Context, program, dir string) (*redisServer, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	port := l.Addr().(*net.TCPAddr).Port
	if err := l.Close(); err != nil {
		return nil, err
	}
	r := &redisServer{
		cmd: exec.Command(program, "--port", fmt.Sprint(port), "--bind", "127.0.0.1", "--dir", dir, "--save", "", "--logfile", filepath.Join(dir, "redis.log")),
		client: redis.NewClient(&redis.Options{
			Addr: fmt.Sprintf("127.0.0.1:%d", port), ReadTimeout: time.Minute, MaxRetries: -1,
		}),
	}
	r.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := r.cmd.Start(); err != nil {
		return nil, err
	}
	for deadline := time.Now().Add(time.Minute); r.client.Ping(ctx).Err() != nil; time.Sleep(20 * time.Millisecond) {
		if time.Now().After(deadline) || ctx.Err() != nil {
			return nil, errors.Join(errors.New("it does not answer"), r.stop())
		}
	}
	return r, nil
}

// stop ends it at once: what counts is on disk, or lost for the measurement.
func (r *redisServer) stop() error {
	err := errors.Join(r.client.Close(), r.cmd.Process.Kill())
	_ = r.cmd.Wait() // it was killed
	return err
}
