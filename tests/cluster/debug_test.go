package cluster_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/holtcache/holt/tests/cluster"
)

// Replicas that have applied the same have one digest, and damage ends the check with exit code 1, file and offset.
func TestCheckOfStoppedNodesComparesReplicasAndFindsDamage(t *testing.T) {
	t.Parallel()
	c := cluster.Start(t, cluster.Options{})
	put(t, c, "checked")
	caughtUp(t, c)
	n := c.Nodes[0]
	if code, output := cluster.Run(t, "debug", "check", "--dir", n.Dir).Exit(); code != 1 || !strings.Contains(output, "in use by another process") {
		t.Errorf("a node that runs: exit code %d, %s", code, output)
	}
	c.KillAll()
	digests := map[string]string{}
	for _, n := range c.Nodes {
		var report struct {
			Damage []string
			Groups []struct {
				Group string
				Whole struct {
					Applied uint64
					Digest  string
				}
			}
		}
		if err := json.Unmarshal([]byte(tool(t, "debug", "check", "--dir", n.Dir, "--json")), &report); err != nil {
			t.Fatal(err)
		}
		if len(report.Damage) > 0 || len(report.Groups) != 4 {
			t.Errorf("node %d: %+v", n.Number, report)
		}
		for _, g := range report.Groups[1:] { // the meta group goes on for itself
			if was, known := digests[g.Group]; known && was != g.Whole.Digest {
				t.Errorf("%s of node %d: digest %s after entry %d, another node has %s", g.Group, n.Number, g.Whole.Digest, g.Whole.Applied, was)
			}
			digests[g.Group] = g.Whole.Digest
		}
	}
	if told := tool(t, "debug", "log", "--dir", n.Dir, "--shard", "1"); !strings.Contains(told, "checked:") || strings.Contains(told, "UNREADABLE") {
		t.Errorf("log of shard 1: %s", told)
	}
	segments, err := filepath.Glob(filepath.Join(n.Dir, "wal", "*.wal"))
	if err != nil || len(segments) == 0 {
		t.Fatalf("segments %v, %v", segments, err)
	}
	data, err := os.ReadFile(segments[0])
	if err != nil {
		t.Fatal(err)
	}
	data[300] ^= 1
	if err := os.WriteFile(segments[0], data, 0o600); err != nil {
		t.Fatal(err)
	}
	code, output := cluster.Run(t, "debug", "check", "--dir", n.Dir).Exit()
	if code != 1 || !strings.Contains(output, segments[0]+": offset ") {
		t.Errorf("exit code %d, output %s", code, output)
	}
}
