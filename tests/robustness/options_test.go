package main

import (
	"encoding/json"
	"fmt"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/holtcache/holt/tests/report"
)

// A seed that does not give the same run again is worth nothing.
func TestASeedGivesTheSameOptionsAgain(t *testing.T) {
	different := map[string]bool{}
	for seed := range uint64(50) {
		a, err := expand(asked{seed: seed})
		if err != nil {
			t.Fatalf("seed %d: %v", seed, err)
		}
		b, err := expand(asked{seed: seed})
		if err != nil || !reflect.DeepEqual(a, b) {
			t.Errorf("seed %d: %+v, then %+v, %v", seed, a, b, err)
		}
		different[fmt.Sprint(a)] = true
	}
	if len(different) < 50 {
		t.Errorf("50 seeds gave %d different runs", len(different))
	}
}

// The command in a report names everything that was drawn, and gives that very run.
func TestTheCommandOfARunReplaysIt(t *testing.T) {
	for seed := range uint64(200) {
		want, err := expand(asked{seed: seed})
		if err != nil {
			t.Fatalf("seed %d: %v", seed, err)
		}
		got, err := expand(parse(t, want.commands("options.json")[1]))
		if err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("seed %d:\n got %+v, %v\nwant %+v", seed, got, err, want)
		}
	}
}

// What was kept of a run from before it could be chosen has to stay readable, and means what it meant.
func TestOldOptionsMeanTheDefaultsOfTheirTime(t *testing.T) {
	o, err := parseOptions("old", []byte(`{"Seed": 1, "Nodes": 5, "AppendFsync": "always", "Client": "resp", "Workloads": ["set"], "Rate": 500}`))
	if err != nil || o.Reads != readsBoth || o.Replicas != 3 {
		t.Errorf("got %+v, %v", o, err)
	}
	if got := o.readModes(); !slices.Equal(got, []string{"LEASE", "INDEX"}) {
		t.Errorf("reads %v", got)
	}
}

// parse reads the flags of a command as runOne does.
func parse(t *testing.T, command string) asked {
	t.Helper()
	flag := func(name string) string {
		m := regexp.MustCompile(" -" + name + " (\\S+)").FindStringSubmatch(command)
		if m == nil {
			t.Fatalf("no -%s in %s", name, command)
		}
		return m[1]
	}
	a := asked{fsync: flag("appendfsync"), reads: flag("reads"), client: flag("client"), faults: split(flag("fault")), workloads: split(flag("workload"))}
	for name, i := range map[string]any{"seed": &a.seed, "nodes": &a.nodes, "shards": &a.shards, "replicas": &a.replicas, "rate": &a.rate} {
		if _, err := fmt.Sscan(flag(name), i); err != nil {
			t.Fatal(err)
		}
	}
	var err error
	if a.time, err = time.ParseDuration(flag("length")); err != nil {
		t.Fatal(err)
	}
	return a
}

func TestOptionsReadBackFromTheFolderOfARun(t *testing.T) {
	want, err := expand(asked{seed: 7})
	if err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join(t.TempDir(), "run")
	if err := report.Write(dir, report.Run{Options: want}); err != nil {
		t.Fatal(err)
	}
	got, err := readOptions(report.OptionsFile(dir))
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v, %v\nwant %+v", got, err, want)
	}
	if text, _ := json.Marshal(want); !strings.Contains(string(text), `"After":"`) {
		t.Errorf("durations are not for people: %s", text)
	}
}

func TestWhatCannotBeIsRefused(t *testing.T) {
	for _, tt := range []struct {
		name  string
		a     asked
		wrong string
	}{
		{"unknown fault", asked{faults: []string{"rain"}}, `fault "rain"`},
		{"unknown workload", asked{workloads: []string{"play"}}, "play"},
		{"four nodes", asked{nodes: 4}, "-nodes 4"},
		{"five of three", asked{nodes: 3, replicas: 5}, "-replicas 5"},
		{"reads of no kind", asked{reads: "dirty"}, "-reads dirty"},
		{"unknown policy", asked{fsync: "seldom"}, "-appendfsync seldom"},
		{"two places", asked{faults: []string{"power-all", "full-disk"}}, "different places"},
		{"a ring of three", asked{nodes: 3, faults: []string{"ring"}}, "wants 5 nodes"},
		{"slots that move in one shard", asked{shards: 1, faults: []string{"move-slots"}}, "several shards"},
		{"a node that joins others on a network", asked{faults: []string{"replace-node", "pair"}}, "different places"},
		{"a promise that is not given", asked{fsync: "everysec", faults: []string{"power-all"}, workloads: []string{"register"}}, "may be lost"},
	} {
		tt.a.seed = 1
		if _, err := expand(tt.a); err == nil || !strings.Contains(err.Error(), tt.wrong) {
			t.Errorf("%s: got %v, want %q", tt.name, err, tt.wrong)
		}
	}
}

// The suite ends by itself only where each fault and each workload comes to its turn.
func TestTheSuiteCoversEverythingInFewRuns(t *testing.T) {
	for seed := range uint64(20) {
		s := newSuite()
		s.seed = seed
		s.reseed()
		runs, five, full, index := 0, 0, 0, 0
		for ; s.goOn(); runs++ {
			a := s.choose()
			a.seed = s.random.Uint64()
			o, err := expand(a)
			if err != nil {
				t.Fatalf("seed %d, run %d: %+v: %v", seed, runs, a, err)
			}
			five, full = five+o.Nodes/5, full+o.Replicas/5
			if o.Reads == readsIndex {
				index++
			}
			if runs > 2*len(faults) {
				t.Fatalf("seed %d: after %d runs not everything is covered: %v", seed, runs, s.count)
			}
		}
		if most := (len(faults)+faultsPerRun-1)/faultsPerRun + 3; runs > most {
			t.Errorf("seed %d: %d runs, want at most %d", seed, runs, most)
		}
		if five*fiveEvery < runs || full*fullEvery < five || full == five || index != runs/2 && index != (runs+1)/2 {
			t.Errorf("seed %d: of %d runs %d have five nodes, %d of these as many replicas, and %d read by index", seed, runs, five, full, index)
		}
	}
}

func TestEveryFaultHasItsRow(t *testing.T) {
	var names []string
	for _, f := range faults {
		if slices.Contains(names, f.name) || f.about == "" || f.make == nil {
			t.Errorf("fault %q is there twice, or says nothing, or does nothing", f.name)
		}
		names = append(names, f.name)
	}
}

// A scenario that can't be run any more guards nothing.
func TestEveryScenarioCanBeRun(t *testing.T) {
	for _, name := range scenarioNames() {
		if _, err := readScenario(name); err != nil {
			t.Error(err)
		}
	}
	if _, err := readScenario("no such"); err == nil {
		t.Error("a scenario that is not there is read")
	}
}

// The one node whose disk gets full holds a replica: with more nodes than replicas only where each node has a shard.
func TestNodeWithTheSmallDiskHoldsAReplica(t *testing.T) {
	for seed := range uint64(50) {
		o, err := expand(asked{seed: seed, nodes: 5, faults: []string{"full-disk"}})
		if err != nil {
			t.Fatal(err)
		}
		if o.Shards != 0 {
			t.Fatalf("seed %d: %d shards for 5 nodes of 3 replicas", seed, o.Shards)
		}
	}
}
