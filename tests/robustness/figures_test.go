package main

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func someRecords() []Record {
	run := func(verdict string, unserved time.Duration, why string, counts map[string]int) Record {
		return Record{Commit: "c", Run: &RunResult{
			Options: Options{Nodes: 5, AppendFsync: "always"}, Verdict: verdict, Seconds: 1800,
			Faults:  []Happened{{Fault: "kill-leader", NoEffect: why, Unserved: Duration(unserved)}},
			Checked: []Checked{{Workload: "set", OK: 10, Unknown: 1, Operations: 11, Violations: counts}},
		}}
	}
	return []Record{
		run(verdictOK, time.Second, "", nil),
		run(verdictInvalid, time.Hour, "nobody noticed", nil),
		run(verdictFailed, 3*time.Second, "", map[string]int{"lost": 2, "undecided": 1}),
		{Commit: "d", Failovers: &Failovers{Fault: "kill", Nodes: 3, Times: []Duration{Duration(time.Second)}}},
		{Commit: "d", Failovers: &Failovers{Fault: "kill", Nodes: 3, Times: []Duration{Duration(2 * time.Second)}}},
	}
}

func TestFiguresAddUpAndTellZerosFromWhatWasNeverTried(t *testing.T) {
	f, err := aggregate(someRecords())
	if err != nil {
		t.Fatal(err)
	}
	kill := f.Faults["kill-leader"]
	if kill.Injected != 3 || kill.TookEffect != 2 || spreadOf(kill.Unserved).Max != Duration(3*time.Second) {
		t.Errorf("kill-leader: %+v, want 3 injected, 2 that took effect, and no time of the one that did not", kill)
	}
	if f.Faults["pause-leader"] == nil || f.Faults["pause-leader"].Injected != 0 {
		t.Errorf("a fault that was never tried is not there: %v", f.Faults)
	}
	if p := f.Promises[0]; p.Runs != 3 || p.OK != 30 || p.Lost != 2 || p.Other != 1 || p.Stale != 0 {
		t.Errorf("set: %+v", p)
	}
	if p := f.Promises[0]; p.Reads != readsBoth || f.FiveNodes != 3 || f.FiveReplicas != 0 {
		t.Errorf("records from before modes were chosen: reads %s, %d with five nodes, %d with five replicas", p.Reads, f.FiveNodes, f.FiveReplicas)
	}
	if f.Undecided != 1 || f.Runs[verdictInvalid] != 1 || f.Hours != 1.5 || len(f.Failovers) != 1 || len(f.Failovers[0].Times) != 2 {
		t.Errorf("got %+v", f)
	}
}

func TestTablesGoBetweenTheirMarksAndNowhereElse(t *testing.T) {
	f, err := aggregate(someRecords())
	if err != nil {
		t.Fatal(err)
	}
	page := "head\n"
	for name := range tables {
		page += "<!-- " + name + " -->\nold\n<!-- /" + name + " -->\n"
	}
	page += "foot\n"
	got, err := fill(page, f)
	if err != nil {
		t.Fatal(err)
	}
	again, err := fill(got, f)
	if err != nil || again != got {
		t.Errorf("a second time it is another page: %v", err)
	}
	if !strings.HasPrefix(got, "head\n") || !strings.HasSuffix(got, "foot\n") || strings.Contains(got, "old") {
		t.Errorf("got %s", got)
	}
	if !strings.Contains(got, "| `kill-leader` | kill -9 of a leader | 3 | 2 |") {
		t.Errorf("no row of kill-leader in %s", got)
	}
	if _, err := fill("no marks", f); err == nil {
		t.Error("a page without marks is accepted")
	}
}

// Figures that were typed, or forgotten, are no figures.
func TestThePageSaysWhatTheDataSay(t *testing.T) {
	if err := runFigures(t.Context(), []string{"-root", filepath.Join("..", ".."), "-check"}); err != nil {
		t.Error(err)
	}
}

func TestRecordsReadBack(t *testing.T) {
	path := filepath.Join(t.TempDir(), "results")
	for _, r := range someRecords() {
		if err := appendRecord(path, r); err != nil {
			t.Fatal(err)
		}
	}
	got, err := readRecords([]string{path})
	if err != nil || len(got) != len(someRecords()) || got[2].Run.Checked[0].Violations["lost"] != 2 {
		t.Errorf("%d records, %v: %+v", len(got), err, got)
	}
	if info, err := os.Stat(path); err != nil || info.Size() == 0 {
		t.Error(err)
	}
}

func TestExitCodesTellBrokenPromisesFromRunsThatShowNothing(t *testing.T) {
	for _, tt := range []struct {
		err  error
		want int
	}{
		{nil, 0}, {RunResult{Verdict: verdictFailed}.err(), 1}, {RunResult{Verdict: verdictInvalid}.err(), 3},
		{RunResult{Verdict: verdictSkipped}.err(), 3}, {RunResult{Verdict: verdictOK}.err(), 0}, {errors.New("x"), 2},
	} {
		if got := exitCode(tt.err); got != tt.want {
			t.Errorf("%v: got %d, want %d", tt.err, got, tt.want)
		}
	}
}

func TestPauseCountsWhereItBegins(t *testing.T) {
	at := func(ms int) time.Time { return time.UnixMilli(int64(ms)) }
	acks := []time.Time{at(0), at(10), at(50), at(55), at(155)}
	for _, row := range []struct{ from, to, want int }{{0, 200, 100}, {0, 50, 40}, {0, 10, 10}, {10, 11, 40}, {56, 200, 0}, {0, 0, 0}} {
		if got := longestPause(acks, at(row.from), at(row.to)); got != Duration(time.Duration(row.want)*time.Millisecond) {
			t.Errorf("[%d, %d): got %v, want %d ms", row.from, row.to, got, row.want)
		}
	}
}

func TestPhasesOfSeveralMeasurementsAddUp(t *testing.T) {
	one := Failovers{Fault: "term", Planned: true, Nodes: 3, Times: []Duration{1}, Phases: []Phase{{phaseGoes, []Duration{1}}}}
	f, err := aggregate([]Record{{Failovers: &one}, {Failovers: &one}})
	if err != nil {
		t.Fatal(err)
	}
	if got := f.Failovers[0].Phases; len(got) != 1 || len(got[0].Times) != 2 || len(one.Phases[0].Times) != 1 {
		t.Errorf("got %+v, and the record is %+v; want both times, and the record unchanged", got, one)
	}
	if page := failoversTable(f); !strings.Contains(page, "... "+phaseGoes) {
		t.Errorf("got %s", page)
	}
}
