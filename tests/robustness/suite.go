package main

import (
	"context"
	"flag"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"time"
)

// suite does runs one after another, each with what has been covered least.
type suite struct {
	wishes
	random *rand.Rand
	until  time.Time      // zero: until everything has been covered once
	matrix []fault        // what there is to cover
	count  map[string]int // how often each was there
	begun  bool           // something was drawn already
	counts map[string]int // by verdict
}

// faultsPerRun is how many faults one run of the suite has. One cluster for each would cost more time than the faults.
const faultsPerRun = 3

// triesMax is how often something that showed nothing is tried again before it counts against the suite.
const triesMax = 3

func newSuite() *suite {
	return &suite{matrix: slices.Clone(faults), count: map[string]int{}, counts: map[string]int{}}
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
		if ctx.Err() != nil {
			break
		}
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
		if ctx.Err() != nil {
			return res, ctx.Err() // cut short, it tells nothing
		}
		fmt.Println(res)
		s.counts[res.Verdict]++
		if err := appendRecord(s.results, Record{Run: &res}); err != nil {
			return res, err
		}
		if res.Verdict != verdictInvalid {
			break
		}
	}
	return res, nil
}
