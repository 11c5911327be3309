package host

import (
	"context"
	"testing"

	"github.com/holtcache/holt/proto/slot"
	"github.com/holtcache/holt/raftfsm/meta"
	"github.com/holtcache/holt/shard/gossip"
)

func TestHigherTermDecidesWhoLeads(t *testing.T) {
	for _, c := range []struct {
		what            string
		hint, own, want Leadership
	}{
		{"nothing is known", Leadership{}, Leadership{}, Leadership{}},
		{"gossip alone", Leadership{"a", 3}, Leadership{}, Leadership{"a", 3}},
		{"own replica alone", Leadership{}, Leadership{"a", 3}, Leadership{"a", 3}},
		{"own replica is behind", Leadership{"b", 4}, Leadership{"a", 3}, Leadership{"b", 4}},
		{"own replica is ahead", Leadership{"b", 4}, Leadership{"a", 5}, Leadership{"a", 5}},
		{"one term, own replica knows", Leadership{"a", 4}, Leadership{"a", 4}, Leadership{"a", 4}},
		{"one term, own replica does not know yet", Leadership{"a", 4}, Leadership{"", 4}, Leadership{"a", 4}},
		{"an election is under way", Leadership{"a", 4}, Leadership{"", 5}, Leadership{"", 5}},
		{"this node leads", Leadership{"a", 4}, Leadership{"self", 5}, Leadership{"self", 5}},
		{"this node stepped down within the term", Leadership{"self", 4}, Leadership{"", 4}, Leadership{"", 4}},
		{"this node led before its restart", Leadership{"self", 4}, Leadership{}, Leadership{"", 4}},
		{"this node led a later term than its replica remembers", Leadership{"self", 6}, Leadership{"a", 4}, Leadership{"", 6}},
	} {
		if got := newest("self", c.hint, c.own); got != c.want {
			t.Errorf("%s: %+v, want %+v", c.what, got, c.want)
		}
	}
}

func TestLeadersAreTheSameOneByOneAndTogether(t *testing.T) {
	h, r := outsider(t, nil)
	r.leaders = map[uint64]gossip.Leader{1: {Shard: 1, Term: 7, Node: "a"}, 2: {Shard: 2, Term: 9, Node: "self"}, 3: {Shard: 3, Term: 2}}
	all := h.Leaders([]meta.Shard{{ID: 1}, {ID: 2}, {ID: 3}, {ID: 4}})
	for id, want := range map[slot.ShardID]string{1: "a", 2: "", 3: "", 4: ""} {
		node, term, ok := h.Leader(id)
		if node != want || ok != (want != "") || all[id] != (Leadership{node, term}) {
			t.Errorf("shard %d: %q, %v, together %+v, want %q", id, node, ok, all[id], want)
		}
	}
}

func TestAddressOfTheLaterStartIsDialed(t *testing.T) {
	h, r := outsider(t, nil)
	for _, c := range []struct {
		book, gossip uint64 // starts heard of, 0 for none
		want         string
	}{{0, 0, ""}, {1, 0, "book:1"}, {0, 1, "gossip:1"}, {2, 1, "book:1"}, {1, 2, "gossip:1"}, {2, 2, "gossip:1"}} {
		h.cfg.Book = NewBook()
		delete(r.nodes, "a")
		if c.book > 0 {
			h.cfg.Book.Note(meta.Node{ID: "a", StartCount: c.book, Addresses: meta.Addresses{Cluster: "book:1"}})
		}
		if c.gossip > 0 {
			r.nodes["a"] = gossip.Node{ID: "a", Start: c.gossip, Cluster: "gossip:1"}
		}
		if got, ok := h.ClusterAddr("a"); got != c.want || ok != (c.want != "") {
			t.Errorf("book %d, gossip %d: %q, %v, want %q", c.book, c.gossip, got, ok, c.want)
		}
	}
}

// Whoever leads before it has applied its logs makes clients wait; whoever is stopping hands over again.
func TestLeadershipGoesOnlyToNodesThatAreSettled(t *testing.T) {
	const id = slot.ShardID(1)
	ready := ReplicaStatus{Serving: true, Voters: []string{"a", "b"}, CaughtUp: []string{"a", "b"}}
	for _, c := range []struct {
		what         string
		leader, node ReplicaStatus
		want         bool
	}{
		{what: "it is settled", leader: ready, want: true},
		{what: "it applies its logs, or stops", leader: ready, node: ReplicaStatus{Unsettled: true}},
		{what: "its log is behind", leader: ReplicaStatus{Serving: true, Voters: ready.Voters}},
		{what: "it is no voter", leader: ReplicaStatus{Serving: true, CaughtUp: ready.CaughtUp}},
		{what: "the leader is not ready", leader: ReplicaStatus{Voters: ready.Voters, CaughtUp: ready.CaughtUp}},
	} {
		h, r := outsider(t, &others{replica: func(_ context.Context, node string, _ slot.ShardID) (ReplicaStatus, error) {
			if node == "a" {
				return c.leader, nil
			}
			return c.node, nil
		}})
		r.leaders = map[uint64]gossip.Leader{uint64(id): {Shard: uint64(id), Term: 7, Node: "a"}}
		got, err := Leaderships{h}.CaughtUp(t.Context(), id, "b")
		if err != nil || got != c.want {
			t.Errorf("%s: %v, %v, want %v", c.what, got, err, c.want)
		}
	}
}

func TestNodeIsSettledFromTheEndOfItsLoadingUntilItLeaves(t *testing.T) {
	h, _ := outsider(t, nil)
	if h.isSettled() {
		t.Error("settled while data is loaded")
	}
	h.cfg.Folder.loading.done.Store(true)
	if !h.isSettled() {
		t.Error("not settled although no replica has anything to apply")
	}
	h.settled.leaving.Store(true)
	if h.isSettled() {
		t.Error("settled while it leaves")
	}
}
