package main

import (
	"fmt"
	"os"
	"strings"
)

// tables are the parts of the page that are made from the figures, by the name in their marks.
var tables = map[string]func(Figures) string{
	"runs": runsTable, "faults": faultsTable, "promises": promisesTable, "failovers": failoversTable, "elastic": elasticFiguresTable,
}

// writePage puts the tables between their marks, <!-- name --> and <!-- /name -->; everything else of the page stays.
func writePage(path string, f Figures, check bool) error {
	data, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	page, err := fill(string(data), f)
	switch {
	case err != nil:
		return fmt.Errorf("%s: %w", path, err)
	case page == string(data):
		return nil
	case check:
		return fmt.Errorf("%s is not what %s says: run `go run ./tests/robustness figures`", path, figuresData)
	}
	return os.WriteFile(path, []byte(page), 0o644)
}

func fill(page string, f Figures) (string, error) {
	for _, name := range sortedKeys(tables) {
		begin, end := "<!-- "+name+" -->\n", "<!-- /"+name+" -->"
		before, rest, ok := strings.Cut(page, begin)
		_, after, closed := strings.Cut(rest, end)
		if !ok || !closed {
			return "", fmt.Errorf("no place for the table: the marks %q and %q are missing", begin, end)
		}
		page = before + begin + tables[name](f) + end + after
	}
	return page, nil
}

func table(head string, rows []string) string {
	columns := strings.Count(head, "|") + 1
	return "| " + head + " |\n|" + strings.Repeat("---|", columns) + "\n" + strings.Join(rows, "")
}

func row(cells ...any) string {
	var b strings.Builder
	b.WriteString("|")
	for _, c := range cells {
		fmt.Fprintf(&b, " %v |", c)
	}
	return b.String() + "\n"
}

func runsTable(f Figures) string {
	rows := []string{
		row("begun", f.Begun), row("commits", strings.Join(f.Commits, ", ")), row("machine", f.Machine),
		row("hours of clusters", fmt.Sprintf("%.2f", f.Hours)),
	}
	for _, v := range []string{verdictOK, verdictFailed, verdictInvalid, verdictSkipped} {
		rows = append(rows, row("runs "+v, f.Runs[v]))
	}
	rows = append(rows, row("runs with 5 nodes", f.FiveNodes), row("of these with 5 replicas of each shard", f.FiveReplicas))
	return table("what | value", append(rows, row("checks without a verdict in time (each fails its run)", f.Undecided)))
}

func faultsTable(f Figures) string {
	var rows []string
	for _, r := range faults {
		one := f.Faults[r.name]
		if one == nil {
			one = &FaultFigures{}
		}
		unserved, whole := spreadOf(one.Unserved), spreadOf(one.Whole)
		rows = append(rows, row("`"+r.name+"`", r.about, one.Injected, one.TookEffect,
			millis(unserved.Median), millis(unserved.P99), millis(unserved.Max), millis(whole.Median), millis(whole.Max)))
	}
	return table("fault | what | injected | took effect | unserved median ms | p99 | max | whole again after ms, median | max", rows)
}

// modes says how a workload's clients write and read.
func modes(p *PromiseFigures) (ack, reads string) {
	ack, reads = "majority", strings.ReplaceAll(p.Reads, ",", ", ")
	switch p.Workload {
	case "async":
		ack = "async"
	case "stale":
		reads += ", stale"
	}
	return ack, reads
}

func promisesTable(f Figures) string {
	var rows []string
	for _, p := range f.Promises {
		ack, reads := modes(p)
		allowed := fmt.Sprint(p.LostAsAllowed)
		if p.LostAsAllowed > 0 {
			allowed += fmt.Sprintf(" (within %v)", p.LossWindow)
		}
		rows = append(rows, row(p.Workload, ack, p.AppendFsync, reads, p.Runs, p.OK, p.NotApplied, p.Unknown, p.Checked,
			p.Lost, p.Duplicated, p.Stale, p.Diverged, p.Other, allowed))
	}
	return table("workload | ack | fsync | reads | runs | ok | not applied | unknown | checked | lost | duplicated | stale | diverged | other | lost as allowed", rows)
}

func failoversTable(f Figures) string {
	var rows []string
	add := func(one *Failovers, what string, times []Duration, failed string) {
		s := spreadOf(times)
		rows = append(rows, row("`"+one.Fault+"`", what, one.Nodes, s.Count, millis(s.Median), millis(s.P99), millis(s.Max), failed))
	}
	for _, one := range f.Failovers {
		failed := "-"
		if one.Planned {
			failed = fmt.Sprintf("%d of %d", one.Failed, one.Requests)
		}
		add(one, losses[one.Fault].about, one.Times, failed)
		for _, p := range one.Phases {
			add(one, "... "+p.Name, p.Times, "")
		}
	}
	return table("loss of a leader | what | nodes | times | median ms | p99 | max | requests failed", rows)
}

func millis(d Duration) string { return fmt.Sprintf("%.0f", float64(d)/1e6) }
