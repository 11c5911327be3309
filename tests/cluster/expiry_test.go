package cluster_test

import (
	"errors"
	"testing"

	"github.com/holtcache/holt/tests/cluster"
	"github.com/holtcache/holt/tests/model"
	"github.com/holtcache/holt/tests/workload"
)

// Keys are there until their TTL is over and gone afterwards, whoever leads, and what was found gone stays gone.
func TestExpiryHoldsAcrossAKillAndATransfer(t *testing.T) {
	t.Parallel()
	c := cluster.Start(t, cluster.Options{})
	shards := c.ShardIDs()
	run := workload.NewRun(*seed)
	for _, shard := range shards {
		keys := c.Keys(shard)
		lane := workload.Expiring(func(i int) string { return keys("expiring", i) })
		for i := range 3 {
			run.Go(workload.GoRedis(c.RESP(), workload.Modes{Read: []string{"LEASE", "INDEX"}[i%2]}), lane, clientPause/2)
		}
	}
	expired(t, run, "before the faults", 12)
	handOver(t, c, shards[0])
	expired(t, run, "after the transfer", 12)
	old := c.Leader(shards[1])
	old.Node.Kill()
	if next := c.LeaderAfter(old.Shard, old.Term); next.Node == old.Node {
		t.Fatalf("the killed node leads in term %d", next.Term)
	}
	expired(t, run, "after the kill", 12)
	if err := run.Stop(); err != nil {
		t.Error(err)
	}
	if err := model.CheckExpiry(run.History.Ops()); err != nil {
		t.Error(err)
	}
}

// expired waits until so many more keys, written from now on, were read and later found gone.
func expired(t *testing.T, run *workload.Run, what string, want int) {
	t.Helper()
	from := run.History.Now()
	cluster.Eventually(t, what, func() error {
		read, gone := map[string]bool{}, 0
		for _, o := range run.History.Ops() {
			switch {
			case o.Kind != model.Get || o.Outcome != model.OK || o.Call < from:
			case o.Found:
				read[o.Key] = true
			case read[o.Key]:
				delete(read, o.Key)
				gone++
			}
		}
		if gone < want {
			return errors.New("too few keys have expired")
		}
		return nil
	})
}
