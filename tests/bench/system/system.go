// Package system starts the servers that are measured, each on free ports in a folder of its own.
package system

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"time"

	"github.com/holtcache/holt/tests/bench/load"
)

// System is one kind of server to measure.
type System struct {
	// Name identifies it in tables and flags.
	Name string
	// Promise is what an acknowledged write means there.
	Promise string
	// Start starts it with its data in dir and returns when it serves.
	Start func(ctx context.Context, dir string) (*Running, error)
}

// Running is a system that serves. Stop it.
type Running struct {
	// Addr is where clients begin.
	Addr string
	// Cluster tells that clients have to follow the slot map.
	Cluster bool
	// Addrs are all that clients may connect to.
	Addrs []string
	// PIDs are the server processes.
	PIDs []int
	// Logs are what Holt's nodes write to, one file for each.
	Logs []string
	// AdminAddr is where Holt's operator asks, by gRPC.
	AdminAddr string

	processes []*process
	drive     driver // nil: load.Fill and load.Run
}

// driver puts a load on a system that does not speak RESP.
type driver interface {
	fill(context.Context, load.Spec) error
	run(context.Context, load.Spec) (load.Result, error)
}

// Fill writes every key.
func (r *Running) Fill(ctx context.Context, s load.Spec) error {
	if r.drive != nil {
		return r.drive.fill(ctx, s)
	}
	s.Addr, s.Cluster = r.Addr, r.Cluster
	return load.Fill(ctx, s)
}

// Run sends a load until its window is over.
func (r *Running) Run(ctx context.Context, s load.Spec) (load.Result, error) {
	if r.drive != nil {
		return r.drive.run(ctx, s)
	}
	s.Addr, s.Cluster = r.Addr, r.Cluster
	return load.Run(ctx, s)
}

// CPUTime is what the server processes have used so far.
func (r *Running) CPUTime() (time.Duration, error) { return CPUTime(r.PIDs...) }

// ResidentBytes is the memory of the server processes.
func (r *Running) ResidentBytes() (int64, error) { return ResidentBytes(r.PIDs...) }

// Stop ends every process: those that do not end in time are killed.
func (r *Running) Stop() error {
	var errs []error
	for _, p := range r.processes {
		errs = append(errs, p.stop())
	}
	return errors.Join(errs...)
}

// startMax bounds the start of a system.
const startMax = 60 * time.Second

// await calls done until it returns nil, a process ends, or startMax is over.
func (r *Running) await(ctx context.Context, what string, done func() error) error {
	ctx, cancel := context.WithTimeout(ctx, startMax)
	defer cancel()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for {
		err := done()
		if err == nil {
			return nil
		}
		for _, p := range r.processes {
			if p.hasEnded() {
				return fmt.Errorf("%s: %s ended; its last words: %s", what, p.name, p.lastWords())
			}
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return fmt.Errorf("%s: %w: %w", what, ctx.Err(), err)
		}
	}
}

// freePort returns a port for which each port+offset is free at this moment, all below those that the kernel gives out.
// It tries at random: another run of this program may be looking at the same time.
func freePort(offsets ...int) (int, error) {
	const first, last, tries = 20_001, 31_001, 100
	for range tries {
		if port := first + rand.IntN(last-first); allFree(port, offsets) {
			return port, nil
		}
	}
	return 0, fmt.Errorf("no free ports from %d to %d", first, last)
}

func allFree(port int, offsets []int) bool {
	for _, offset := range offsets {
		l, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", port+offset))
		if err != nil {
			return false
		}
		l.Close()
	}
	return true
}
