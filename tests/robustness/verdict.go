package main

import (
	"fmt"
	"slices"

	"github.com/holtcache/holt/tests/model"
)

// The words for a run.
const (
	verdictOK      = "ok"
	verdictFailed  = "FAILED"
	verdictInvalid = "INVALID"
	verdictSkipped = "SKIPPED"
)

// conclude judges a run while its nodes are still there, ends them, and keeps what is worth it.
func (r *run) conclude() {
	marks := r.leaders()
	if !r.stopped { // the run has been cut short
		r.crashes()
		for _, s := range r.sessions {
			_ = s.Stop() // what went wrong is known
		}
	}
	for _, s := range r.sessions {
		for _, o := range s.History.Ops() {
			o.Client += s.client
			o.Call, o.Return = o.Call+s.offset, o.Return+s.offset
			r.ops = append(r.ops, o)
		}
	}
	slices.SortStableFunc(r.ops, func(a, b model.Op) int { return int(a.Call - b.Call) })
	r.effects(marks)
	r.judge()
	if r.result.Verdict == verdictFailed || r.keep.always {
		r.save(marks)
	}
}

// judge finds the word for the run.
func (r *run) judge() {
	res := &r.result
	res.Verdict = verdictOK
	for _, v := range r.verdicts {
		res.Checked = append(res.Checked, checked(v))
	}
	for _, v := range r.verdicts {
		if v.Why != "" {
			res.Verdict = verdictInvalid
			res.Reasons = append(res.Reasons, fmt.Sprintf("workload %s: %s", v.Workload, v.Why))
		}
	}
	for _, h := range res.Faults {
		if h.NoEffect != "" {
			res.Verdict = verdictInvalid
			res.Reasons = append(res.Reasons, fmt.Sprintf("fault %s had no effect: %s", h.Fault, h.NoEffect))
		}
	}
	if why := r.t.skip(); why != "" {
		res.Verdict, res.Reasons = verdictSkipped, []string{why}
	}
	// What is wrong is wrong, however little happened.
	var wrong []string
	for _, v := range r.verdicts {
		for _, one := range v.Violations {
			wrong = append(wrong, fmt.Sprintf("workload %s: %v: %s", v.Workload, one.Class, one.Text))
		}
	}
	if wrong = append(wrong, r.t.failed()...); len(wrong) > 0 {
		res.Verdict, res.Reasons = verdictFailed, wrong
	}
}
