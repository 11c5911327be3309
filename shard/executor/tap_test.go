package executor

import (
	"fmt"
	"slices"
	"testing"

	"github.com/holtcache/holt/proto/slot"
	"github.com/holtcache/holt/raftfsm/entry"
)

// heard is a tap that notes what it hears.
type heard struct{ notes []string }

func (h *heard) EffectsLocked(s slot.ID, effects []entry.Effect) {
	for i := range effects {
		h.notes = append(h.notes, fmt.Sprintf("%d %s=%s", s, effects[i].Key, effects[i].Value))
	}
}

func (h *heard) DroppedLocked(s slot.ID) { h.notes = append(h.notes, fmt.Sprintf("%d dropped", s)) }

// A tap hears of all changes of its slots, in their order, and of no others, until it is removed.
func TestTapHearsOfItsSlotsUntilItIsRemoved(t *testing.T) {
	b := newLeader(t)
	a, c := slot.Of([]byte("a")), slot.Of([]byte("c"))
	one, both := &heard{}, &heard{}
	removeOne := b.exec.AddTap(slotsOfKey("a"), one)
	removeBoth := b.exec.AddTap(slotsOfKey("a", "c"), both)
	write := func(requests ...*asked) {
		t.Helper()
		b.driver.Step()
		b.commitAll()
		for _, r := range requests {
			b.wantApplied("a write", r)
		}
	}
	write(b.set("a", "1"))
	write(b.set("other", "1"))
	write(b.set("c", "2"))
	write(b.submit("a", func(tx *Tx) {
		tx.Flush([]slot.Range{{First: a, Last: a}})
		tx.Set([]byte("a"), []byte("3"), entry.TypeString, 0)
	}))
	removeOne()
	write(b.set("a", "4"))
	removeBoth()
	write(b.set("a", "5"))
	wantOne := []string{fmt.Sprintf("%d a=1", a), fmt.Sprintf("%d dropped", a), fmt.Sprintf("%d a=3", a)}
	if !slices.Equal(one.notes, wantOne) {
		t.Errorf("the tap of one slot heard %q, want %q", one.notes, wantOne)
	}
	wantBoth := []string{wantOne[0], fmt.Sprintf("%d c=2", c), wantOne[1], wantOne[2], fmt.Sprintf("%d a=4", a)}
	if !slices.Equal(both.notes, wantBoth) {
		t.Errorf("the tap of both heard %q, want %q", both.notes, wantBoth)
	}
	if b.exec.taps.Load() != nil {
		t.Error("taps are left")
	}
}
