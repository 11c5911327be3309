package main

import (
	"context"
	"errors"
	"math/rand/v2"
	"strings"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/holtcache/holt/tests/bench/load"
	"github.com/holtcache/holt/tests/bench/system"
)

// phase is a part of a run that is counted on its own.
type phase int

const (
	phaseWarmup phase = iota
	phaseBefore
	phaseDuring
	phaseAfter
	phases
)

// foreground is what users do while slots move: requests at a fixed rate of go-redis' cluster client, half of them for keys
// that move and half for others, half of them GET and half SET. A latency counts from when the request should have been
// sent, and belongs to the phase of that moment.
type foreground struct {
	sides [2]*foregroundSide // of keys that move, and of others

	mu      sync.Mutex // protects the fields below
	phase   phase
	since   time.Time
	elapsed [phases]time.Duration
}

// foregroundSide has a client of its own, so that requests that wait for slots that move take no connection from others.
type foregroundSide struct {
	client *redis.ClusterClient
	keys   [][]byte

	mu      sync.Mutex // protects the field below
	tallies [phases]foregroundTally
}

type foregroundTally struct {
	latency         load.Histogram
	failed, missing uint64
	firstError      string
}

// foregroundFigures are those of one phase and side.
type foregroundFigures struct {
	Requests uint64  `json:"requests"`
	Rate     float64 `json:"requests_per_second"`
	Failed   uint64  `json:"failed"`
	Missing  uint64  `json:"missing"`
	Error    string  `json:"error,omitempty"`
	P50      micros  `json:"p50_us"`
	P99      micros  `json:"p99_us"`
	Max      micros  `json:"max_us"`
}

const (
	// foregroundConns is how many connections each client may have to a node: what comes while a slot stands still for a
	// quarter of a second at 2,000 requests a second.
	foregroundConns = 512
	// foregroundMax bounds one request: longer than any pause.
	foregroundMax = 30 * time.Second
)

func newForeground(running *system.Running, moving, staying [][]byte) *foreground {
	f := &foreground{since: time.Now()}
	for i, keys := range [][][]byte{moving, staying} {
		f.sides[i] = &foregroundSide{keys: keys, client: redis.NewClusterClient(&redis.ClusterOptions{
			Addrs: running.Addrs, PoolSize: foregroundConns, MinIdleConns: 8, ReadTimeout: foregroundMax, WriteTimeout: foregroundMax, PoolTimeout: foregroundMax,
		})}
	}
	return f
}

// run sends until ctx ends, and returns when everything is answered.
func (f *foreground) run(ctx context.Context, rate float64, valueBytes int) {
	var asked sync.WaitGroup
	defer asked.Wait()
	rng := rand.New(rand.NewPCG(1, 5))
	value := strings.Repeat("f", valueBytes)
	load.Arrivals(ctx, rate, func(at time.Time) {
		side, phase := f.sides[rng.IntN(2)], f.now()
		key, set := string(side.keys[rng.IntN(len(side.keys))]), rng.IntN(2) == 0
		asked.Go(func() { side.ask(phase, at, key, value, set) })
	})
}

// ask sends one request. What it waits for ends by itself, so ctx of the run does not interrupt it.
func (s *foregroundSide) ask(p phase, at time.Time, key, value string, set bool) {
	ctx, cancel := context.WithTimeout(context.Background(), foregroundMax)
	defer cancel()
	var err error
	if set {
		err = s.client.Set(ctx, key, value, 0).Err()
	} else {
		err = s.client.Get(ctx, key).Err()
	}
	took := time.Since(at)
	s.mu.Lock()
	defer s.mu.Unlock()
	t := &s.tallies[p]
	switch {
	case err == nil:
		t.latency.Add(took)
	case errors.Is(err, redis.Nil):
		t.missing++
	default:
		t.failed++
		if t.firstError == "" {
			t.firstError = err.Error()
		}
	}
}

func (f *foreground) now() phase {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.phase
}

// enter ends a phase and begins the next one.
func (f *foreground) enter(p phase) {
	f.mu.Lock()
	defer f.mu.Unlock()
	now := time.Now()
	f.elapsed[f.phase] += now.Sub(f.since)
	f.phase, f.since = p, now
}

// figures are those of a phase, once run has returned: of keys that move, and of others.
func (f *foreground) figures(p phase) (moving, staying foregroundFigures) {
	f.mu.Lock()
	defer f.mu.Unlock()
	seconds := f.elapsed[p].Seconds()
	return f.sides[0].figures(p, seconds), f.sides[1].figures(p, seconds)
}

func (s *foregroundSide) figures(p phase, seconds float64) foregroundFigures {
	s.mu.Lock()
	defer s.mu.Unlock()
	t := &s.tallies[p]
	return foregroundFigures{
		Requests: t.latency.Count(), Rate: float64(t.latency.Count()) / seconds, Failed: t.failed, Missing: t.missing, Error: t.firstError,
		P50: toMicros(t.latency.Quantile(0.5)), P99: toMicros(t.latency.Quantile(0.99)), Max: toMicros(t.latency.Max()),
	}
}

func (f *foreground) close() error {
	return errors.Join(f.sides[0].client.Close(), f.sides[1].client.Close())
}
