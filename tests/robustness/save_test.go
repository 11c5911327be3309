package main

import (
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// What a cluster that does not start says is needed as much as anything that happens later.
func TestARunWhoseClusterDoesNotStartLeavesItsFolder(t *testing.T) {
	o, err := expand(asked{seed: 1, nodes: 3, fsync: "always", faults: []string{"kill-leader"}, workloads: []string{"set"}})
	if err != nil {
		t.Fatal(err)
	}
	o.AppendFsync = "seldom" // no node takes it
	res := execute(t.Context(), o, keeping{dir: t.TempDir(), out: io.Discard})
	if res.Verdict != verdictFailed || res.Folder == "" {
		t.Fatalf("got %v", res)
	}
	for file, want := range map[string]string{"options.json": `"seldom"`, "verdict.txt": verdictFailed, "node-1.log": "seldom", "node-3.log": "seldom"} {
		if data, err := os.ReadFile(filepath.Join(res.Folder, file)); err != nil || !strings.Contains(string(data), want) {
			t.Errorf("%s: %v: got %q, want %q in it", file, err, data, want)
		}
	}
}

func TestARunWhoseSurroundingsCannotBePreparedLeavesItsFolder(t *testing.T) {
	r := &run{t: &step{}, keep: keeping{dir: t.TempDir()}}
	r.t.Errorf("no room for a disk")
	r.conclude()
	if data, err := os.ReadFile(filepath.Join(r.result.Folder, "verdict.txt")); err != nil || !strings.Contains(string(data), "no room") {
		t.Errorf("%v: got %q", err, data)
	}
}
