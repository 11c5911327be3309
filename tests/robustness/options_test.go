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
	a := asked{fsync: flag("appendfsync"), client: flag("client"), faults: split(flag("fault")), workloads: split(flag("workload"))}
	for name, i := range map[string]any{"seed": &a.seed, "nodes": &a.nodes, "shards": &a.shards, "rate": &a.rate} {
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
		{"unknown policy", asked{fsync: "seldom"}, "-appendfsync seldom"},
		{"two places", asked{faults: []string{"power-all", "full-disk"}}, "different places"},
		{"a ring of three", asked{nodes: 3, faults: []string{"ring"}}, "wants 5 nodes"},
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
		runs := 0
		for ; s.goOn(); runs++ {
			a := s.choose()
			a.seed = s.random.Uint64()
			if _, err := expand(a); err != nil {
				t.Fatalf("seed %d, run %d: %+v: %v", seed, runs, a, err)
			}
			if runs > 2*len(faults) {
				t.Fatalf("seed %d: after %d runs not everything is covered: %v", seed, runs, s.count)
			}
		}
		if most := (len(faults)+faultsPerRun-1)/faultsPerRun + 3; runs > most {
			t.Errorf("seed %d: %d runs, want at most %d", seed, runs, most)
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
