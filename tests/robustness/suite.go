package main

import (
	"context"
	"flag"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	"github.com/holtcache/holt/tests/workload"
)

// suite does runs one after another, each with what has been covered least.
type suite struct {
	wishes
	random *rand.Rand
	until  time.Time      // zero: until everything has been covered once
	matrix []fault        // what there is to cover
	count  map[string]int // how often each was there
	counts map[string]int // by verdict
}

// faultsPerRun is how many faults one run of the suite has. One cluster for each would cost more time than the faults.
const faultsPerRun = 3

// triesMax is how often something that showed nothing is tried again before it counts against the suite.
const triesMax = 3

func newSuite() *suite {
	return &suite{matrix: slices.Clone(faults), count: map[string]int{}, counts: map[string]int{}}
}

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

func (s *suite) reseed() { s.random = rand.New(rand.NewPCG(s.seed, 100)) }

func runSuite(ctx context.Context, args []string) error {
	flags := flag.NewFlagSet("suite", flag.ContinueOnError)
	s := newSuite()
	s.define(flags)
	length := flags.Duration("time", 0, "how long to go on; 0: until every fault and every workload has been there once")
	first := flags.Bool("failfast", false, "end with the first broken promise")
	if err := flags.Parse(args); err != nil {
		return err
	}
	s.reseed()
	s.leaveOut()
	if len(s.matrix) == 0 {
		return invalidError("no fault is left")
	}
	began := time.Now()
	if *length > 0 {
		s.until = began.Add(*length)
	}
	fmt.Printf("suite from seed %d, %s\n", s.seed, commit())
	var failures, empty []string
	for i := 0; ctx.Err() == nil && s.goOn(); i++ {
		res, err := s.next(ctx)
		if err != nil {
			return err
		}
		switch err := res.err(); exitCode(err) {
		case 0:
		case 1:
			failures = append(failures, strings.Join(res.Reasons, "\n"))
		default:
			if res.Verdict == verdictInvalid {
				empty = append(empty, err.Error())
			}
		}
		if *first && len(failures) > 0 {
			break
		}
	}
	fmt.Printf("%v: %d runs ok, %d FAILED, %d INVALID, %d SKIPPED\n", time.Since(began).Round(time.Second),
		s.counts[verdictOK], s.counts[verdictFailed], s.counts[verdictInvalid], s.counts[verdictSkipped])
	switch {
	case len(failures) > 0:
		return failedError(fmt.Sprintf("%d runs broke a promise", len(failures)))
	case ctx.Err() != nil:
		return ctx.Err()
	case len(empty) > 0:
		return invalidError(fmt.Sprintf("%d runs showed nothing, and went on to when they were repeated", len(empty)))
	case s.counts[verdictOK] == 0:
		return invalidError("no run showed anything")
	}
	return nil
}

// goOn tells whether there is time for another run, or something that has not been covered.
func (s *suite) goOn() bool {
	if !s.until.IsZero() {
		return time.Now().Before(s.until)
	}
	for _, f := range s.matrix {
		if s.count["fault "+f.name] == 0 {
			return true
		}
	}
	for _, w := range s.wantedWorkloads() {
		if s.count["workload "+w.Name] == 0 {
			return true
		}
	}
	return false
}

// next does the run that covers most of what was covered least; it is repeated with another seed while it shows nothing.
func (s *suite) next(ctx context.Context) (RunResult, error) {
	a := s.choose()
	var res RunResult
	for range triesMax {
		a.seed = s.random.Uint64()
		o, err := expand(a)
		if err != nil {
			return res, err
		}
		res = execute(ctx, o, s.keeping())
		fmt.Println(res)
		s.counts[res.Verdict]++
		if err := appendRecord(s.results, Record{Run: &res}); err != nil {
			return res, err
		}
		if res.Verdict != verdictInvalid || ctx.Err() != nil {
			break
		}
	}
	return res, nil
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
	policies := []string{"always", "everysec", "no"}
	if a.fsync == "" {
		a.fsync = s.least("appendfsync ", policies)
	}
	if a.client == "" {
		a.client = s.least("client ", []string{"resp", "grpc"})
	}
	if len(a.workloads) == 0 {
		a.workloads = s.chooseWorkloads(a)
	}
	s.count["appendfsync "+a.fsync]++
	s.count["client "+a.client]++
	for _, name := range a.workloads {
		s.count["workload "+name]++
	}
	return a
}

func (s *suite) wantedWorkloads() []workload.Workload {
	names := split(s.wishes.workloads)
	return slices.DeleteFunc(workload.All(), func(w workload.Workload) bool {
		return len(names) > 0 && !slices.Contains(names, w.Name)
	})
}

func (s *suite) chooseFaults() []string {
	var names []string
	at := anywhere
	for len(names) < faultsPerRun {
		var fitting []string
		for _, f := range s.matrix {
			if !slices.Contains(names, f.name) && f.fits(at) {
				fitting = append(fitting, f.name)
			}
		}
		if len(fitting) == 0 {
			break
		}
		name := s.least("fault ", fitting)
		f, err := faultByName(name)
		if err != nil {
			break
		}
		names, at = append(names, name), max(at, f.place)
	}
	return names
}

func (s *suite) chooseWorkloads(a asked) []string {
	o := Options{AppendFsync: a.fsync}
	for _, name := range a.faults {
		o.Faults = append(o.Faults, Occurrence{Fault: name})
	}
	var names []string
	alone := map[string]bool{}
	for _, w := range workload.All() {
		if !o.mayLose() || survivesLoss(w.Name) {
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
