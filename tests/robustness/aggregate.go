package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"runtime"
	"slices"
	"strings"

	"github.com/holtcache/holt/tests/model"
)

func readRecords(paths []string) ([]Record, error) {
	var records []Record
	for _, path := range paths {
		file, err := os.Open(path)
		if err != nil {
			return nil, err
		}
		defer file.Close()
		for lines := json.NewDecoder(bufio.NewReader(file)); ; {
			var r Record
			if err := lines.Decode(&r); errors.Is(err, io.EOF) {
				break
			} else if err != nil {
				return nil, fmt.Errorf("%s, record %d: %w", path, len(records)+1, err)
			}
			records = append(records, r)
		}
	}
	if len(records) == 0 {
		return nil, fmt.Errorf("%s: no results", strings.Join(paths, ", "))
	}
	return records, nil
}

// aggregate adds results up. All rows that could be there are, so that a zero is told apart from what was never tried.
func aggregate(records []Record) (Figures, error) {
	f := Figures{Machine: machine(), Runs: map[string]int{}, Faults: map[string]*FaultFigures{}}
	for _, row := range faults {
		f.Faults[row.name] = &FaultFigures{}
	}
	slices.SortStableFunc(records, func(a, b Record) int { return a.At.Compare(b.At) })
	f.Begun = records[0].At.Format("2006-01-02")
	for _, r := range records {
		if !slices.Contains(f.Commits, r.Commit) {
			f.Commits = append(f.Commits, r.Commit)
		}
		if r.Failovers != nil {
			f.addFailovers(r.Failovers)
		}
		if r.Elastic != nil {
			f.Elastic = append(f.Elastic, r.Elastic)
		}
		if r.Run != nil {
			f.addRun(r.Run)
		}
	}
	slices.SortFunc(f.Promises, func(a, b *PromiseFigures) int {
		return slices.Compare([]string{a.Workload, a.AppendFsync, a.Reads}, []string{b.Workload, b.AppendFsync, b.Reads})
	})
	return f, nil
}

func (f *Figures) addFailovers(one *Failovers) {
	for _, f := range f.Failovers {
		if f.Fault == one.Fault && f.Nodes == one.Nodes {
			f.Times = append(f.Times, one.Times...)
			f.Requests += one.Requests
			f.Failed += one.Failed
			for _, p := range one.Phases {
				f.addPhase(p.Name, p.Times...)
			}
			return
		}
	}
	copied := *one
	copied.Failures = nil
	copied.Times, copied.Phases = slices.Clone(one.Times), nil
	for _, p := range one.Phases {
		copied.addPhase(p.Name, p.Times...)
	}
	f.Failovers = append(f.Failovers, &copied)
}

func (f *Figures) addRun(r *RunResult) {
	f.Runs[r.Verdict]++
	f.Hours += r.Seconds / 3600
	o := r.Options.whole()
	f.FiveNodes += o.Nodes / 5
	f.FiveReplicas += o.Replicas / 5
	for _, h := range r.Faults {
		row := f.Faults[h.Fault]
		if row == nil {
			row = &FaultFigures{}
			f.Faults[h.Fault] = row
		}
		row.Injected++
		if h.NoEffect != "" {
			continue
		}
		row.TookEffect++
		row.Unserved = append(row.Unserved, h.Unserved)
		row.Whole = append(row.Whole, h.Whole)
	}
	for i, c := range r.Checked {
		p := f.promise(c.Workload, o.AppendFsync, o.Reads)
		p.add(c)
		f.Undecided += c.Violations[model.Undecided.String()]
		if i == 0 {
			p.Diverged += r.Diverged
		}
	}
}

func (f *Figures) promise(name, fsync, reads string) *PromiseFigures {
	for _, p := range f.Promises {
		if p.Workload == name && p.AppendFsync == fsync && p.Reads == reads {
			return p
		}
	}
	p := &PromiseFigures{Workload: name, AppendFsync: fsync, Reads: reads}
	f.Promises = append(f.Promises, p)
	return p
}

func (p *PromiseFigures) add(c Checked) {
	p.Runs++
	p.OK, p.NotApplied, p.Unknown = p.OK+c.OK, p.NotApplied+c.NotApplied, p.Unknown+c.Unknown
	p.Keys, p.Checked = p.Keys+c.Keys, p.Checked+c.Operations
	for class, n := range c.Violations {
		switch class {
		case model.Lost.String():
			p.Lost += n
		case model.Duplicated.String():
			p.Duplicated += n
		case model.Stale.String():
			p.Stale += n
		case model.Diverged.String():
			p.Diverged += n
		default:
			p.Other += n
		}
	}
	p.LostAsAllowed += c.LostAsAllowed
	p.LossWindow = max(p.LossWindow, c.LossWindow)
}

// machine is what the figures were measured on.
func machine() string {
	cpu := "unknown processor"
	if data, err := os.ReadFile("/proc/cpuinfo"); err == nil {
		for line := range strings.Lines(string(data)) {
			if name, value, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(name) == "model name" {
				cpu = strings.TrimSpace(value)
				break
			}
		}
	}
	kernel, err := commandOutput("uname", "-sr")
	if err != nil {
		kernel = runtime.GOOS
	}
	return fmt.Sprintf("%d cores of %s, %s, %s", runtime.NumCPU(), cpu, kernel, runtime.Version())
}

func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
