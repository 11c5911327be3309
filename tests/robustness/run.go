package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/holtcache/holt/tests/cluster"
	"github.com/holtcache/holt/tests/model"
	"github.com/holtcache/holt/tests/report"
	"github.com/holtcache/holt/tests/workload"
)

// run is one run under way: a cluster, workloads on it, and faults, until everything is healed and judged.
type run struct {
	o    Options
	t    *step
	rig  *rig
	keep keeping

	began    time.Time
	sessions []session
	bands    []report.Band
	verdicts []workload.Verdict
	result   RunResult
	ops      []model.Op
	stopped  bool
}

// session is one workload at work, and when its history began in the time of the run.
type session struct {
	*workload.Session
	name   string
	offset time.Duration
	client int // what its client ids begin at in the history of the run
}

// keeping says where folders of runs go.
type keeping struct {
	// dir holds a folder for each run that is kept.
	dir string
	// always keeps those too that show nothing bad.
	always bool
	out    io.Writer
}

const (
	// liveMax is how long after its last fault a cluster may take until everybody is served and all replicas hold the same.
	// A busy machine needs some of it; a broken cluster needs for ever.
	liveMax = 45 * time.Second
	// finishMax bounds the final reads, which come after that.
	finishMax = 60 * time.Second
	// okMin is how many operations of each workload have to succeed before, during and after the faults for it to prove
	// something.
	okMin = 20
	// clientsPerShard is how many clients of one workload work on each shard.
	clientsPerShard = 3
)

// execute does a run and returns what it has shown.
func execute(ctx context.Context, o Options, k keeping) RunResult {
	r := &run{o: o, t: &step{out: k.out}, keep: k}
	r.result = RunResult{Options: o, Seconds: 0}
	r.t.do(func() {
		r.rig = newRig(r.t, o)
		r.t.Cleanup(r.conclude)
		r.work(ctx)
	})
	r.result.Seconds = time.Since(r.t.began).Seconds()
	if r.rig == nil { // it has not come so far that there is anything to keep
		r.judge()
	}
	return r.result
}

// work is phase 1, faults, and phase 2, in which everything is whole.
func (r *run) work(ctx context.Context) {
	r.began = time.Now()
	random := rand.New(rand.NewPCG(r.o.Seed, 2))
	r.startSessions()
	r.progress(ctx, "before the faults", okMin)
	r.wait(ctx, time.Duration(r.o.Calm))
	for _, one := range r.o.Faults {
		r.wait(ctx, time.Duration(one.After))
		r.inject(ctx, one, random)
	}
	for _, s := range r.sessions {
		s.Heal()
	}
	alive, cancel := context.WithTimeout(ctx, liveMax)
	defer cancel()
	for _, s := range r.sessions {
		if err := s.WaitAlive(alive); err != nil {
			r.t.Fatalf("not live: workload %s, %v after everything was healed: %v", s.name, liveMax, err)
		}
	}
	r.progress(ctx, "after the faults", okMin)
	r.wait(ctx, time.Duration(r.o.Calm))
	r.finish(ctx)
}

func (r *run) startSessions() {
	target := r.rig.c.Target()
	kind, err := workload.ParseClientKind(r.o.Client)
	if err != nil {
		r.t.Fatalf("%v", err)
	}
	clients := len(r.o.Workloads) * len(target.Keys) * clientsPerShard
	pause := time.Duration(clients) * time.Second / time.Duration(r.o.Rate)
	for i, name := range r.o.Workloads {
		w, err := workload.ByName(name)
		if err != nil {
			r.t.Fatalf("%v", err)
		}
		if w.Alone {
			pause = 0 // it has a pace of its own
		}
		s, err := w.Start(target, workload.Config{
			Kind: kind, Seed: r.o.Seed + uint64(i), Clients: clientsPerShard, Pause: pause, OKMin: okMin,
		})
		if err != nil {
			r.t.Fatalf("workload %s: %v", name, err)
		}
		r.sessions = append(r.sessions, session{s, name, time.Since(r.began) - s.History.Now(), i * clientsApart})
	}
}

// clientsApart keeps the clients of one workload apart from those of the next.
const clientsApart = 100_000

// progress waits until every workload has gone on.
func (r *run) progress(ctx context.Context, when string, operations int) {
	ctx, cancel := context.WithTimeout(ctx, liveMax)
	defer cancel()
	for _, s := range r.sessions {
		if err := s.WaitProgress(ctx, operations); err != nil {
			r.t.Fatalf("not live: workload %s, %s: %v", s.name, when, err)
		}
	}
}

// wait lets the clients work for a while.
func (r *run) wait(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
		r.t.Skipf("interrupted")
	}
}

// inject lets one fault happen, and waits until every node is ready again.
func (r *run) inject(ctx context.Context, one Occurrence, random *rand.Rand) {
	row, err := faultByName(one.Fault)
	if err != nil {
		r.t.Fatalf("%v", err)
	}
	f := row.make(r.rig, random)
	if err := f.Missing(); err != nil {
		r.t.Skipf("%s: %v", one.Fault, err)
	}
	happened := Happened{Fault: one.Fault, What: f.Name()}
	r.t.Logf("%s for %v", f.Name(), time.Duration(one.Hold))
	var ends []func()
	for _, s := range r.sessions {
		ends = append(ends, s.Fault(one.Fault))
	}
	band := report.Band{Name: one.Fault, From: time.Since(r.began), Note: f.Name()}
	if err := f.Begin(); err != nil {
		r.t.Fatalf("%s: begin: %v", f.Name(), err)
	}
	r.wait(ctx, time.Duration(one.Hold))
	if err := f.End(); err != nil {
		r.t.Fatalf("%s: end: %v", f.Name(), err)
	}
	for _, end := range ends {
		end()
	}
	band.To = time.Since(r.began)
	r.whole(f.Name())
	happened.Whole = Duration(time.Since(r.began) - band.To)
	if err := f.TookEffect(); err != nil {
		happened.NoEffect = err.Error()
		band.Note += "; without effect: " + err.Error()
	}
	r.bands = append(r.bands, band)
	r.result.Faults = append(r.result.Faults, happened)
}

// whole waits until every node runs and serves every slot.
func (r *run) whole(after string) {
	var last error
	for end := time.Now().Add(liveMax); ; time.Sleep(readyEvery) {
		last = nil
		for _, n := range r.rig.c.Nodes {
			if !n.Running() {
				last = cluster.Never(fmt.Errorf("node %d has ended", n.Number))
			} else if err := n.Ready(); err != nil {
				last = err
			}
		}
		if last == nil {
			return
		}
		if time.Now().After(end) {
			r.t.Fatalf("not live: %v after %s: %v", liveMax, after, last)
		}
	}
}

// readyEvery is how often nodes are asked whether they are ready.
const readyEvery = 20 * time.Millisecond

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
