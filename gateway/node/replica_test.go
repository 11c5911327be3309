package node

import (
	"testing"

	"github.com/holtcache/holt/proto/slot"
	"github.com/holtcache/holt/raftfsm"
	"github.com/holtcache/holt/raftfsm/store"
)

func TestReplicaHoldsWhatItOwnsAndWhatHasArrivedWhole(t *testing.T) {
	whole := []raftfsm.Handover{
		{Migration: 1, Side: raftfsm.SideTarget, Ranges: []slot.Range{{First: 50, Last: 60}}},
		{Migration: 2, Side: raftfsm.SideTarget, Final: true, Ranges: []slot.Range{{First: 0, Last: 2}, {First: 7, Last: 9}}},
	}
	partly := []raftfsm.Handover{{Migration: 2, Side: raftfsm.SideTarget, Ranges: []slot.Range{{First: 0, Last: 9}}}}
	leaving := []raftfsm.Handover{{Migration: 2, Side: raftfsm.SideSource, Final: true, Ranges: []slot.Range{{First: 0, Last: 9}}}}
	for _, c := range []struct {
		what      string
		state     store.SlotState
		handovers []raftfsm.Handover
		want      bool
	}{
		{"owned", store.SlotOwned, nil, true},
		{"another shard's", store.SlotNotOwned, whole, false},
		{"frozen", store.SlotFrozen, leaving, false},
		{"on its way", store.SlotImporting, partly, false},
		{"here to the last byte", store.SlotImporting, whole, true},
		{"on its way, by no hand-over that is known", store.SlotImporting, leaving, false},
	} {
		st := store.New()
		sl := st.Slot(7)
		sl.Lock()
		sl.SetStateLocked(c.state)
		sl.Unlock()
		if got := holds(st, c.handovers, 7); got != c.want {
			t.Errorf("%s: got %v, want %v", c.what, got, c.want)
		}
	}
}
