package cluster_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	clusterv1 "github.com/holtcache/holt/proto/holt/cluster/v1"
	"github.com/holtcache/holt/tests/cluster"
	"github.com/holtcache/holt/tests/workload"
)

// entriesKept is more than a node keeps of its log behind the older of its two snapshots.
const entriesKept = 1100

// What was cut off a log stands in a snapshot: the history is looked for in both.
func TestHistoriesAreFoundInLogsThatWereCut(t *testing.T) {
	t.Parallel()
	c := cluster.Start(t, cluster.Options{Nodes: 1, Settings: &clusterv1.Settings{Shards: 1, Replicas: 1}})
	n, shard := c.Nodes[0], c.ShardIDs()[0]
	w, err := workload.ByName("append")
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("replay with -seed %d", *seed)
	s, err := w.Start(c.Target(), workload.Config{Seed: *seed, Pause: time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 2*cluster.Deadline)
	defer cancel()
	for i := range uint64(2) {
		cluster.Eventually(t, "enough stands in the log", func() error {
			replicas, err := n.Digests()
			if err == nil && replicas[0].AppliedIndex < (i+1)*entriesKept {
				err = fmt.Errorf("applied up to %d", replicas[0].AppliedIndex)
			}
			return err
		})
		takeSnapshot(t, n, shard)
	}
	v := s.Finish(ctx)
	c.KillAll()
	logs := c.Logs([]uint64{shard})
	if first := logs[0][0].Entries[0].Index; first == 1 {
		t.Error("the log was not cut")
	}
	s.JudgeLogs(&v, logs)
	if t.Log(v); v.Result() != workload.Green || v.LogEntries == 0 || v.LogsCut > 0 {
		t.Errorf("not green: %v", v.Violations)
	}
}
