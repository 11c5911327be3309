package node

import (
	"testing"

	"github.com/holtcache/holt/gateway/router"
	"github.com/holtcache/holt/proto/slot"
	"github.com/holtcache/holt/raftfsm/meta"
	"github.com/holtcache/holt/shard/gossip"
)

type rumours map[string]gossip.Node

func (r rumours) Node(id string) (n gossip.Node, ok bool) { n, ok = r[id]; return n, ok }

func TestViewTakesAddressesOfTheLaterStartAndHealthFromGossip(t *testing.T) {
	registered := meta.Node{ID: "a", StartCount: 2, Zone: "z", Addresses: meta.Addresses{RESP: "old:1", GRPC: "old:2", Cluster: "old:3", Gossip: "old:4", HTTP: "old:5"}}
	heard := func(start uint64, s gossip.State) rumours {
		return rumours{"a": {ID: "a", Start: start, RESP: "new:1", GRPC: "new:2", Cluster: "new:3", Gossip: "new:4", HTTP: "new:5", State: s}}
	}
	for _, c := range []struct {
		what string
		g    rumours
		resp string
		http string
		want router.NodeState
	}{
		{"nothing heard", rumours{}, "old:1", "old:5", router.NodeAlive},
		{"an earlier start", heard(1, gossip.StateAlive), "old:1", "old:5", router.NodeAlive},
		{"the same start", heard(2, gossip.StateSuspect), "old:1", "old:5", router.NodeSuspect},
		{"a later start", heard(3, gossip.StateAlive), "new:1", "new:5", router.NodeAlive},
		{"dead", heard(2, gossip.StateDead), "old:1", "old:5", router.NodeDead},
		{"left", heard(2, gossip.StateLeft), "old:1", "old:5", router.NodeDead},
	} {
		got := viewNode(registered, c.g)
		if got.RESP != c.resp || got.HTTP != c.http || got.State != c.want || got.Zone != "z" {
			t.Errorf("%s: %+v", c.what, got)
		}
	}
}

func TestNodeOutsideAnyClusterHasAnEmptyView(t *testing.T) {
	c := newCluster("self")
	r := router.New(c)
	if v := c.View(); v.Self != "self" || v.Map == nil || v.Map.Owner(0) != 0 || v.Served() {
		t.Errorf("view %+v", v)
	}
	if _, ok := r.Find(7, router.NotAsked); ok {
		t.Error("a leader was found")
	}
	if _, here := c.Replica(1); here {
		t.Error("a replica was found")
	}
}

func TestNewViewIsThereBeforeItIsSaid(t *testing.T) {
	c := newCluster("self")
	changed := c.Changed()
	empty := c.View()
	c.publish(&router.View{ClusterID: "c1", Map: empty.Map}, map[slot.ShardID]router.Replica{})
	select {
	case <-changed:
	default:
		t.Fatal("nobody was told")
	}
	if c.View().ClusterID != "c1" || c.Changed() == changed {
		t.Errorf("view %+v", c.View())
	}
}

// heardLeaders are the leaders that the replicas here hear.
type heardLeaders map[slot.ShardID]string

func (l heardLeaders) Hears(id slot.ShardID, node string) bool { return l[id] == node }

// A follower that is left alone knows the dead leader by gossip, whose term is the last. Sent there, clients would learn nothing.
func TestLeaderThatIsDeadIsNobody(t *testing.T) {
	view := &router.View{Nodes: []router.Node{{ID: "alive"}, {ID: "dead", State: router.NodeDead}, {ID: "suspect", State: router.NodeSuspect}}}
	heard := heardLeaders{2: "dead"} // gossip is a hint: what the replica here hears counts more
	for _, c := range []struct {
		shard        slot.ShardID
		leader, want string
	}{
		{1, "alive", "alive"}, {1, "suspect", "suspect"}, {1, "dead", ""}, {2, "dead", "dead"}, {1, "", ""}, {1, "unknown", "unknown"},
	} {
		if got := leaderIn(view, heard, c.shard, c.leader); got != c.want {
			t.Errorf("shard %d, leader %q: got %q, want %q", c.shard, c.leader, got, c.want)
		}
	}
}
