package executor

import (
	"fmt"
	"testing"

	"github.com/holtcache/holt/proto/slot"
	"github.com/holtcache/holt/raftfsm/entry"
)

// What a limit costs a write while there is room, and what an eviction costs where there is none: a new key of 16 bytes
// with a value of 64, evaluated and applied, in batches of 256.
func BenchmarkWrite(b *testing.B) {
	for _, c := range []struct {
		name   string
		policy EvictionPolicy
		keys   int // that fit, 0: no limit
	}{{"NoLimit", AllKeysLRU, 0}, {"Room", AllKeysLRU, 1 << 30}, {"FullLRU", AllKeysLRU, 200_000}, {"FullLFU", AllKeysLFU, 200_000}, {"FullRandom", AllKeysRandom, 200_000}} {
		b.Run(c.name, func(b *testing.B) {
			h := newLeader(b)
			h.exec.SetEviction(Eviction{Policy: c.policy, BudgetBytes: int64(c.keys) * 103, LFULogFactor: 10, LFUDecayMinutes: 1})
			value, w, n := make([]byte, 64), NewWaiter(), 0
			write := func(count int) {
				requests := make([]*Request, count)
				for i := range requests {
					key := fmt.Appendf(nil, "key:%012d", n)
					n++
					requests[i] = &Request{Slot: slot.Of(key), Do: func(tx *Tx) { tx.Set(key, value, entry.TypeString, 0) }}
				}
				if err := h.exec.Submit(w, requests...); err != nil {
					b.Fatal(err)
				}
				for w.Wait(gone) != nil {
					h.driver.Step()
					h.commitAll()
				}
			}
			if c.keys > 0 && c.keys < 1<<20 {
				for range c.keys / 1024 * 5 / 4 {
					write(1024)
				}
			}
			b.ResetTimer()
			for i := 0; i < b.N; i += 256 {
				write(256)
			}
			b.ReportMetric(float64(h.exec.Stats().Evicted), "evicted")
		})
	}
}
