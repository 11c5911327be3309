package router

import (
	"context"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/holtcache/holt/gateway/ops"
	"github.com/holtcache/holt/proto/apierr"
	"github.com/holtcache/holt/proto/slot"
)

// world is a cluster as a test says it is.
type world struct {
	mu       sync.Mutex // protects the fields below
	view     *View
	replicas map[slot.ShardID]Replica
	changed  chan struct{}
}

var _ Cluster = (*world)(nil)

func (w *world) View() *View {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.view
}

func (w *world) Changed() <-chan struct{} {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.changed
}

func (w *world) Replica(id slot.ShardID) (Replica, bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	r, ok := w.replicas[id]
	return r, ok
}

func (w *world) become(v *View, replicas map[slot.ShardID]Replica) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.view, w.replicas = v, replicas
	close(w.changed)
	w.changed = make(chan struct{})
}

// seat is a replica that leads or does not, and serves nothing.
type seat struct {
	shard slot.ShardID
	leads bool
	// awaits is what AwaitOwned says; nil: that the slot is served.
	awaits func(ctx context.Context) error
	// holds is what Holds says.
	holds bool
}

func (s seat) AwaitOwned(ctx context.Context, _ slot.ID) error {
	if s.awaits == nil {
		return nil
	}
	return s.awaits(ctx)
}

func (s seat) Shard() slot.ShardID                                             { return s.shard }
func (s seat) Leads() bool                                                     { return s.leads }
func (s seat) Holds(slot.ID) bool                                              { return s.holds }
func (s seat) NewFlight() Flight                                               { return nil }
func (s seat) Read(context.Context, slot.ID, ReadMode, func(ops.Reader)) error { return nil }
func (s seat) Acknowledged(uint64) int                                         { return 0 }
func (s seat) Keys() int                                                       { return 0 }
func (s seat) KeysInSlot(slot.ID) int                                          { return 0 }
func (s seat) HasKeys(slot.ID) bool                                            { return false }
func (s seat) ListKeys(slot.ID, int) [][]byte                                  { return nil }

// viewOf has shard 1 on slots 0-99, led by leader; the other slots are nobody's.
func viewOf(t *testing.T, leader string) *View {
	t.Helper()
	ranges := []slot.Range{{First: 0, Last: 99}}
	m, err := slot.NewMap(1, []slot.Assignment{{Range: ranges[0], Shard: 1}})
	if err != nil {
		t.Fatal(err)
	}
	return &View{
		Self: "self", Map: m, Nodes: []Node{{ID: "other", RESP: "other:1"}, {ID: "self", RESP: "self:1"}},
		Shards: []Shard{{ID: 1, Ranges: ranges, Replicas: []string{"other", "self"}, Leader: leader, Term: 3}},
	}
}

func worldOf(v *View, replicas map[slot.ShardID]Replica) *world {
	return &world{view: v, replicas: replicas, changed: make(chan struct{})}
}

func here(leads bool) map[slot.ShardID]Replica {
	return map[slot.ShardID]Replica{1: seat{shard: 1, leads: leads}}
}

// The replica of this node knows best whether it leads. A view that says otherwise is behind: a request is held rather
// than sent in a circle.
func TestRequestGoesToTheLeaderOrWaits(t *testing.T) {
	for _, c := range []struct {
		what     string
		leader   string
		replicas map[slot.ShardID]Replica
		slot     slot.ID
		ok       bool
		local    bool
		node     string
	}{
		{"this node leads", "self", here(true), 5, true, true, ""},
		{"this node leads already, the view names the old leader", "other", here(true), 5, true, true, ""},
		{"this node leads already, the view knows nobody", "", here(true), 5, true, true, ""},
		{"another leads", "other", here(false), 5, true, false, "other"},
		{"another leads, no replica here", "other", nil, 5, true, false, "other"},
		{"nobody is known to lead", "", here(false), 5, false, false, ""},
		{"the view says that this node leads, its replica does not", "self", here(false), 5, false, false, ""},
		{"the view says that this node leads, it has no replica", "self", nil, 5, false, false, ""},
		{"the leader is a node that is not known", "stranger", here(false), 5, false, false, ""},
		{"nobody owns the slot", "other", here(true), 500, false, false, ""},
	} {
		target, ok := New(worldOf(viewOf(t, c.leader), c.replicas)).Find(c.slot, NotAsked)
		if ok != c.ok || (target.Replica != nil) != c.local || (target.Leader != nil) != (c.node != "") || c.node != "" && target.Leader.ID != c.node {
			t.Errorf("%s: %+v, %v", c.what, target, ok)
		}
	}
}

func TestHeldRequestGoesOnWhenALeaderIsKnown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := worldOf(viewOf(t, ""), here(false))
		begin := time.Now()
		time.AfterFunc(300*time.Millisecond, func() { w.become(viewOf(t, ""), here(false)) }) // a change that helps nobody
		time.AfterFunc(700*time.Millisecond, func() { w.become(viewOf(t, "other"), here(false)) })
		target, err := New(w).Await(t.Context(), 5, NotAsked, begin.Add(HoldMax))
		if err != nil || target.Leader == nil || target.Leader.ID != "other" || time.Since(begin) != 700*time.Millisecond {
			t.Errorf("%+v, %v after %v", target, err, time.Since(begin))
		}
	})
}

func TestHeldRequestIsGivenUpInTime(t *testing.T) {
	for what, c := range map[string]struct {
		slot slot.ID
		text string
	}{
		"no leader": {5, "The cluster is down: no leader is known for slot 5; not applied, retry"},
		"no owner":  {500, "Hash slot not served"},
	} {
		synctest.Test(t, func(t *testing.T) {
			r, begin := New(worldOf(viewOf(t, ""), here(false))), time.Now()
			_, err := r.Await(t.Context(), c.slot, NotAsked, begin.Add(HoldMax))
			if err == nil || err.Kind != apierr.KindClusterDown || err.Message != c.text || time.Since(begin) != HoldMax {
				t.Errorf("%s: %v after %v", what, err, time.Since(begin))
			}
			ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
			defer cancel()
			begin = time.Now()
			if _, err := r.Await(ctx, c.slot, NotAsked, begin.Add(HoldMax)); err == nil || time.Since(begin) != 10*time.Millisecond {
				t.Errorf("%s, caller gone: %v after %v", what, err, time.Since(begin))
			}
			if _, err := r.Await(t.Context(), c.slot, NotAsked, begin.Add(-time.Second)); err == nil {
				t.Errorf("%s: no error past the deadline", what)
			}
		})
	}
}

func TestStaleReadsTakeAnyReplicaOfThisNode(t *testing.T) {
	if r, ok := New(worldOf(viewOf(t, "other"), here(false))).Stale(5); !ok || r.Shard() != 1 {
		t.Errorf("%v, %v", r, ok)
	}
	if _, ok := New(worldOf(viewOf(t, "other"), nil)).Stale(5); ok {
		t.Error("a replica was found where there is none")
	}
	if _, ok := New(worldOf(viewOf(t, "other"), here(true))).Stale(500); ok {
		t.Error("a replica was found for a slot of nobody")
	}
}

func TestOnlyLeadingReplicasAreListed(t *testing.T) {
	if got := New(worldOf(viewOf(t, "self"), here(true))).Leading(); len(got) != 1 || got[0].Shard() != 1 {
		t.Errorf("%v", got)
	}
	if got := New(worldOf(viewOf(t, "self"), here(false))).Leading(); len(got) != 0 {
		t.Errorf("%v", got)
	}
}

func TestViewServesOnlyWithAnOwnerAndALeaderForEachSlot(t *testing.T) {
	if viewOf(t, "other").Served() {
		t.Error("slots without an owner are served")
	}
	whole := []slot.Range{{First: 0, Last: slot.Count - 1}}
	m, err := slot.NewMap(1, []slot.Assignment{{Range: whole[0], Shard: 1}})
	if err != nil {
		t.Fatal(err)
	}
	for leader, want := range map[string]bool{"": false, "other": true} {
		if v := (&View{Map: m, Shards: []Shard{{ID: 1, Ranges: whole, Leader: leader}, {ID: 2}}}); v.Served() != want {
			t.Errorf("leader %q: served %v", leader, v.Served())
		}
	}
	if got := viewOf(t, "other").Led("other"); len(got) != 1 || got[0] != (slot.Range{First: 0, Last: 99}) {
		t.Errorf("led %v", got)
	}
}
