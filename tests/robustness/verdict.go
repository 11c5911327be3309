package main

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/holtcache/holt/tests/model"
	"github.com/holtcache/holt/tests/report"
	"github.com/holtcache/holt/tests/workload"
)

// RunResult is what a run has shown, as it stands in a file of results.
type RunResult struct {
	Options Options
	// Verdict is ok, FAILED, INVALID or SKIPPED, and Reasons say why.
	Verdict string
	Reasons []string `json:",omitempty"`
	Seconds float64
	Faults  []Happened
	Checked []Checked
	// Diverged counts shards whose replicas held different things at the end.
	Diverged int `json:",omitempty"`
	// Leaders counts how often a leader began in the run.
	Leaders int
	// Folder is what was kept of it.
	Folder string `json:",omitempty"`
}

// Checked is what one workload has shown.
type Checked struct {
	Workload                string
	OK, NotApplied, Unknown int
	Keys, Operations        int
	// Violations are counted by class.
	Violations map[string]int `json:",omitempty"`
	// LostAsAllowed counts acknowledged writes that were lost where no promise says that they are not, and LossWindow is how
	// far apart their acknowledgements were, or how long before the fault the first of them was.
	LostAsAllowed int      `json:",omitempty"`
	LossWindow    Duration `json:",omitempty"`
	// LogEntries counts the committed log entries on which the replicas were compared.
	LogEntries int `json:",omitempty"`
}

func checked(v workload.Verdict) Checked {
	c := Checked{
		Workload: v.Workload, OK: v.OK, NotApplied: v.NotApplied, Unknown: v.Unknown, Keys: v.Keys, Operations: v.Checked,
		LogEntries: v.LogEntries, LostAsAllowed: v.Loss.Writes, LossWindow: Duration(v.Loss.Span), Violations: map[string]int{},
	}
	for class, n := range v.Counts {
		c.Violations[class.String()] += n
	}
	return c
}

// Happened is a fault that happened.
type Happened struct {
	Fault, What string
	// NoEffect says why it had no effect, "" if it had one.
	NoEffect string `json:",omitempty"`
	// Unserved is the longest time around it in which some client was not served.
	Unserved Duration
	// Whole is how long after its end every node was ready.
	Whole Duration
}

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

// crash is what a Go program says when it dies of a defect.
var crash = regexp.MustCompile(`(?m)^(panic: |fatal error: |WARNING: DATA RACE|unexpected fault address).*`)

// crashes looks for nodes that died of a defect, even where nobody noticed.
func (r *run) crashes() {
	for _, n := range r.rig.c.Nodes {
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
	for _, n := range r.rig.c.Nodes {
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

// noticeMin is the shortest time without service that somebody would notice beside the noise of a busy machine.
const noticeMin = 100 * time.Millisecond

// effects fills in how long clients were not served, and finds faults that nobody noticed though somebody should have.
func (r *run) effects(marks []report.Mark) {
	for i := range r.result.Faults {
		h, band := &r.result.Faults[i], r.bands[i]
		for _, v := range r.verdicts {
			occurrence := 0
			for _, before := range r.result.Faults[:i] {
				if before.Fault == h.Fault {
					occurrence++
				}
			}
			h.Unserved = max(h.Unserved, unserved(v.Gaps, h.Fault, occurrence))
		}
		row, err := faultByName(h.Fault)
		if err != nil || row.unseen || h.NoEffect != "" || time.Duration(h.Unserved) >= noticeMin {
			continue
		}
		led := slices.ContainsFunc(marks, func(m report.Mark) bool { return m.At >= band.From && m.At <= band.To+noticedWithin })
		failed := slices.ContainsFunc(r.ops, func(o model.Op) bool {
			return o.Outcome != model.OK && o.Return >= band.From && o.Call <= band.To
		})
		if !led && !failed {
			h.NoEffect = "no leader changed, no client was refused or had to wait"
		}
	}
}

// noticedWithin is how long after a fault a leader may still change because of it.
const noticedWithin = 2 * time.Second

// unserved is the longest gap around one occurrence of a fault. The gaps of each client are in the order of the faults.
func unserved(gaps []model.Gap, name string, occurrence int) Duration {
	longest, seen := time.Duration(0), map[int]int{}
	for _, g := range gaps {
		if g.Fault != name {
			continue
		}
		if seen[g.Client] == occurrence {
			longest = max(longest, g.Longest)
		}
		seen[g.Client]++
	}
	return Duration(longest)
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

// save keeps a run. The nodes end here, so that their folders do not change while they are copied.
func (r *run) save(marks []report.Mark) {
	dir := filepath.Join(r.keep.dir, r.o.folder())
	r.result.Folder = dir
	name := fmt.Sprintf("seed %d, %s under %s", r.o.Seed, strings.Join(r.o.Workloads, ", "), strings.Join(r.o.faultNames(), ", "))
	err := report.Write(dir, report.Run{
		Name: name, Verdict: r.result.Verdict, Reasons: r.result.Reasons, Failed: r.result.Verdict == verdictFailed, Began: r.began,
		Commands: r.o.commands(report.OptionsFile(dir)), Options: r.o, Ops: r.ops, Bands: r.bands, Marks: marks,
	})
	if err != nil {
		r.t.Logf("the report is not whole: %v", err)
	}
	r.rig.c.KillAll()
	for _, n := range r.rig.c.Nodes {
		if err := report.Copy(dir, fmt.Sprintf("node-%d.log", n.Number), n.LogFile()); err != nil {
			r.t.Logf("log of node %d: %v", n.Number, err)
		}
		if r.result.Verdict != verdictFailed {
			continue
		}
		if err := report.Copy(dir, fmt.Sprintf("node-%d", n.Number), n.Dir); err != nil {
			r.t.Logf("data of node %d: %v", n.Number, err)
		}
	}
	r.t.forget()
}
