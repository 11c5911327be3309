package node

import (
	"runtime"
	"testing"
	"weak"

	"github.com/holtcache/holt/gateway/ops"
	"github.com/holtcache/holt/gateway/router"
	"github.com/holtcache/holt/proto/apierr"
	"github.com/holtcache/holt/proto/slot"
	"github.com/holtcache/holt/raftfsm"
	"github.com/holtcache/holt/raftfsm/store"
	"github.com/holtcache/holt/shard"
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

// enter makes a new replica of shard 1 the one that this node has, and forgets it.
func enter(c *cluster) weak.Pointer[shard.Replica] {
	r := &shard.Replica{}
	c.update(c.View(), map[slot.ShardID]*shard.Replica{1: r})
	return weak.Make(r)
}

// All keys of a replica stay in memory as long as somebody holds it; a connection of a pool may be idle for days.
func TestIdleConnectionKeepsNoReplicaThatHasLeft(t *testing.T) {
	for what, leave := range map[string]func(*cluster){
		"it has left":                    func(c *cluster) { c.update(c.View(), nil) },
		"it was closed and opened again": func(c *cluster) { enter(c) },
	} {
		c := newCluster("self")
		held := enter(c)
		kept, _ := c.Replica(1)
		flight := kept.NewFlight()
		c.update(c.View(), map[slot.ShardID]*shard.Replica{1: held.Value()})
		if same, _ := c.Replica(1); same != kept {
			t.Errorf("%s: the replica that stayed is another one for connections", what)
		}
		leave(c)
		await(t, "nobody holds the replica of which this is said: "+what, func() bool {
			runtime.GC()
			return held.Value() == nil
		})
		if now, _ := c.Replica(1); now == kept {
			t.Errorf("%s: it is found still", what)
		}
		read := kept.Read(t.Context(), 5, router.ReadLease, func(ops.Reader) {})
		for _, err := range []error{flight.Submit(&router.Op{}), kept.AwaitOwned(t.Context(), 5), read} {
			if apierr.KindOf(err) != apierr.KindNotLeader {
				t.Errorf("%s: got %v", what, err)
			}
		}
		if kept.Leads() || kept.Holds(5) || kept.Shard() != 1 || kept.Keys()+kept.KeysInSlot(5)+kept.Acknowledged(1)+len(kept.ListKeys(5, 1)) != 0 {
			t.Errorf("%s: it tells of what it has", what)
		}
		runtime.KeepAlive(flight)
	}
}
