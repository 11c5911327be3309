package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"time"

	"github.com/holtcache/holt/shard/executor"
	"github.com/holtcache/holt/tests/bench/hitratio"
)

// eviction compares hit ratios: `bench eviction`.
func eviction(ctx context.Context, args []string, w io.Writer) (err error) {
	p := &hitratio.Plan{}
	f := flag.NewFlagSet("bench eviction", flag.ContinueOnError)
	f.Uint64Var(&p.Seed, "seed", 1, "what the traces are generated from")
	f.IntVar(&p.Universe, "keys", 200_000, "how many keys are popular, by Zipf's law")
	f.Int64Var(&p.BudgetBytes, "budget", 4<<20, "bytes for data in each cache")
	f.IntVar(&p.Rate, "rate", 5000, "requests a second at each cache")
	f.DurationVar(&p.Duration, "time", time.Minute, "how long a trace is")
	f.IntVar(&p.Replicas, "replicas", 1, "replicas of Holt; with more than one the leader changes after three quarters of the time")
	policies := f.String("policies", "allkeys-lru,allkeys-lfu,allkeys-random,volatile-lru,volatile-lfu,volatile-random,volatile-ttl", "policies to compare")
	alone := f.Bool("alone", false, "leave Redis out")
	if err := f.Parse(args); err != nil {
		return err
	}
	for _, name := range list(*policies) {
		policy, ok := executor.ParseEvictionPolicy(name)
		if !ok || policy == executor.NoEviction {
			return fmt.Errorf("-policies=%s: %q evicts nothing", *policies, name)
		}
		p.Policies = append(p.Policies, policy)
	}
	switch {
	case f.NArg() > 0:
		return fmt.Errorf("%q: there are only flags", strings.Join(f.Args(), " "))
	case p.Universe < 1000 || p.BudgetBytes < 1<<20 || p.Rate < 100 || p.Duration < time.Second || p.Replicas < 1:
		return errors.New("use at least -keys=1000, -budget=1048576, -rate=100, -time=1s, -replicas=1")
	}
	if !*alone {
		if p.Redis, err = exec.LookPath("redis-server"); err != nil {
			fmt.Fprintln(w, "redis-server is not installed (Debian: apt-get install redis-server): only Holt is measured")
		}
	}
	if p.Dir, err = os.MkdirTemp("", "holt-bench-"); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(p.Dir)) }()
	results, err := p.Run(ctx)
	if err != nil {
		return err
	}
	p.Report(w, results)
	return nil
}
