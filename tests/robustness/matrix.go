package main

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"

	"github.com/holtcache/holt/tests/nemesis"
)

// place is what nodes live on. The zero value is the machine that the tests run on.
type place uint8

const (
	// anywhere is fine.
	anywhere place = iota
	// machinesPlace: machines that lose their power.
	machinesPlace
	// smallDisksPlace: a disk that gets full.
	smallDisksPlace
)

// fault is a row of the matrix.
type fault struct {
	name  string
	about string
	place place
	// network: the nodes are the hosts of a network.
	network bool
	// clocks: each node has a wall clock of its own.
	clocks bool
	// dies: a node may say that it crashes, which is what the fault wants.
	dies bool
	// joins: nodes come and go.
	joins bool
	// nodes is how many there have to be at least; 0: 3.
	nodes int
	// shards: there has to be more than one.
	shards bool
	// loses: under everysec and no, writes that were acknowledged may be lost by it.
	loses bool
	// syncs: it hits the syncs of the log, which there have to be.
	syncs bool
	// longOnly: a moment of it would be no fault.
	longOnly bool
	// unseen: nobody need notice, since what it hits may be idle.
	unseen bool
	// wants, where it is set, says what the machine lacks beside what the place of the nodes needs.
	wants func() error
	make  func(*rig, *rand.Rand) nemesis.Fault
}

// faults is the matrix.
var faults = slices.Concat(processFaults, networkFaults, clockFaults, diskFaults, elasticFaults)

func faultByName(name string) (fault, error) {
	var names []string
	for _, f := range faults {
		if f.name == name {
			return f, nil
		}
		names = append(names, f.name)
	}
	return fault{}, fmt.Errorf("fault %q: use one of %s", name, strings.Join(names, ", "))
}

// fits tells whether a fault can be in a run with others: they may want the nodes to live in different places, and a node that
// joins lives on the machine that the tests run on.
func (f fault) fits(others []fault) bool {
	for _, o := range others {
		if f.place != anywhere && o.place != anywhere && f.place != o.place || f.joins && o.moved() || o.joins && f.moved() {
			return false
		}
	}
	return true
}

// moved tells whether nodes live elsewhere for the sake of a fault.
func (f fault) moved() bool { return f.network || f.place != anywhere }

// missing is nil where this machine can do it.
func (f fault) missing() error {
	var errs []error
	if f.network {
		errs = append(errs, (&nemesis.Disturbance{}).Missing())
	}
	switch f.place {
	case machinesPlace:
		errs = append(errs, (&nemesis.PowerCut{}).Missing())
	case smallDisksPlace:
		errs = append(errs, (&nemesis.FullDisk{}).Missing())
	}
	if f.wants != nil {
		errs = append(errs, f.wants())
	}
	return errors.Join(errs...)
}

// allowed is nil if a fault can be in a run with the options.
func (f fault) allowed(o Options) error {
	if o.Nodes < f.nodes {
		return fmt.Errorf("fault %s wants %d nodes, not %d", f.name, f.nodes, o.Nodes)
	}
	if f.shards && o.Shards == 1 {
		return fmt.Errorf("fault %s wants several shards", f.name)
	}
	if f.syncs && o.AppendFsync == "no" {
		return fmt.Errorf("fault %s wants a log that is synced, not appendfsync no", f.name)
	}
	return nil
}

// happening is a fault made of functions.
type happening struct {
	name       string
	begin, end func() error
	// effect is nil where it always has one.
	effect func() error
}

var _ nemesis.Fault = (*happening)(nil)

func (h *happening) Name() string   { return h.name }
func (h *happening) Missing() error { return nil }
func (h *happening) Begin() error   { return h.begin() }
func (h *happening) End() error     { return h.end() }
func (h *happening) TookEffect() error {
	if h.effect == nil {
		return nil
	}
	return h.effect()
}
