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
		var syncs []uint64
		for _, rate := range []float64{0, 1000} {
			n, err := c.Write(t.Context(), Load{
				Clients: 8, Pipeline: 2, ValueBytes: 8, Keys: 1000, Rate: rate, Window: 200 * time.Millisecond,
				Edge: func() { syncs = append(syncs, c.Syncs()) },
			})
			if err != nil || n == 0 {
				t.Errorf("%v, rate %v: got %d writes, %v, want some", cfg, rate, n, err)
			}
		}
		if len(syncs) != 4 || syncs[3] <= syncs[0] {
			t.Errorf("%v: fsyncs at the edges %v, want more at the end", cfg, syncs)
		}
		for s := range cfg.Shards {
			leader, err := c.Leader(t.Context(), s)
			if err != nil {
				t.Fatal(err)
			}
			if leader.Store().Len() == 0 {
				t.Errorf("%v: shard %d holds no key", cfg, s)
			}
		}
		if err := c.Close(); err != nil {
			t.Error(err)
		}
	}
}
