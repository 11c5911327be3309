package host

import (
	"context"
	"fmt"
	"slices"

	"github.com/holtcache/holt/proto/apierr"
	storagev1 "github.com/holtcache/holt/proto/holt/storage/v1"
	"github.com/holtcache/holt/proto/slot"
	"github.com/holtcache/holt/raftfsm/meta"
	"github.com/holtcache/holt/shard"
	"github.com/holtcache/holt/shard/gossip"
	"github.com/holtcache/holt/shard/placement"
)

// Control is the host as the placement controller acts through it on the meta group and the nodes.
type Control struct{ h *Host }

// Leaderships is the host as the placement controller acts through it on the shards.
type Leaderships struct{ h *Host }

var (
	_ placement.Meta        = Control{}
	_ placement.MetaMembers = Control{}
	_ placement.Liveness    = Control{}
	_ placement.Leaders     = Leaderships{}
	_ placement.Groups      = Leaderships{}
	_ placement.Loads       = Leaderships{}
)

// Controller returns a placement controller that acts through this host.
func (h *Host) Controller() *placement.Controller {
	return placement.NewController(placement.Config{
		Self: h.cfg.Self.ID,
		Meta: Control{h}, Members: Control{h}, Leaders: Leaderships{h}, Groups: Leaderships{h}, Loads: Leaderships{h}, Liveness: Control{h}, Log: h.cfg.Logger,
	})
}

// Liveness is what this node believes of others.
func (h *Host) Liveness() placement.Liveness { return Control{h} }

// State is this replica's state of the meta group, which is the one that counts on the leader.
func (c Control) State() *meta.State { return c.h.localMeta().State() }

// Leading tells whether this node leads the meta group.
func (c Control) Leading() bool { return c.h.LeadsMeta() && !c.h.Removed() }

// Propose commits a command here, or fails: a controller that does not lead decides nothing.
func (c Control) Propose(ctx context.Context, command *storagev1.MetaCommand) (meta.Result, error) {
	return c.h.ProposeHere(ctx, meta.Encode(command))
}

// Changed is closed at the next change of state or leadership.
func (c Control) Changed() <-chan struct{} { return c.h.localMeta().Changed() }

// Members is the latest configuration of the meta group.
func (c Control) Members() (placement.Members, error) {
	members := c.h.localMeta().Members()
	return placement.Members{Voters: members.Voters, Learners: members.Learners, Index: members.Index}, nil
}

// AddLearner adds a node to the meta group without a vote.
func (c Control) AddLearner(ctx context.Context, node string, index uint64) error {
	return c.h.localMeta().AddLearner(ctx, node, index)
}

// Promote gives a learner of the meta group its vote.
func (c Control) Promote(ctx context.Context, node string, index uint64) error {
	return c.h.localMeta().Promote(ctx, node, index)
}

// Remove takes a node out of the meta group.
func (c Control) Remove(ctx context.Context, node string, index uint64) error {
	return c.h.localMeta().Remove(ctx, node, index)
}

// HandOver gives up the leadership of the meta group to another voter.
func (c Control) HandOver(ctx context.Context, to string) error {
	return c.h.localMeta().Transfer(ctx, to)
}

// CaughtUp tells whether a learner of the meta group holds its log but for a few entries.
func (c Control) CaughtUp(node string) (bool, error) { return c.h.localMeta().CaughtUp(node), nil }

// Leader is the leader of a shard with the highest term heard of.
func (l Leaderships) Leader(id slot.ShardID) (string, uint64, bool) { return l.h.Leader(id) }

// Transfer asks the leader of a term to hand over.
func (l Leaderships) Transfer(ctx context.Context, id slot.ShardID, term uint64, to string) error {
	leader, now, ok := l.h.Leader(id)
	if !ok || term != 0 && now != term {
		return fmt.Errorf("shard %d: its leadership has changed since", id)
	}
	if leader == l.h.cfg.Self.ID {
		return l.h.TransferHere(ctx, id, term, to)
	}
	return l.h.cfg.Nodes.Transfer(ctx, leader, id, term, to)
}

// TransferHere hands over a shard, or with id 0 the meta group, that this node leads in term (0 for any).
func (h *Host) TransferHere(ctx context.Context, id slot.ShardID, term uint64, to string) error {
	if id == 0 {
		m := h.localMeta()
		if _, leads := m.Leader(); !leads {
			return apierr.New(apierr.KindNotLeader, "meta group: this node does not lead it; nothing was changed, ask the leader %q", h.MetaLeader())
		}
		return m.Transfer(ctx, to)
	}
	r, ok := h.Replica(id)
	if !ok {
		return apierr.New(apierr.KindNotFound, "shard %d has no replica on this node; nothing was changed", id)
	}
	if now, leads := r.Leader(); !leads || term != 0 && now != term {
		return apierr.New(apierr.KindNotLeader, "shard %d: this node does not lead it in term %d; nothing was changed", id, term)
	}
	return r.Transfer(ctx, to)
}

// Group is what the leader of a shard says of its group.
func (l Leaderships) Group(ctx context.Context, id slot.ShardID) (placement.Group, error) {
	leader, _, ok := l.h.Leader(id)
	if !ok {
		return placement.Group{}, fmt.Errorf("shard %d has no leader", id)
	}
	status, err := l.h.ReplicaAt(ctx, leader, id)
	if err != nil {
		return placement.Group{}, err
	}
	return placement.Group{
		Leader: leader, Term: status.Term, Serving: status.Serving, CaughtUp: status.CaughtUp,
		Members: placement.Members{Voters: status.Voters, Learners: status.Learners, Index: status.MembersIndex},
	}, nil
}

// Change asks the leader of a shard for one change of its group's members.
func (l Leaderships) Change(ctx context.Context, id slot.ShardID, leader string, term uint64, change placement.MemberChange) error {
	if leader == l.h.cfg.Self.ID {
		return l.h.ChangeMembersHere(ctx, id, term, change)
	}
	return l.h.cfg.Nodes.ChangeMembers(ctx, leader, id, term, change)
}

// ChangeMembersHere changes the members of a shard's group that this node leads in term.
func (h *Host) ChangeMembersHere(ctx context.Context, id slot.ShardID, term uint64, change placement.MemberChange) error {
	if change.Kind == placement.AddLearner && h.gaveUp(change.Node) { // lost nodes that went on by themselves ask for it
		return apierr.New(apierr.KindInvalid, "shard %d: node %s was given up, and its cluster went on without it; nothing was changed", id, change.Node)
	}
	r, ok := h.Replica(id)
	if !ok {
		return apierr.New(apierr.KindNotFound, "shard %d has no replica on this node; nothing was changed", id)
	}
	if now, leads := r.Leader(); !leads || now != term {
		return apierr.New(apierr.KindNotLeader, "shard %d: this node does not lead it in term %d; nothing was changed", id, term)
	}
	switch change.Kind {
	case placement.AddLearner:
		return r.AddLearner(ctx, change.Node, change.Index)
	case placement.Promote:
		return r.Promote(ctx, change.Node, change.Index)
	case placement.Remove:
		return r.Remove(ctx, change.Node, change.Index)
	case placement.RemoveSilent:
		return r.RemoveSilent(ctx, change.Node, change.Index)
	}
	return apierr.New(apierr.KindInvalid, "shard %d: change %d of its members is not known to this node; nothing was changed", id, change.Kind)
}

// CaughtUp tells whether a node holds a shard's log, and has applied it, but for a few entries, and is done with starting: what
// its other replicas have to apply yet takes the same processors.
func (l Leaderships) CaughtUp(ctx context.Context, id slot.ShardID, node string) (bool, error) {
	leader, _, ok := l.h.Leader(id)
	if !ok {
		return false, fmt.Errorf("shard %d has no leader", id)
	}
	status, err := l.h.ReplicaAt(ctx, leader, id)
	if err != nil {
		return false, err
	}
	// A leader that does not serve yet refuses to hand over.
	if !status.Serving || !slices.Contains(status.Voters, node) || !slices.Contains(status.CaughtUp, node) {
		return false, nil
	}
	there, err := l.h.ReplicaAt(ctx, node, id)
	return err == nil && !there.Unsettled, err
}

// ReplicaAt is the state of the replica that a node holds of a shard.
func (h *Host) ReplicaAt(ctx context.Context, node string, id slot.ShardID) (ReplicaStatus, error) {
	if node != h.cfg.Self.ID {
		return h.cfg.Nodes.Replica(ctx, node, id)
	}
	return h.ReplicaHere(id)
}

// ReplicaHere is the state of this node's replica of a shard.
func (h *Host) ReplicaHere(id slot.ShardID) (ReplicaStatus, error) {
	r, ok := h.Replica(id)
	if !ok {
		return ReplicaStatus{}, apierr.New(apierr.KindNotFound, "shard %d has no replica on node %s", id, h.cfg.Self.ID)
	}
	leader, term := r.KnownLeader()
	_, serving := r.Executor().Serving()
	status := ReplicaStatus{
		Shard: id, Node: h.cfg.Self.ID, Term: term, Leader: leader, Serving: serving,
		Last: r.LastIndex(), Committed: r.CommitIndex(), Applied: r.State().Applied, Keys: r.Store().Len(),
		Unsettled: !h.isSettled(),
	}
	members := r.Members()
	status.Voters, status.Learners, status.MembersIndex = members.Voters, members.Learners, members.Index
	if _, leads := r.Leader(); leads {
		status.CaughtUp = caughtUp(r, members)
	}
	return status, nil
}

func caughtUp(r *shard.Replica, members shard.Members) []string {
	var nodes []string
	for _, node := range slices.Concat(members.Voters, members.Learners) {
		if r.CaughtUp(node) {
			nodes = append(nodes, node)
		}
	}
	return nodes
}

// Alive is what gossip believes of a node.
func (c Control) Alive(node string) bool {
	if node == c.h.cfg.Self.ID {
		return true
	}
	n, ok := c.h.cfg.Gossip.Node(node)
	return ok && n.State == gossip.StateAlive
}
