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
	roaming := map[int]bool{}
	for i, v := range r.verdicts {
		for _, g := range v.Gaps {
			roaming[g.Client+r.sessions[i].client] = true
		}
	}
	for i := range r.result.Faults {
		h, band := &r.result.Faults[i], r.bands[i]
		h.Unserved = unserved(r.ops, roaming, r.bands, i)
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

// unserved is the longest time between two answers to one of the clients, around a fault. A client that has not been
// answered since the fault before was over still waits because of that one.
func unserved(ops []model.Op, clients map[int]bool, bands []report.Band, i int) Duration {
	after, next := time.Duration(0), time.Duration(1<<62)
	if i > 0 {
		after = bands[i-1].To
	}
	if i+1 < len(bands) {
		next = bands[i+1].From
	}
	answers := map[int][]time.Duration{}
	for _, o := range ops {
		if o.Outcome == model.OK && clients[o.Client] {
			answers[o.Client] = append(answers[o.Client], o.Return)
		}
	}
	longest := time.Duration(0)
	for _, at := range answers {
		slices.Sort(at)
		for j := 1; j < len(at); j++ {
			ofNext := at[j-1] >= bands[i].To && at[j] > next
			if at[j-1] >= after && at[j-1] < next && at[j] > bands[i].From && !ofNext {
				longest = max(longest, at[j]-at[j-1])
			}
		}
	}
	return Duration(longest)
}
