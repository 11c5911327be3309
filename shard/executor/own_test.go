package executor

import (
	"testing"

	"github.com/holtcache/holt/proto/slot"
	"github.com/holtcache/holt/raftfsm/store"
)

// What the slot map gives to a shard later comes by a hand-over. A leader that took it for the shard's first slots would own
// them beside the shard that has not let go of them.
func TestShardThatBeginsWithoutSlotsOwnsNoneThatTheSlotMapGivesItLater(t *testing.T) {
	var given []slot.Range
	b := newBench(t, func(c *Config) { c.Slots = func() []slot.Range { return given } })
	b.leads = true
	b.serve()
	b.commitAll()
	if !b.fsm.State().Assigned {
		t.Fatal("nothing in the log says that the shard has begun")
	}
	given = slot.Split(1)
	b.term++
	b.serve()
	b.driver.Step()
	b.commitAll()
	for s := range slot.Count {
		sl := b.store.Slot(slot.ID(s))
		sl.RLock()
		state := sl.StateLocked()
		sl.RUnlock()
		if state != store.SlotNotOwned {
			t.Fatalf("slot %d is in state %d", s, state)
		}
	}
}
