package main

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/holtcache/holt/tests/cluster"
	"github.com/holtcache/holt/tests/workload"
)

// finish stops the work and judges it. All workloads end at once, since what replicas hold is compared when nobody writes.
func (r *run) finish(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, finishMax)
	defer cancel()
	r.verdicts = make([]workload.Verdict, len(r.sessions))
	r.stopped = true
	var wg sync.WaitGroup
	for i, s := range r.sessions {
		wg.Go(func() { r.verdicts[i] = s.Finish(ctx) })
	}
	wg.Wait()
	for i, s := range r.sessions {
		if r.o.mayLose() {
			r.allowLoss(s, &r.verdicts[i])
		}
	}
	r.compareReplicas()
	r.compareLogs()
}

// compareReplicas waits until all replicas hold the same.
func (r *run) compareReplicas() {
	var last error
	for end := time.Now().Add(liveMax); ; time.Sleep(readyEvery) {
		if last = r.rig.c.SameEverywhere(); last == nil {
			return
		}
		if time.Now().After(end) {
			break
		}
	}
	if errors.Is(last, cluster.ErrDiverged) {
		r.result.Diverged++
	}
	r.t.Errorf("%v after the end of all writes: %v", liveMax, last)
}

// compareLogs looks for the histories in the logs, which say what was applied, also in between. What was lost as allowed
// is not there.
func (r *run) compareLogs() {
	r.crashes()
	r.rig.c.KillAll()
	if r.o.mayLose() {
		return
	}
	logs := r.rig.c.Logs(r.rig.shards)
	for i, s := range r.sessions {
		if s.name != "async" {
			s.JudgeLogs(&r.verdicts[i], logs)
		}
	}
}
