package main

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	"github.com/holtcache/holt/tests/workload"
)

// Options are everything that a run is made of. They follow from a seed and from what was asked for, and stand in the
// folder of the run.
type Options struct {
	Seed  uint64
	Nodes int
	// Shards is how many there are; 0: one for each node.
	Shards      int
	AppendFsync string
	// Client is the protocol that clients speak.
	Client    string
	Workloads []string
	// Rate is how many operations a second all clients do together at most. What finds faults is how operations
	// interleave, not how many there are.
	Rate int
	// Calm is how long the clients work before the first fault, and at least after the last.
	Calm   Duration
	Faults []Occurrence
}

// Occurrence is one fault of a run.
type Occurrence struct {
	Fault string
	// After is the time since the end of the fault before it, and since everything was whole again.
	After Duration
	// Hold is how long it lasts. Faults that are over at once ignore it.
	Hold Duration
}

// asked is what a caller wants of the options; what is zero is drawn.
type asked struct {
	seed              uint64
	nodes, shards     int
	fsync, client     string
	faults, workloads []string
	time              time.Duration
	rate              int
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
)

// expand draws what was not asked for. The same seed and the same wishes give the same options.
func expand(a asked) (Options, error) {
	source := func(stream uint64) *rand.Rand { return rand.New(rand.NewPCG(a.seed, stream)) } // so that one wish does not change the rest
	random := source(1)
	o := Options{Seed: a.seed, Nodes: a.nodes, Shards: a.shards, AppendFsync: a.fsync, Client: a.client, Rate: a.rate, Calm: Duration(calm)}
	draw := func(list ...string) string { return list[random.IntN(len(list))] }
	nodes, fsync, client, shards := 3, draw("always", "always", "everysec", "no"), draw("resp", "resp", "grpc"), random.IntN(3)
	if random.IntN(5) == 0 {
		nodes = 5
	}
	fillInt(&o.Nodes, nodes)
	fillInt(&o.Rate, rateDefault)
	if a.shards == 0 && shards == 0 {
		o.Shards = 1
	}
	if o.AppendFsync == "" {
		o.AppendFsync = fsync
	}
	if o.Client == "" {
		o.Client = client
	}
	if a.time == 0 {
		a.time = runTimeDefault
	}
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
	return o, o.check()
}

func fillInt(i *int, value int) {
	if *i == 0 {
		*i = value
	}
}

// drawFaults fills the time with faults: each that was asked for in turn, or any that may be in one run.
func drawFaults(which, when *rand.Rand, names []string, length time.Duration, o Options) ([]Occurrence, error) {
	wanted := len(names) > 0
	if !wanted {
		at := anywhere
		for _, i := range which.Perm(len(faults)) {
			if f := faults[i]; f.fits(at) && f.allowed(o) == nil {
				names, at = append(names, f.name), max(at, f.place)
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
		case o.mayLose() && !survivesLoss(w.Name):
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

// check says what cannot be.
func (o Options) check() error {
	if o.Nodes != 3 && o.Nodes != 5 {
		return fmt.Errorf("-nodes %d: use 3 or 5", o.Nodes)
	}
	if !slices.Contains([]string{"always", "everysec", "no"}, o.AppendFsync) {
		return fmt.Errorf("-appendfsync %s: use always, everysec or no", o.AppendFsync)
	}
	if _, err := workload.ParseClientKind(o.Client); err != nil {
		return err
	}
	for _, name := range o.Workloads {
		w, err := workload.ByName(name)
		if err != nil {
			return err
		}
		if w.Alone && len(o.Workloads) > 1 {
			return fmt.Errorf("workload %s works alone, not beside %s", name, strings.Join(o.Workloads, ", "))
		}
		if o.mayLose() && !survivesLoss(name) {
			return fmt.Errorf("workload %s proves nothing where acknowledged writes may be lost, as by these faults with appendfsync %s", name, o.AppendFsync)
		}
	}
	at := anywhere
	for _, one := range o.Faults {
		f, err := faultByName(one.Fault)
		if err != nil {
			return err
		}
		if err := f.allowed(o); err != nil {
			return err
		}
		if !f.fits(at) {
			return fmt.Errorf("fault %s and another one want the nodes in different places", f.name)
		}
		at = max(at, f.place)
	}
	return nil
}

// mayLose tells whether these options allow that acknowledged writes are lost, although the default promises none.
func (o Options) mayLose() bool {
	for _, one := range o.Faults {
		if f, err := faultByName(one.Fault); err == nil && f.loses && o.AppendFsync != "always" {
			return true
		}
	}
	return false
}

// folder is the name of a run's folder.
func (o Options) folder() string {
	return fmt.Sprintf("%s-seed-%d-%s", time.Now().UTC().Format("20060102T150405"), o.Seed, strings.Join(o.faultNames(), "+"))
}

// faultNames lists the faults, each once.
func (o Options) faultNames() []string {
	var names []string
	for _, one := range o.Faults {
		if !slices.Contains(names, one.Fault) {
			names = append(names, one.Fault)
		}
	}
	return names
}

// commands replay a run: by its options, whatever the tests have become since, and by its seed.
func (o Options) commands(file string) []string {
	var length time.Duration
	for _, one := range o.Faults {
		length += time.Duration(one.After + one.Hold)
	}
	return []string{
		"go run ./tests/robustness run -options " + file,
		fmt.Sprintf("go run ./tests/robustness run -seed %d -nodes %d -shards %d -appendfsync %s -client %s -fault %s -workload %s -length %v -rate %d # at %s",
			o.Seed, o.Nodes, o.Shards, o.AppendFsync, o.Client, strings.Join(o.faultNames(), ","), strings.Join(o.Workloads, ","), length, o.Rate, commit()),
	}
}

// survivesLoss tells whether a workload can be judged where acknowledged writes may be lost: it counts what is.
func survivesLoss(name string) bool { return name == "set" }
