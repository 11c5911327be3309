package main

import (
	"cmp"
	"fmt"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/holtcache/holt/tests/workload"
)

// asked is what a caller wants of the options; what is zero is drawn.
type asked struct {
	seed                 uint64
	nodes, shards        int
	replicas             int
	fsync, reads, client string
	faults, workloads    []string
	time                 time.Duration
	rate                 int
}

const (
	// runTimeDefault is the length of phase 1 without the calm at its ends.
	runTimeDefault = 15 * time.Second
	calm           = 1500 * time.Millisecond
	// A fault lasts long, for more than two elections, or short, for less than one.
	holdLongMin, holdLongMax   = 1200 * time.Millisecond, 3500 * time.Millisecond
	holdShortMin, holdShortMax = 50 * time.Millisecond, 250 * time.Millisecond
	shortEvery                 = 5
	afterMin, afterMax         = 500 * time.Millisecond, 2 * time.Second
	rateDefault                = 500
	// fiveEvery is in how many runs one has five nodes, fullEvery in how many of these one has as many replicas.
	fiveEvery, fullEvery = 3, 2
)

// expand draws what was not asked for. The same seed and the same wishes give the same options.
func expand(a asked) (Options, error) {
	source := func(stream uint64) *rand.Rand { return rand.New(rand.NewPCG(a.seed, stream)) } // so that one wish does not change the rest
	random := source(1)
	o := Options{Seed: a.seed, Nodes: a.nodes, Shards: a.shards, Replicas: a.replicas, AppendFsync: a.fsync, Reads: a.reads, Client: a.client, Rate: a.rate, Calm: Duration(calm)}
	draw := func(list ...string) string { return list[random.IntN(len(list))] }
	nodes, fsync, client, shards := 3, draw("always", "always", "everysec", "no"), draw("resp", "resp", "grpc"), random.IntN(3)
	if random.IntN(fiveEvery) == 0 {
		nodes = 5
	}
	o.Nodes = cmp.Or(o.Nodes, max(nodes, a.replicas))
	o.Rate = cmp.Or(o.Rate, rateDefault)
	if a.shards == 0 && shards == 0 {
		o.Shards = 1
	}
	if o.AppendFsync == "" {
		o.AppendFsync = fsync
		if fsync == "no" && anySyncs(a.faults) {
			o.AppendFsync = "always"
		}
	}
	o.Client = cmp.Or(o.Client, client)
	a.time = cmp.Or(a.time, runTimeDefault)
	modes := source(5)
	o.Reads = cmp.Or(o.Reads, []string{readsLease, readsIndex}[modes.IntN(2)])
	replicas := 3
	if modes.IntN(fullEvery) == 0 {
		replicas = o.Nodes
	}
	o.Replicas = cmp.Or(o.Replicas, replicas)
	var err error
	if o.Faults, err = drawFaults(source(2), source(3), a.faults, a.time, o); err != nil {
		return o, err
	}
	if o.Workloads, err = drawWorkloads(source(4), a.workloads, o); err != nil {
		return o, err
	}
	if slices.Contains(o.Workloads, "eviction") {
		o.Shards = 0 // a shard's part of the memory is small only where there are several
	}
	if a.shards == 0 && (slices.Contains(o.faultNames(), "full-disk") || o.any(func(f fault) bool { return f.shards })) {
		o.Shards = 0 // the node with the small disk has to hold a replica, and slots have to have somewhere to go
	}
	return o, o.check()
}

// anySyncs tells whether one of the faults wants a log that is synced.
func anySyncs(names []string) bool {
	return slices.ContainsFunc(names, func(name string) bool {
		f, err := faultByName(name)
		return err == nil && f.syncs
	})
}

// drawFaults fills the time with faults: each that was asked for in turn, or any that may be in one run.
func drawFaults(which, when *rand.Rand, names []string, length time.Duration, o Options) ([]Occurrence, error) {
	wanted := len(names) > 0
	if !wanted {
		var drawn []fault
		for _, i := range which.Perm(len(faults)) {
			if f := faults[i]; f.fits(drawn) && f.allowed(o) == nil {
				names, drawn = append(names, f.name), append(drawn, f)
			}
		}
	}
	var list []Occurrence
	for total := time.Duration(0); ; {
		name := names[len(list)%len(names)]
		f, err := faultByName(name)
		if err != nil {
			return nil, err
		}
		hold := between(when, holdLongMin, holdLongMax)
		if when.IntN(shortEvery) == 0 && !f.longOnly {
			hold = between(when, holdShortMin, holdShortMax)
		}
		occurrence := Occurrence{Fault: name, After: Duration(between(when, afterMin, afterMax)), Hold: Duration(hold)}
		total += time.Duration(occurrence.After + occurrence.Hold)
		if total > length && (!wanted || len(list) >= len(names)) && len(list) > 0 {
			return list, nil
		}
		list = append(list, occurrence)
	}
}

func between(random *rand.Rand, from, to time.Duration) time.Duration {
	return (from + time.Duration(random.Int64N(int64(to-from)))).Truncate(time.Millisecond)
}

// workloadsMax is how many workloads share a run that did not ask for some.
const workloadsMax = 3

// drawWorkloads draws workloads that may share a cluster and that the faults leave something to check.
func drawWorkloads(random *rand.Rand, names []string, o Options) ([]string, error) {
	if len(names) > 0 {
		return names, nil
	}
	var shared, alone []string
	for _, w := range workload.All() {
		switch {
		case o.judges(w.Name) != nil:
		case w.Alone:
			alone = append(alone, w.Name)
		default:
			shared = append(shared, w.Name)
		}
	}
	random.Shuffle(len(shared), func(i, j int) { shared[i], shared[j] = shared[j], shared[i] })
	if len(alone) > 0 && (len(shared) == 0 || random.IntN(len(shared)+len(alone)) < len(alone)) {
		return alone[random.IntN(len(alone)):][:1], nil
	}
	if len(shared) == 0 {
		return nil, fmt.Errorf("no workload can be judged under these faults")
	}
	return shared[:min(len(shared), workloadsMax)], nil
}
