package cluster_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/holtcache/holt/tests/cluster"
	"github.com/holtcache/holt/tests/model"
	"github.com/holtcache/holt/tests/workload"
)

// searchMax bounds the search for one key's order. It is far more than a search of a key of this size takes.
const searchMax = 30 * time.Second

// clientPause paces clients: what finds faults is how operations interleave, not how many there are.
const clientPause = 8 * time.Millisecond

// work starts clients on two rows of keys of each shard, registers and counters: one client pinned to each node, and two
// that follow the slot map. They read in both linearizable modes.
func work(t *testing.T, c *cluster.Cluster, shards []uint64) *workload.Run {
	t.Helper()
	t.Logf("replay with -seed %d", *seed)
	run := workload.NewRun(*seed)
	modes := []workload.Modes{{Read: "LEASE"}, {Read: "INDEX"}}
	for _, shard := range shards {
		keys := c.Keys(shard)
		for i, pick := range []workload.Pick{workload.Registers, workload.Counters} {
			name := fmt.Sprintf("lane-%d-%d", shard, i)
			lane := workload.NewLane(func(generation int) string { return keys(name, generation) }, pick)
			for j, n := range c.Nodes {
				run.Go(workload.Pinned(n.Addr.RESP, modes[(i+j)%2]), lane, clientPause)
			}
			for j := range 2 {
				run.Go(workload.GoRedis(c.RESP(), modes[j]), lane, clientPause)
			}
		}
	}
	return run
}

// progress waits until so many more writes were acknowledged. A run without them would prove nothing.
func progress(t *testing.T, run *workload.Run, what string, writes int) {
	t.Helper()
	from := run.History.Now()
	cluster.Eventually(t, what, func() error {
		if got := run.History.Acknowledged(from, run.History.Now()); got < writes {
			return fmt.Errorf("%d of %d writes acknowledged", got, writes)
		}
		return nil
	})
}

// accept stops a run and checks its history.
func accept(t *testing.T, run *workload.Run) {
	t.Helper()
	if err := run.Stop(); err != nil {
		t.Error(err)
	}
	judge(t, run)
}

// judge checks the history of a run that has stopped.
func judge(t *testing.T, run *workload.Run) {
	t.Helper()
	report, err := model.CheckRegisters(run.History.Ops(), searchMax)
	if err != nil {
		t.Error(err)
	}
	t.Log(report)
	if report.Keys == 0 || report.Ops < 100 {
		t.Errorf("the history is too small to prove anything: %v", report)
	}
}
