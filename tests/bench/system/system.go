// Package system starts the servers that are measured, each on free ports in a folder of its own.
package system

import (
	"context"
	"errors"
	"fmt"
	"net"
	"time"
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
	// PIDs are the server processes.
	PIDs []int

	processes []*process
}

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
func freePort(offsets ...int) (int, error) {
	const first, last, step = 20_001, 31_001, 500
	for port := first; port < last; port += step {
		if allFree(port, offsets) {
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
