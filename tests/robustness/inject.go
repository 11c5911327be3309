package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/holtcache/holt/tests/report"
)

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
				last = fmt.Errorf("node %d has ended", n.Number)
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
