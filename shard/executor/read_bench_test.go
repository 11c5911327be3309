package executor

import (
	"context"
	"testing"

	"github.com/holtcache/holt/proto/slot"
)

// What a read of a key costs that nothing is pending for, by the lease.
func BenchmarkRead(b *testing.B) {
	h := newLeader(b)
	set := h.set("k", "v")
	h.driver.Step()
	h.commitAll()
	h.wantApplied("the write", set)
	key, ctx := []byte("k"), context.Background()
	s := slot.Of(key)
	b.ReportAllocs()
	for b.Loop() {
		if err := h.exec.Read(ctx, s, ReadLease, func(v *View) { v.Get(key) }); err != nil {
			b.Fatal(err)
		}
	}
}
