package main

import (
	"fmt"
	"path/filepath"
	"strings"

	"github.com/holtcache/holt/tests/report"
)

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
	if r.rig != nil {
		r.rig.c.KillAll()
	}
	for _, n := range r.nodes() {
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
