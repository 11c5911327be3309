package main

import (
	"context"
	"io"
	"math/rand/v2"
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

	began    time.Time // of the work, once that begins
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
	r := &run{o: o, t: &step{out: k.out}, keep: k, began: time.Now()}
	r.result = RunResult{Options: o, Seconds: 0}
	r.t.do(func() {
		r.rig = newRig(r.t, o)
		r.t.Cleanup(r.conclude)
		r.rig.start(o)
		r.work(ctx)
	})
	r.result.Seconds = time.Since(r.t.began).Seconds()
	if r.rig == nil { // what the options say could not be prepared
		r.t.apart(r.conclude)
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
			Kind: kind, Seed: r.o.Seed + uint64(i), Reads: r.o.readModes(), Clients: clientsPerShard, Pause: pause, OKMin: okMin,
		})
		if err != nil {
			r.t.Fatalf("workload %s: %v", name, err)
		}
		r.sessions = append(r.sessions, session{s, name, time.Since(r.began) - s.History.Now(), i * clientsApart})
	}
}

// nodes are those of the cluster, none where it could not be prepared.
func (r *run) nodes() []*cluster.Node {
	if r.rig == nil {
		return nil
	}
	return r.rig.c.Nodes
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
