package executor

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/holtcache/holt/proto/apierr"
	"github.com/holtcache/holt/proto/slot"
	"github.com/holtcache/holt/raftfsm/store"
)

// The slot map only routes: what a shard reads and writes is decided by what it owns in its own state.
func TestSlotThatIsNotOwnedIsNeitherReadNorWritten(t *testing.T) {
	b := newLeader(t)
	b.confirm = func(context.Context, uint64) error { return nil }
	b.set("k", "v")
	b.driver.Step()
	b.commitAll()
	sl := b.store.Slot(slot.Of([]byte("k")))
	sl.Lock()
	sl.SetStateLocked(0)
	sl.Unlock()
	for _, mode := range []ReadMode{ReadLease, ReadIndex, ReadStale} {
		if g := b.get(t.Context(), mode, "k"); apierr.KindOf(g.answer(t)) != apierr.KindNotOwned {
			t.Errorf("mode %d: got %q, want that the slot is not owned", mode, g.value)
		}
	}
	w := b.set("k", "w")
	b.driver.Step()
	b.wantOutcome("a write", w, apierr.OutcomeNotApplied)
	if len(b.proposed) != 0 {
		t.Errorf("%d batches are proposed", len(b.proposed))
	}
	sl.Lock()
	sl.SetStateLocked(store.SlotOwned)
	sl.Unlock()
	if got := b.stored("k"); got != "v" {
		t.Errorf("k is %q, want v", got)
	}
}

// Rule 21: whoever leads again waits again, for leases that others got meanwhile.
func TestWaitForLeasesOfOthersIsThatOfEachTerm(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const lease = time.Second
		b := newLeader(t, func(c *Config) { c.LeaseMax = lease })
		b.leads = false
		b.driver.Step()
		time.Sleep(10 * lease)
		b.term, b.leads = b.term+2, true
		began := time.Now()
		b.serve()
		if waited := time.Since(began); waited < lease {
			t.Errorf("it serves in its second term after %v, want %v", waited, lease)
		}
	})
}
