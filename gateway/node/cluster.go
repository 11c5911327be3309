package node

import (
	"cmp"
	"slices"
	"sync/atomic"

	"github.com/holtcache/holt/gateway/router"
	"github.com/holtcache/holt/proto/slot"
	"github.com/holtcache/holt/raftfsm/meta"
	"github.com/holtcache/holt/shard"
	"github.com/holtcache/holt/shard/gossip"
	"github.com/holtcache/holt/shard/host"
)

// cluster is what the protocol servers know the cluster by. Before this node belongs to one it is an empty view.
type cluster struct {
	latestView
	self     string
	replicas atomic.Pointer[map[slot.ShardID]router.Replica]
}

var _ router.Cluster = (*cluster)(nil)

func newCluster(self string) *cluster {
	c := &cluster{self: self}
	c.init(self)
	c.replicas.Store(&map[slot.ShardID]router.Replica{})
	return c
}

func (c *cluster) Replica(id slot.ShardID) (router.Replica, bool) {
	r, ok := (*c.replicas.Load())[id]
	return r, ok
}

// refresh makes a new view of what host and gossip know now, and says so.
func (c *cluster) refresh(h *host.Host, g hints) {
	state := h.State()
	view := &router.View{ClusterID: state.ClusterID(), Self: c.self, Map: state.SlotMap()}
	for _, n := range state.Nodes() {
		view.Nodes = append(view.Nodes, viewNode(n, g))
	}
	slices.SortFunc(view.Nodes, func(a, b router.Node) int { return cmp.Compare(a.ID, b.ID) })
	leaders := h.Leaders(state.Shards())
	for _, s := range state.Shards() {
		view.Shards = append(view.Shards, router.Shard{
			ID: s.ID, Ranges: s.Ranges, Replicas: s.Replicas, Leader: leaderIn(view, h, s.ID, leaders[s.ID].Node), Term: leaders[s.ID].Term, Preferred: s.PreferredLeader,
		})
	}
	for _, m := range state.Migrations() {
		view.AddMigration(router.Migration{ID: m.ID, From: m.From, To: m.To, Ranges: m.Ranges, Stage: stageOf(m)})
	}
	replicas := map[slot.ShardID]*shard.Replica{}
	for _, r := range h.Replicas() {
		replicas[r.Group()] = r
	}
	c.update(view, replicas)
}

// ears tells whom this node's own replicas hear as leaders.
type ears interface {
	Hears(shard slot.ShardID, node string) bool
}

var _ ears = (*host.Host)(nil)

// leaderIn is the leader of a shard as clients are sent to it: "" where gossip has given it up and no replica here hears it. A
// majority may be gone with it, and a client that is sent there learns nothing; one that is held is told CLUSTERDOWN, as Redis
// Cluster says of the slots of a master that is FAIL.
func leaderIn(view *router.View, heard ears, id slot.ShardID, leader string) string {
	if n, known := view.Node(leader); known && n.State == router.NodeDead && !heard.Hears(id, leader) {
		return ""
	}
	return leader
}

// update publishes a view with the replicas that this node has by now, and lets go of those that it had before. It is called by one
// goroutine at a time.
func (c *cluster) update(view *router.View, replicas map[slot.ShardID]*shard.Replica) {
	before := *c.replicas.Load()
	now := map[slot.ShardID]router.Replica{}
	for id, r := range replicas {
		if p, ok := before[id].(*replica); ok && p.r.Load() == r {
			now[id] = p
		} else {
			now[id] = newReplica(id, r)
		}
	}
	c.publish(view, now)
	for id, old := range before {
		if p, ok := old.(*replica); ok && now[id] != old {
			p.r.Store(nil)
		}
	}
}

// stageOf is how far a migration has come for those who route requests.
func stageOf(m meta.Migration) router.MigrationStage {
	switch {
	case m.Phase == meta.MigrationRunning:
		return router.MigrationRunning
	case m.Phase == meta.MigrationCommitted && !m.TargetEnded:
		return router.MigrationArriving
	}
	return router.MigrationOver
}

// publish makes a view the latest one and wakes those who wait for a change.
func (c *cluster) publish(view *router.View, replicas map[slot.ShardID]router.Replica) {
	c.replicas.Store(&replicas)
	c.show(view)
}

// hints is what a view takes from gossip.
type hints interface {
	Node(id string) (gossip.Node, bool)
}

var _ hints = (*gossip.Gossip)(nil)

// viewNode is a node as registered, with the addresses of a later start where gossip has heard of one.
func viewNode(n meta.Node, g hints) router.Node {
	node := router.Node{
		ID: n.ID, RESP: n.Addresses.RESP, GRPC: n.Addresses.GRPC, Cluster: n.Addresses.Cluster,
		Gossip: n.Addresses.Gossip, HTTP: n.Addresses.HTTP, Zone: n.Zone,
	}
	hint, ok := g.Node(n.ID)
	if !ok {
		return node
	}
	if hint.Start > n.StartCount {
		node.RESP, node.GRPC, node.Cluster, node.Gossip, node.HTTP = hint.RESP, hint.GRPC, hint.Cluster, hint.Gossip, hint.HTTP
	}
	switch hint.State {
	case gossip.StateSuspect:
		node.State = router.NodeSuspect
	case gossip.StateDead, gossip.StateLeft:
		node.State = router.NodeDead
	}
	return node
}
