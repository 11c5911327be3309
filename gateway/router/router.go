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
	// Arriving: the slot is being handed over to Replica's shard, which may not serve it yet.
	Arriving bool
	// Leader is set where another node does.
	Leader *Node
	// Ask: the slot is being handed over to Leader's shard and is not that shard's by the slot map. A client is sent there for one
	// command.
	Ask bool
}

// Asked says how a request came here.
type Asked uint8

const (
	// NotAsked: the client took this node for the leader of the slot's shard. The zero value.
	NotAsked Asked = iota
	// AskedHere: the client was sent here by ASK, to the shard that is being handed the slot.
	AskedHere
)

// Router decides where requests are served.
type Router struct{ cluster Cluster }

// New returns a router over a cluster.
func New(c Cluster) *Router { return &Router{c} }

// View is the latest view of the cluster.
func (r *Router) View() *View { return r.cluster.View() }

// Changed is closed when View, or who leads here, may have changed.
func (r *Router) Changed() <-chan struct{} { return r.cluster.Changed() }

// Find says where a request on a slot is served now; ok is false where nobody is known to lead the shard.
func (r *Router) Find(s slot.ID, asked Asked) (t Target, ok bool) {
	v := r.cluster.View()
	if asked == AskedHere {
		if t, ok = r.findArriving(s); ok {
			return t, true
		}
		if m, moving := v.MigrationOf(s); moving && m.Stage == MigrationRunning {
			return r.nextAsked(v, m.To)
		}
	}
	t, ok = r.leaderOf(v, v.Map.Owner(s))
	switch {
	case t.Replica == nil:
		if held, here := r.findHeld(s); here {
			return held, true
		}
	case v.arriving.has(s):
		t.Arriving = true
	}
	return t, ok
}

// nextAsked is where a request goes on that was sent here by ASK, for a shard that is not led here: to its leader. The owner by
// the slot map would send it back here.
func (r *Router) nextAsked(v *View, to slot.ShardID) (t Target, ok bool) {
	t, ok = r.leaderOf(v, to)
	if t.Replica != nil {
		t.Arriving = true // since a moment ago
	}
	t.Ask = t.Leader != nil
	return t, ok
}

// findHeld finds the replica of this node that has a slot which the slot map here gives to others. The map is behind then: those who
// know of the decision already send clients here, and would get them back.
func (r *Router) findHeld(s slot.ID) (t Target, ok bool) {
	for _, replica := range r.Leading() {
		if !replica.Holds(s) {
			continue
		}
		switch err := replica.AwaitOwned(ended, s); {
		case err == nil:
			return Target{Shard: replica.Shard(), Replica: replica}, true
		case apierr.KindOf(err) == apierr.KindImporting:
			t, ok = Target{Shard: replica.Shard(), Replica: replica, Arriving: true}, true
		}
	}
	return t, ok
}

// Handed says who leads a shard now that is being handed a slot; ok is false where nobody is known to.
func (r *Router) Handed(shard slot.ShardID) (t Target, ok bool) {
	t, ok = r.leaderOf(r.cluster.View(), shard)
	t.Arriving = t.Replica != nil
	return t, ok
}

// leaderOf says who leads a shard.
func (r *Router) leaderOf(v *View, id slot.ShardID) (t Target, ok bool) {
	t.Shard = id
	if id == 0 {
		return t, false
	}
	if replica, here := r.cluster.Replica(id); here && replica.Leads() {
		t.Replica = replica
		return t, true
	}
	shard, _ := v.Shard(id)
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

// ended is a context that is over.
var ended = func() context.Context {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	return ctx
}()

// findArriving finds the replica of this node that a client has been sent to by ASK: one that serves the slot already, one
// that is being handed it, or one that has to be by what is known of migrations.
func (r *Router) findArriving(s slot.ID) (t Target, ok bool) {
	v := r.cluster.View()
	m, moving := v.MigrationOf(s)
	for _, replica := range r.Leading() {
		switch err := replica.AwaitOwned(ended, s); {
		case err == nil:
			return Target{Shard: replica.Shard(), Replica: replica}, true
		case apierr.KindOf(err) == apierr.KindImporting, moving && m.To == replica.Shard() && m.Stage != MigrationOver:
			t, ok = Target{Shard: replica.Shard(), Replica: replica, Arriving: true}, true
		}
	}
	return t, ok
}

// lookAgain is how often a request is looked at again that is held although a leader is known: what a replica is being handed
// may change without a change of the view.
const lookAgain = 20 * time.Millisecond

// Await is Find, held until somebody leads the shard and, where the slot is being handed over to one that is led here, until
// it is served. When the deadline passes the error is CLUSTERDOWN, or TRYAGAIN for a slot that is on its way here.
func (r *Router) Await(ctx context.Context, s slot.ID, asked Asked, deadline time.Time) (Target, *apierr.Error) {
	var timer *time.Timer
	for {
		changed := r.cluster.Changed()
		t, ok := r.Find(s, asked)
		if ok {
			err := r.Arrive(ctx, t, s, deadline)
			if err == nil || !isElsewhere(err) {
				return t, err
			}
		}
		if timer == nil {
			timer = time.NewTimer(time.Until(deadline))
			defer timer.Stop()
		}
		var again <-chan time.Time
		if ok {
			again = time.After(lookAgain)
		}
		select {
		case <-changed:
		case <-again:
		case <-timer.C:
			return Target{}, r.down(s, asked)
		case <-ctx.Done():
			return Target{}, r.down(s, asked)
		}
	}
}

// isElsewhere tells whether a replica has refused because another one has to serve the slot.
func isElsewhere(err *apierr.Error) bool {
	return err.Kind == apierr.KindNotLeader || err.Kind == apierr.KindNotOwned
}

// Arrive holds a request until the slot is served where it is being handed over to. At the deadline the error is TRYAGAIN;
// nothing was applied.
func (r *Router) Arrive(ctx context.Context, t Target, s slot.ID, deadline time.Time) *apierr.Error {
	if !t.Arriving {
		return nil
	}
	ctx, cancel := context.WithDeadline(ctx, deadline)
	defer cancel()
	return apierr.Of(t.Replica.AwaitOwned(ctx, s))
}

func (r *Router) down(s slot.ID, asked Asked) *apierr.Error {
	if m, moving := r.cluster.View().MigrationOf(s); moving && (asked == AskedHere || m.Stage == MigrationArriving) {
		return apierr.New(apierr.KindTryAgain, "slot %d is being handed over from shard %d to shard %d; not applied, retry", s, m.From, m.To)
	}
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
