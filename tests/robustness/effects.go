package main

import (
	"slices"
	"time"

	"github.com/holtcache/holt/tests/model"
	"github.com/holtcache/holt/tests/report"
)

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
