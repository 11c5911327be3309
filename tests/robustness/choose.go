package main

import (
	"fmt"
	"slices"
	"time"

	"github.com/holtcache/holt/tests/workload"
)

// leaveOut takes out of the matrix what was not asked for, and what this machine cannot do, and says so.
func (s *suite) leaveOut() {
	names := split(s.wishes.faults)
	s.matrix = slices.DeleteFunc(s.matrix, func(f fault) bool {
		if len(names) > 0 && !slices.Contains(names, f.name) || s.nodes == 3 && f.nodes > 3 {
			return true
		}
		err := f.missing()
		if err != nil {
			fmt.Printf("left out %s: %v\n", f.name, err)
		}
		return err != nil
	})
}

// choose draws, among what was covered least, faults that can be in one run, workloads that can be judged under them, and
// the rest.
func (s *suite) choose() asked {
	a := s.asks()
	a.time = time.Second // one occurrence of each fault, however long
	a.faults = s.chooseFaults()
	for _, name := range a.faults {
		if f, err := faultByName(name); err == nil && a.nodes < f.nodes {
			a.nodes = f.nodes
		}
		s.count["fault "+name]++
	}
	s.chooseNodes(&a)
	policies := []string{"always", "everysec", "no"}
	if anySyncs(a.faults) {
		policies = policies[:2]
	}
	if a.fsync == "" {
		a.fsync = s.least("appendfsync ", policies)
	}
	if a.reads == "" {
		a.reads = s.least("reads ", []string{readsLease, readsIndex})
	}
	if a.client == "" {
		a.client = s.least("client ", []string{"resp", "grpc"})
	}
	if len(a.workloads) == 0 {
		a.workloads = s.chooseWorkloads(a)
	}
	s.count["appendfsync "+a.fsync]++
	s.count["reads "+a.reads]++
	s.count["client "+a.client]++
	for _, name := range a.workloads {
		s.count["workload "+name] += workloadsMax / len(a.workloads) // one that works alone is not to have more runs than the others
	}
	return a
}

// chooseNodes gives five nodes to one run in three at least, those whose faults want them counted, and to every other of
// these as many replicas. Five nodes are much for two cores.
func (s *suite) chooseNodes(a *asked) {
	if a.nodes == 0 {
		a.nodes = max(3, a.replicas)
		if s.count["nodes 5"]*fiveEvery <= s.count["nodes 3"]+s.count["nodes 5"] {
			a.nodes = 5
		}
	}
	if a.replicas == 0 {
		a.replicas = 3
		if a.nodes == 5 && s.count["replicas 5"]*fullEvery <= s.count["nodes 5"] {
			a.replicas = 5
		}
	}
	s.count[fmt.Sprint("nodes ", a.nodes)]++
	s.count[fmt.Sprint("replicas ", a.replicas)]++
}

func (s *suite) wantedWorkloads() []workload.Workload {
	names := split(s.wishes.workloads)
	return slices.DeleteFunc(workload.All(), func(w workload.Workload) bool {
		return len(names) > 0 && !slices.Contains(names, w.Name)
	})
}

func (s *suite) chooseFaults() []string {
	var names []string
	var chosen []fault
	for len(names) < faultsPerRun {
		var fitting []string
		for _, f := range s.matrix {
			if !slices.Contains(names, f.name) && f.fits(chosen) {
				fitting = append(fitting, f.name)
			}
		}
		if len(fitting) == 0 {
			break
		}
		name := s.least("fault ", s.elasticFirst(fitting))
		f, err := faultByName(name)
		if err != nil {
			break
		}
		names, chosen = append(names, name), append(chosen, f)
	}
	return names
}

// elasticFirst leaves only faults in which slots or nodes move for the very first one, so that a suite of a minute has one.
func (s *suite) elasticFirst(names []string) []string {
	var elastic []string
	for _, f := range elasticFaults {
		if slices.Contains(names, f.name) {
			elastic = append(elastic, f.name)
		}
	}
	if s.begun || len(elastic) == 0 {
		return names
	}
	s.begun = true
	return elastic
}

func (s *suite) chooseWorkloads(a asked) []string {
	o := Options{AppendFsync: a.fsync}
	for _, name := range a.faults {
		o.Faults = append(o.Faults, Occurrence{Fault: name})
	}
	var names []string
	alone := map[string]bool{}
	for _, w := range workload.All() {
		if o.judges(w.Name) == nil {
			names, alone[w.Name] = append(names, w.Name), w.Alone
		}
	}
	first := s.least("workload ", names)
	chosen := []string{first}
	for !alone[first] && len(chosen) < workloadsMax {
		names = slices.DeleteFunc(names, func(name string) bool { return alone[name] || slices.Contains(chosen, name) })
		if len(names) == 0 {
			break
		}
		chosen = append(chosen, s.least("workload ", names))
	}
	return chosen
}

// least draws among the names those that were there least often.
func (s *suite) least(kind string, names []string) string {
	least := slices.MinFunc(names, func(a, b string) int { return s.count[kind+a] - s.count[kind+b] })
	var list []string
	for _, name := range names {
		if s.count[kind+name] == s.count[kind+least] {
			list = append(list, name)
		}
	}
	return list[s.random.IntN(len(list))]
}
