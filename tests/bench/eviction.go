package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os/exec"
	"time"

	"github.com/holtcache/holt/shard"
	"github.com/holtcache/holt/shard/executor"
	"github.com/holtcache/holt/tests/bench/hitratio"
)

// eviction asks what full caches still find: hit ratios beside Redis.
func eviction(f *flag.FlagSet) func(context.Context, *bench) error {
	p := &hitratio.Plan{}
	f.Uint64Var(&p.Seed, "seed", 1, "what the traces are generated from")
	f.IntVar(&p.Universe, "keys", 200_000, "how many keys are popular, by Zipf's law")
	f.Int64Var(&p.BudgetBytes, "budget", 4<<20, "bytes for data in each cache")
	f.IntVar(&p.Rate, "rate", 5000, "requests a second at each cache")
	f.DurationVar(&p.Duration, "time", time.Minute, "how long a trace is")
	f.IntVar(&p.Replicas, "replicas", 1, "replicas of Holt; with more than one the leader changes after three quarters of the time")
	f.DurationVar(&p.StampRound, "stamps", shard.StampRoundDefault, "how long it takes to tell followers of all access stamps of the leader; 0: they hear of none")
	policies := choice{"allkeys-lru", "allkeys-lfu", "allkeys-random", "volatile-lru", "volatile-lfu", "volatile-random", "volatile-ttl"}
	f.Var(&policies, "policies", "policies to compare")
	alone := f.Bool("alone", false, "leave Redis out")
	return func(ctx context.Context, b *bench) error {
		for _, name := range policies {
			policy, ok := executor.ParseEvictionPolicy(name)
			if !ok || policy == executor.NoEviction {
				return fmt.Errorf("-policies=%s: %q evicts nothing", policies, name)
			}
			p.Policies = append(p.Policies, policy)
		}
		if p.Universe < 1000 || p.BudgetBytes < 1<<20 || p.Rate < 100 || p.Duration < time.Second || p.Replicas < 1 || p.StampRound < 0 {
			return errors.New("use at least -keys=1000, -budget=1048576, -rate=100, -time=1s, -replicas=1, -stamps=0")
		}
		if !*alone {
			var err error
			if p.Redis, err = exec.LookPath("redis-server"); err != nil {
				fmt.Fprintln(b.w, "redis-server is not installed (Debian: apt-get install redis-server): only Holt is measured")
			}
		}
		p.Dir = b.dir
		results, err := p.Run(ctx)
		if err != nil {
			return err
		}
		p.Report(b.w, results)
		return nil
	}
}
