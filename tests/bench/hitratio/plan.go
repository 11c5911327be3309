package hitratio

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"github.com/holtcache/holt/shard/executor"
)

// Plan is what is measured.
type Plan struct {
	Seed uint64
	// Universe is how many keys the popular part of a trace has.
	Universe int
	// BudgetBytes is the memory for data that each cache has.
	BudgetBytes int64
	// Rate is how many keys a second are asked for, at each cache, Duration for how long. The first half warms up.
	Rate     int
	Duration time.Duration
	// Policies are what is compared; Samples is how many keys are looked at for one that goes, in both systems 5.
	Policies []executor.EvictionPolicy
	// Redis is the program redis-server, empty to measure Holt alone; Dir is where it writes its messages.
	Redis, Dir string
	// Replicas is how many replicas Holt has. With more than one, another takes over after three quarters of the time.
	// StampRound is how long it takes to tell the others of all access stamps of the leader; 0: they hear of none.
	Replicas   int
	StampRound time.Duration
}

const (
	// roundTime is how often a portion of the keys is asked for.
	roundTime = 10 * time.Millisecond
	// followEvery is how many rounds pass between two corrections of the budget of the cache that is to hold as many keys.
	followEvery = 50
)

// Result is what one policy came to on one trace.
type Result struct {
	Policy executor.EvictionPolicy
	Trace  string
	// Redis, SameMemory and SameKeys are the three caches; the latter two are Holt's.
	Redis, SameMemory, SameKeys Played
	// Undisturbed is SameMemory without the failover, where there is one.
	Undisturbed Played
}

// Played is how a trace went at one cache.
type Played struct {
	// Ratio is the share of hits in the second half of the trace, Last that in the last quarter, behind a failover.
	Ratio, Last float64
	// Held is how many keys the cache held in the end.
	Held int
}

// Run plays every trace to every cache, all at a time, and returns results in order of policies.
func (p *Plan) Run(ctx context.Context) (results []Result, err error) {
	requests := int(p.Duration.Seconds() * float64(p.Rate))
	traces := []Trace{Zipf(p.Seed, p.Universe, requests), ScanPolluted(p.Seed, p.Universe, requests)}
	results = make([]Result, len(p.Policies)*len(traces))
	var trios []*trio
	defer func() {
		for _, t := range trios {
			err = errors.Join(err, t.close())
		}
	}()
	for i := range results {
		results[i].Policy, results[i].Trace = p.Policies[i/len(traces)], traces[i%len(traces)].Name
		t, err := p.open(ctx, i, traces[i%len(traces)], &results[i])
		trios = append(trios, t)
		if err != nil {
			return nil, err
		}
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var all sync.WaitGroup
	start := time.Now()
	for _, t := range trios {
		for _, player := range t.players {
			all.Go(func() {
				if failed := player.play(ctx, p, start); failed != nil {
					cancel(fmt.Errorf("%T, %s, %d keys a second: %w", player.cache, t.name, p.Rate, failed))
				}
			})
		}
	}
	all.Wait()
	return results, context.Cause(ctx)
}

// trio is the three caches of one policy and trace.
type trio struct {
	name    string
	players []*player
	full    pace
}

// pace tells the cache that is to hold as many keys as another how far that one is.
type pace struct {
	round atomic.Int64
	// held is how many keys it holds, 0 until it is full.
	held atomic.Int64
}

func (p *Plan) open(ctx context.Context, number int, trace Trace, result *Result) (*trio, error) {
	t := &trio{name: fmt.Sprintf("%v on %s", result.Policy, result.Trace)}
	rules := executor.Eviction{Policy: result.Policy, BudgetBytes: p.BudgetBytes, Samples: 5, LFULogFactor: 10, LFUDecayMinutes: 1}
	add := func(c cache, err error, into *Played) (*player, error) {
		if err != nil {
			return nil, err
		}
		one := &player{cache: c, trace: trace.Keys, result: into}
		t.players = append(t.players, one)
		return one, nil
	}
	if p.Redis != "" {
		dir := filepath.Join(p.Dir, fmt.Sprint(number))
		if err := os.MkdirAll(dir, 0o700); err != nil {
			return t, err
		}
		r, err := openRedis(ctx, dir, p.Redis, result.Policy.String(), p.BudgetBytes)
		one, err := add(r, err, &result.Redis)
		if err != nil {
			return t, err
		}
		one.publish = &t.full
		h, err := openHolt(ctx, p.Replicas, rules)
		if one, err = add(h, err, &result.SameKeys); err != nil {
			return t, err
		}
		one.holt, one.follow = h, &t.full
	}
	h, err := openHolt(ctx, p.Replicas, rules)
	one, err := add(h, err, &result.SameMemory)
	if err != nil {
		return t, err
	}
	one.holt = h
	if p.Replicas > 1 {
		h, err := openHolt(ctx, 1, rules)
		if one, err = add(h, err, &result.Undisturbed); err != nil {
			return t, err
		}
		one.holt = h
	}
	return t, nil
}

func (t *trio) close() (err error) {
	for _, one := range t.players {
		err = errors.Join(err, one.cache.Close())
	}
	return err
}

// player plays a trace to one cache.
type player struct {
	cache  cache
	holt   *holt // the cache, where it is one
	trace  []uint32
	result *Played
	// publish is where a cache tells how far it is, follow is the same of the one whose number of keys this one is to
	// hold. held is the number of its own keys at the last look.
	publish, follow *pace
	held            int
}

func (o *player) play(ctx context.Context, p *Plan, start time.Time) error {
	size := max(1, int(float64(p.Rate)*roundTime.Seconds()))
	rounds := len(o.trace) / size
	var hits [4]int // in each quarter
	stamps := carrier{holt: o.holt, round: p.StampRound}
	for i := range rounds {
		select {
		case <-time.After(time.Until(start.Add(time.Duration(i) * roundTime))):
		case <-ctx.Done():
			return ctx.Err()
		}
		n, err := o.cache.Round(ctx, o.trace[i*size:(i+1)*size])
		if err != nil {
			return err
		}
		hits[i*4/rounds] += n
		if i%followEvery == 0 {
			if err := o.compare(ctx, i, i < rounds/2); err != nil {
				return err
			}
		}
		if o.holt == nil || len(o.holt.replicas) == 1 {
			continue
		}
		if err := stamps.step(roundTime); err != nil {
			return err
		}
		if i+1 == rounds/4*3 {
			if err := o.holt.failOver(ctx); err != nil {
				return err
			}
		}
	}
	quarter := float64(rounds/4) * float64(size)
	o.result.Ratio, o.result.Last = float64(hits[2]+hits[3])/2/quarter, float64(hits[3])/quarter
	var err error
	o.result.Held, err = o.cache.Held(ctx)
	return err
}

// compare makes one cache hold as many keys as the other, until what counts begins.
func (o *player) compare(ctx context.Context, round int, warming bool) error {
	held, err := o.cache.Held(ctx)
	switch {
	case err != nil:
		return err
	case o.publish != nil:
		if 200*max(held-o.held, o.held-held) < held { // under 0.5 % of change: it is full
			o.publish.held.Store(int64(held))
		}
		o.publish.round.Store(int64(round))
	case o.follow != nil:
		if err := o.follow.await(ctx, round); err != nil {
			return err
		}
		used := o.holt.lead().store.UsedBytes()
		want := o.follow.held.Load()
		if full := used > o.holt.rules.BudgetBytes*9/10; warming && want > 0 && held > 0 && (int64(held) > want || full) {
			o.holt.setBudget(used * want / int64(held))
		}
	}
	o.held = held
	return nil
}

// await waits until the other cache is not behind, on a machine that is too slow for the rate.
func (p *pace) await(ctx context.Context, round int) error {
	for p.round.Load() < int64(round) {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(roundTime):
		}
	}
	return nil
}
