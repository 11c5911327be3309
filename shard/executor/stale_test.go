package executor

import (
	"testing"

	"github.com/holtcache/holt/proto/slot"
)

// A stale read may be old, and shows nothing that can still be lost.
func TestStaleReadsShowOnlyWhatIsApplied(t *testing.T) {
	b := newLeader(t)
	b.set("k", "old")
	b.driver.Step()
	b.commitAll()
	b.set("k", "new")
	b.set("other", "new")
	b.driver.Step()
	if len(b.proposed) == 0 {
		t.Fatal("nothing is pending; the test shows nothing")
	}
	for key, want := range map[string]string{"k": "old", "other": ""} {
		if g := b.get(t.Context(), ReadStale, key); g.answer(t) != nil || g.value != want {
			t.Errorf("%s: %q, want %q", key, g.value, want)
		}
	}
}

// A replica that was so far behind that it got a snapshot has nothing pending: what it had evaluated as a leader is over.
func TestSnapshotReplacesWhatIsPending(t *testing.T) {
	b := newLeader(t)
	b.set("k", "applied")
	b.driver.Step()
	b.commitAll()
	b.set("k", "pending")
	b.driver.Step()
	b.exec.Restored(b.fsm.State())
	sl := &b.exec.overlay.slots[slot.Of([]byte("k"))]
	if p, found := sl.look([]byte("k")); found {
		t.Errorf("%q is pending behind a snapshot", p.item.Value)
	}
}
