package router

import (
	"context"
	"time"

	"github.com/holtcache/holt/proto/apierr"
	"github.com/holtcache/holt/proto/slot"
)

// HoldMax is how long a request that finds no leader is held before it is answered with CLUSTERDOWN: longer than a
// failover at the default timings, shorter than usual client timeouts (3 s).
const HoldMax = time.Second

// CommitMax is how long a request may take before it is answered with an unknown outcome: before usual client
// read timeouts, after which client libraries would repeat it blindly.
const CommitMax = 1500 * time.Millisecond

// Cluster is what the router knows the cluster by.
type Cluster interface {
	// View is the latest view; it never is nil.
	View() *View
	// Changed is closed when there is a newer view, or when a replica of this node began or ceased to lead.
	Changed() <-chan struct{}
	// Replica is this node's replica of a shard.
	Replica(shard slot.ShardID) (Replica, bool)
}

// Target is where a request is served. Exactly one of Replica and Leader is set.
type Target struct {
	Shard slot.ShardID
	// Replica is set where this node leads the shard.
	Replica Replica
	// Leader is set where another node does.
	Leader *Node
}

// Router decides where requests are served.
type Router struct{ cluster Cluster }

// New returns a router over a cluster.
func New(c Cluster) *Router { return &Router{c} }

// View is the latest view of the cluster.
func (r *Router) View() *View { return r.cluster.View() }

// Changed is closed when View, or who leads here, may have changed.
func (r *Router) Changed() <-chan struct{} { return r.cluster.Changed() }

// Find says who leads the shard of a slot now; ok is false where nobody is known to.
func (r *Router) Find(s slot.ID) (t Target, ok bool) {
	v := r.cluster.View()
	t.Shard = v.Map.Owner(s)
	if t.Shard == 0 {
		return t, false
	}
	if replica, here := r.cluster.Replica(t.Shard); here && replica.Leads() {
		t.Replica = replica
		return t, true
	}
	shard, _ := v.Shard(t.Shard)
	if shard.Leader == "" || shard.Leader == v.Self {
		return t, false // a view that is behind what the replica knows
	}
	node, known := v.Node(shard.Leader)
	if !known {
		return t, false
	}
	t.Leader = &node
	return t, true
}

// Await is Find, held until somebody leads or the deadline passes; then the error is CLUSTERDOWN.
func (r *Router) Await(ctx context.Context, s slot.ID, deadline time.Time) (Target, *apierr.Error) {
	var timer *time.Timer
	for {
		changed := r.cluster.Changed()
		if t, ok := r.Find(s); ok {
			return t, nil
		}
		if timer == nil {
			timer = time.NewTimer(time.Until(deadline))
			defer timer.Stop()
		}
		select {
		case <-changed:
		case <-timer.C:
			return Target{}, r.down(s)
		case <-ctx.Done():
			return Target{}, r.down(s)
		}
	}
}

func (r *Router) down(s slot.ID) *apierr.Error {
	if r.cluster.View().Map.Owner(s) == 0 {
		return apierr.New(apierr.KindClusterDown, "Hash slot not served")
	}
	return apierr.New(apierr.KindClusterDown, "The cluster is down: no leader is known for slot %d; not applied, retry", s)
}

// Stale returns this node's replica of the slot's shard for a stale read, whoever leads.
func (r *Router) Stale(s slot.ID) (Replica, bool) {
	shard := r.cluster.View().Map.Owner(s)
	if shard == 0 {
		return nil, false
	}
	return r.cluster.Replica(shard)
}

// Leading lists this node's replicas that lead their groups, in the order of their shards.
func (r *Router) Leading() []Replica {
	var leading []Replica
	for _, s := range r.cluster.View().Shards {
		if replica, here := r.cluster.Replica(s.ID); here && replica.Leads() {
			leading = append(leading, replica)
		}
	}
	return leading
}
