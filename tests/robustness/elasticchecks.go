package main

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/holtcache/holt/tests/workload"
)

// elasticWorkloads are those whose histories are judged while a cluster grows and shrinks.
var elasticWorkloads = []string{"append", "counter", "register", "ttl"}

// checksRate is how many operations a second their clients do together.
const checksRate = 500

// progressMin is how many operations of a workload have to succeed after the last change for it to prove something.
const progressMin = 100

// startChecks lets the workloads work on the cluster as it is now; nodes that come later they hear of by redirections.
func (g *growing) startChecks() {
	target := g.c.Target()
	clients := len(elasticWorkloads) * len(target.Keys) * clientsPerShard
	for i, name := range elasticWorkloads {
		w, err := workload.ByName(name)
		if err != nil {
			g.t.Fatalf("%v", err)
		}
		s, err := w.Start(target, workload.Config{
			Kind: workload.RESP, Seed: uint64(i), Clients: clientsPerShard, Pause: time.Duration(clients) * time.Second / checksRate,
		})
		if err != nil {
			g.t.Fatalf("workload %s: %v", name, err)
		}
		g.checks = append(g.checks, s)
	}
}

// endChecks ends the workloads and judges them.
func (g *growing) endChecks() {
	ctx, cancel := context.WithTimeout(g.ctx, finishMax)
	defer cancel()
	verdicts := make([]workload.Verdict, len(g.checks))
	var wg sync.WaitGroup
	for i, s := range g.checks {
		s.Heal()
		wg.Go(func() {
			if err := errors.Join(s.WaitAlive(ctx), s.WaitProgress(ctx, progressMin)); err != nil {
				g.t.Errorf("workload %s: %v", elasticWorkloads[i], err)
			}
		})
	}
	wg.Wait()
	for i, s := range g.checks {
		wg.Go(func() { verdicts[i] = s.Finish(ctx) })
	}
	wg.Wait()
	for _, v := range verdicts {
		g.t.Logf("%v", v)
		if v.Result() == workload.Green {
			g.result.Operations += v.OK
			continue
		}
		g.t.Errorf("%v", v)
		for _, one := range v.Violations {
			g.t.Errorf("%s: %v: %s", v.Workload, one.Class, one.Text)
		}
	}
}
