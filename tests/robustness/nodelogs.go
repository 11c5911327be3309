package main

import (
	"fmt"
	"os"
	"regexp"
	"slices"
	"time"

	"github.com/holtcache/holt/tests/report"
)

// crash is what a Go program says when it dies of a defect.
var crash = regexp.MustCompile(`(?m)^(panic: |fatal error: |WARNING: DATA RACE|unexpected fault address).*`)

// crashes looks for nodes that died of a defect, even where nobody noticed.
func (r *run) crashes() {
	if r.o.any(func(f fault) bool { return f.dies }) {
		return
	}
	for _, n := range r.nodes() {
		log, err := os.ReadFile(n.LogFile())
		if err != nil {
			continue // it was never started
		}
		if line := crash.Find(log); line != nil {
			r.t.Errorf("node %d crashed: %s", n.Number, line)
		}
	}
}

// leaderBegan is the line of a log that says that a leader begins.
var leaderBegan = regexp.MustCompile(`(?m)^time=(\S+) .*msg="executor started" .*shard=(\d+) term=(\d+) .*after_release=(\S+)`)

// leaders reads in the logs of all nodes who began to lead when.
func (r *run) leaders() []report.Mark {
	var marks []report.Mark
	for _, n := range r.nodes() {
		log, err := os.ReadFile(n.LogFile())
		if err != nil {
			continue
		}
		for _, m := range leaderBegan.FindAllSubmatch(log, -1) {
			at, err := time.Parse(time.RFC3339Nano, string(m[1]))
			if err != nil || at.Before(r.began) {
				continue
			}
			how := "elected"
			if string(m[4]) == "true" {
				how = "after a hand-over"
			}
			marks = append(marks, report.Mark{At: at.Sub(r.began), Text: fmt.Sprintf("node %d leads shard %s in term %s, %s", n.Number, m[2], m[3], how)})
		}
	}
	slices.SortFunc(marks, func(a, b report.Mark) int { return int(a.At - b.At) })
	r.result.Leaders = len(marks)
	return marks
}
