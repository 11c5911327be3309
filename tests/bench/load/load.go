// Package load drives SET or GET against a server that speaks RESP.
//
// It has two ways to do so. Closed: each connection sends the next pipeline when the last is answered, which measures
// throughput. Open ([Spec.Rate]): requests arrive when a clock says so, whether or not earlier ones are answered, and
// latency counts from that arrival, which measures what a user sees at that load. A server that stalls for a second
// under open load shows it in the latency of every request of that second (no coordinated omission).
package load

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/holtcache/holt/proto/slot"
)

// Op is what the load consists of.
type Op string

const (
	OpSet Op = "SET"
	OpGet Op = "GET"
)

// Spec says what to send.
type Spec struct {
	Addr    string // any node of a cluster, or the one server
	Cluster bool   // keys go to the leader of their slot, as CLUSTER SLOTS tells
	Op      Op
	// Conns are spread over the leaders evenly.
	Conns int
	// Pipeline is how many requests a connection sends before it waits; under open load, how many at most in one packet.
	Pipeline   int
	ValueBytes int
	// ValueBytesMax, if set, makes Fill write values of ValueBytes to so many bytes.
	ValueBytesMax int
	// Keys is how many there are. Each request takes one of its leader's at random.
	Keys int
	// Prefix is what keys begin with, 4 bytes; "key:" if empty.
	Prefix string
	// Slots, if set, are those of all keys; leaders of others are left alone.
	Slots []slot.Range
	// Options end each SET: EX 10, say.
	Options []string
	// Passes is how often Fill writes each key, in a new order from the second time on; 0 means once.
	Passes int
	// Warmup is not measured.
	Warmup time.Duration
	// Window is what is measured.
	Window time.Duration
	// Rate is the requests a second of open load, all connections together; 0 means closed.
	Rate float64
	// Setup are commands each connection begins with.
	Setup [][]string
	// Edge is called at both ends of the window.
	Edge func()
}

// Result is what came of it.
type Result struct {
	// Elapsed is the window as it was.
	Elapsed time.Duration
	// Latency holds one value for each request that was answered within the window.
	Latency *Histogram
	// Failed counts error replies, Missing counts null replies; neither is in Latency.
	Failed, Missing uint64
	// Pending is how many requests had arrived and were not answered at the end of the window, under open load.
	Pending int
	// Moved counts connections that had to follow a leader.
	Moved uint64
	// FirstError is the text of one error reply.
	FirstError string
	// ClientCPU is what the load generator itself used within the window.
	ClientCPU time.Duration
}

// Rate is the answered requests a second.
func (r Result) Rate() float64 { return float64(r.Latency.Count()) / r.Elapsed.Seconds() }

// run is one Run.
type run struct {
	spec     Spec
	routes   *routes
	tallies  []*tally    // one a connection
	streams  []*stream   // under open load, one a connection
	measured atomic.Bool // the window is open
	options  [][]byte    // of each SET
	cpu      time.Duration
}

// tally is what one connection counted. Its goroutine owns it until the run has ended.
type tally struct {
	latency                *Histogram
	failed, missing, moved uint64
	firstError             string
}

// Run sends until the window is over.
func Run(ctx context.Context, s Spec) (Result, error) {
	r, err := newRun(ctx, s)
	if err != nil {
		return Result{}, fmt.Errorf("%s at %s: %w", s.Op, s.Addr, err)
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var wg sync.WaitGroup
	if s.Rate > 0 {
		if err := r.startOpen(ctx, cancel, &wg); err != nil {
			return Result{}, fmt.Errorf("%s at %s: %w", s.Op, s.Addr, err)
		}
	} else {
		for i := range s.Conns {
			wg.Go(func() {
				if err := r.closed(ctx, i); err != nil {
					cancel(err)
				}
			})
		}
	}
	elapsed, pending := r.window(ctx)
	err = context.Cause(ctx)
	cancel(nil)
	wg.Wait()
	if err != nil {
		return Result{}, fmt.Errorf("%s at %s: %w", s.Op, s.Addr, err)
	}
	result := r.sum()
	result.Elapsed, result.Pending, result.ClientCPU = elapsed, pending, r.cpu
	return result, nil
}

func newRun(ctx context.Context, s Spec) (*run, error) {
	if s.Conns < 1 || s.Pipeline < 1 || s.Keys < 1 || s.ValueBytes < 1 {
		return nil, fmt.Errorf("%d connections, pipeline of %d, %d keys, values of %d bytes: each must be at least 1", s.Conns, s.Pipeline, s.Keys, s.ValueBytes)
	}
	r := &run{spec: s, routes: &routes{spec: s, keys: newKeySpace(s.Prefix, s.Keys, s.Slots)}}
	for _, option := range s.Options {
		r.options = append(r.options, []byte(option))
	}
	for range s.Conns {
		r.tallies = append(r.tallies, &tally{latency: NewHistogram()})
	}
	return r, r.routes.refresh(ctx, time.Time{})
}

// window waits until warm-up and measurement are over. It returns how long the latter was, and what was open at its end.
func (r *run) window(ctx context.Context) (elapsed time.Duration, pending int) {
	if !pause(ctx, r.spec.Warmup) {
		return 0, 0
	}
	r.edge()
	r.cpu = -processCPU()
	r.measured.Store(true)
	start := time.Now()
	pause(ctx, r.spec.Window)
	r.measured.Store(false)
	elapsed = time.Since(start)
	for _, s := range r.streams {
		pending += len(s.arrivals) + len(s.awaited)
	}
	r.cpu += processCPU()
	r.edge()
	return elapsed, pending
}

func (r *run) edge() {
	if r.spec.Edge != nil {
		r.spec.Edge()
	}
}

// pause tells whether d passed before ctx ended.
func pause(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// processCPU is the CPU time of this process so far.
func processCPU() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		panic(err) // there is no other reason than a wrong argument
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

func (r *run) sum() Result {
	all := Result{Latency: NewHistogram()}
	for _, t := range r.tallies {
		all.Latency.Merge(t.latency)
		all.Failed += t.failed
		all.Missing += t.missing
		all.Moved += t.moved
		if all.FirstError == "" {
			all.FirstError = t.firstError
		}
	}
	return all
}
