package replicas

import (
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/holtcache/holt/shard/logstore"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestWritesReachEveryShardAndAreSynced(t *testing.T) {
	for _, cfg := range []Config{
		{Nodes: 3, Shards: 1, LogStore: Bolt}, {Nodes: 3, Shards: 2, LogStore: WAL}, {Nodes: 1, Shards: 4, LogStore: WAL},
	} {
		cfg.Dir, cfg.Sync = t.TempDir(), logstore.SyncAlways
		c, err := Open(t.Context(), cfg)
		if err != nil {
			t.Fatal(err)
		}
		for _, rate := range []float64{0, 1000} {
			before := c.Syncs()
			l := Load{Clients: 8, Pipeline: 2, ValueBytes: 8, Keys: 1000, Rate: rate, Window: 200 * time.Millisecond, Edge: func() {}}
			// An election may fill a window on a busy machine.
			var n Written
			for deadline := time.Now().Add(time.Minute); err == nil && (n.Done == 0 || !allHoldKeys(t, c)) && time.Now().Before(deadline); {
				n, err = c.Write(t.Context(), l)
			}
			if err != nil || n.Done == 0 || !allHoldKeys(t, c) {
				t.Errorf("%v, rate %v: got %+v, %v, want some writes at each shard", cfg, rate, n, err)
			}
			if c.Syncs() <= before {
				t.Errorf("%v, rate %v: no fsync", cfg, rate)
			}
		}
		if err := c.Close(); err != nil {
			t.Error(err)
		}
	}
}

func allHoldKeys(t *testing.T, c *Cluster) bool {
	t.Helper()
	for s := range c.cfg.Shards {
		leader, err := c.Leader(t.Context(), s)
		if err != nil {
			t.Fatal(err)
		}
		if leader.Store().Len() == 0 {
			return false
		}
	}
	return true
}
