package main

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/holtcache/holt/proto/slot"
	"github.com/holtcache/holt/shard/executor"
	"github.com/holtcache/holt/shard/logstore"
	"github.com/holtcache/holt/tests/bench/replicas"
)

// benchClients is how many goroutines share the work.
const benchClients = 50

// BenchmarkShardGet asks what a read costs at the shard's own interface: no disk, no hop, no goroutine but the caller's.
// The sketch: the gate (two atomic loads), the shard's clock, one lock and one look into a table, so 0.2 us for each of
// two processors. What writes cost there is a part of the subject log.
func BenchmarkShardGet(b *testing.B) {
	for _, mode := range []struct {
		name string
		mode executor.ReadMode
	}{{"lease", executor.ReadLease}, {"index", executor.ReadIndex}} {
		b.Run(fmt.Sprintf("clients=%d/mode=%s", benchClients, mode.name), func(b *testing.B) {
			c, err := replicas.Open(b.Context(), replicas.Config{Dir: b.TempDir(), Nodes: 3, Shards: 1, LogStore: replicas.WAL, Sync: logstore.SyncAlways})
			if err != nil {
				b.Fatal(err)
			}
			defer func() {
				if err := c.Close(); err != nil {
					b.Error(err)
				}
			}()
			l := replicas.Load{Clients: 1, Pipeline: 1, ValueBytes: 64, Keys: 1, Window: 100 * time.Millisecond, Edge: func() {}}
			if _, err := c.Write(b.Context(), l); err != nil {
				b.Fatal(err)
			}
			leader, err := c.Leader(b.Context(), 0)
			if err != nil {
				b.Fatal(err)
			}
			key := fmt.Appendf(nil, "key:%012d", 0)
			b.ReportAllocs()
			share(b, func(next func() bool) error {
				ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
				defer cancel()
				for next() {
					found := false
					err := leader.Executor().Read(ctx, slot.Of(key), mode.mode, func(v *executor.View) { _, found = v.Get(key) })
					if err != nil || !found {
						return fmt.Errorf("read of %s: found %v, %w", key, found, err)
					}
				}
				return nil
			})
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "reads/s")
		})
	}
}

// share lets the clients divide b.N operations.
func share(b *testing.B, client func(next func() bool) error) {
	var left atomic.Int64
	left.Store(int64(b.N))
	var wg sync.WaitGroup
	b.ResetTimer()
	for range benchClients {
		wg.Go(func() {
			if err := client(func() bool { return left.Add(-1) >= 0 }); err != nil {
				b.Error(err)
			}
		})
	}
	wg.Wait()
	b.StopTimer()
}
