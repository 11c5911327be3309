package main

import (
	"cmp"
	"fmt"
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
	Shards int
	// Replicas is how many each shard has.
	Replicas    int
	AppendFsync string
	// Reads is the mode of linearizable reads, or both with a comma between them: clients have them in turn then.
	Reads string
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

// The values of Options.Reads.
const (
	readsLease = "lease"
	readsIndex = "index"
	readsBoth  = "lease,index"
)

// readModes are those of the workloads.
func (o Options) readModes() []string { return split(strings.ToUpper(o.Reads)) }

// Occurrence is one fault of a run.
type Occurrence struct {
	Fault string
	// After is the time since the end of the fault before it, and since everything was whole again.
	After Duration
	// Hold is how long it lasts. Faults that are over at once ignore it.
	Hold Duration
}

// check says what cannot be.
func (o Options) check() error {
	if o.Nodes != 3 && o.Nodes != 5 {
		return fmt.Errorf("-nodes %d: use 3 or 5", o.Nodes)
	}
	if o.Replicas != 3 && o.Replicas != 5 || o.Replicas > o.Nodes {
		return fmt.Errorf("-replicas %d: use 3, or where there are as many nodes 5", o.Replicas)
	}
	if !slices.Contains([]string{"always", "everysec", "no"}, o.AppendFsync) {
		return fmt.Errorf("-appendfsync %s: use always, everysec or no", o.AppendFsync)
	}
	if !slices.Contains([]string{readsLease, readsIndex, readsBoth}, o.Reads) {
		return fmt.Errorf("-reads %s: use lease, index or lease,index", o.Reads)
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
		if err := o.judges(name); err != nil {
			return err
		}
	}
	var among []fault
	for _, one := range o.Faults {
		f, err := faultByName(one.Fault)
		if err != nil {
			return err
		}
		if err := f.allowed(o); err != nil {
			return err
		}
		if !f.fits(among) {
			return fmt.Errorf("fault %s and another one want the nodes in different places", f.name)
		}
		among = append(among, f)
	}
	return nil
}

// mayLose tells whether these options allow that acknowledged writes are lost, although the default promises none.
func (o Options) mayLose() bool {
	return o.AppendFsync != "always" && o.any(func(f fault) bool { return f.loses })
}

// judges is nil if a workload can be judged under the faults.
func (o Options) judges(name string) error {
	switch {
	case o.mayLose() && !survivesLoss(name):
		return fmt.Errorf("workload %s proves nothing where acknowledged writes may be lost, as by these faults with appendfsync %s", name, o.AppendFsync)
	case !timeless(name) && o.any(func(f fault) bool { return f.clocks }):
		return fmt.Errorf("workload %s is about time, and cannot be judged while clocks are wrong", name)
	}
	return nil
}

// whole fills in what options from before it could be chosen do not say.
func (o Options) whole() Options {
	o.Replicas, o.Reads = cmp.Or(o.Replicas, 3), cmp.Or(o.Reads, readsBoth)
	return o
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
		fmt.Sprintf("go run ./tests/robustness run -seed %d -nodes %d -shards %d -replicas %d -appendfsync %s -reads %s -client %s -fault %s -workload %s -length %v -rate %d # at %s",
			o.Seed, o.Nodes, o.Shards, o.Replicas, o.AppendFsync, o.Reads, o.Client, strings.Join(o.faultNames(), ","), strings.Join(o.Workloads, ","), length, o.Rate, commit()),
	}
}

// survivesLoss tells whether a workload can be judged where acknowledged writes may be lost: it counts what is.
func survivesLoss(name string) bool { return name == "set" }
