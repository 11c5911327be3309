package host

import (
	"context"
	"fmt"
	"slices"

	storagev1 "github.com/holtcache/holt/proto/holt/storage/v1"
	"github.com/holtcache/holt/raftfsm/meta"
	"github.com/holtcache/holt/shard"
)

// gaveUp tells whether a node was given up: by a recovery on this node's folder, or taken out of the cluster for good. What it
// says in a group that goes on without it could depose the leader, or cost this replica entries that are committed; so
// neither dials the other.
func (h *Host) gaveUp(node string) bool {
	if slices.Contains(h.lost, node) {
		return true
	}
	n, known := h.State().Node(node)
	return known && n.Phase == meta.NodeRemoved
}

// noteLost brings the state of the meta group in line with a recovery on this node's folder: a shard that this node has a replica
// of has the replicas that its group has, whoever leads it (only this node knows whom the recovery gave up), and a node that
// was given up, and holds nothing any more, is taken out for good.
func (h *Host) noteLost() {
	if len(h.lost) == 0 {
		return
	}
	state := h.State()
	for _, r := range h.Replicas() {
		s, ok := state.Shard(r.Group())
		if !ok || s.Phase != meta.ShardFormed {
			continue
		}
		if members := r.Members(); slices.Contains(members.Voters, h.cfg.Self.ID) {
			h.noteLostOf(s, members)
		}
	}
	for _, id := range h.lost {
		if n, known := state.Node(id); known && n.Phase == meta.NodeRegistered && !inUse(state, id) {
			h.tell("take out a node that was given up", &storagev1.MetaCommand{Command: &storagev1.MetaCommand_RemoveNode{RemoveNode: &storagev1.RemoveNode{Id: id}}})
		}
	}
}

// noteLostOf takes the next step for one shard: another preferred leader, then one replica less.
func (h *Host) noteLostOf(s meta.Shard, now shard.Members) {
	switch i := slices.IndexFunc(s.Replicas, func(id string) bool { return !h.staysIn(now, id) }); {
	case i < 0:
	case !h.staysIn(now, s.PreferredLeader):
		h.tell(fmt.Sprintf("prefer another leader for shard %d", s.ID), &storagev1.MetaCommand{Command: &storagev1.MetaCommand_SetPreferredLeader{
			SetPreferredLeader: &storagev1.SetPreferredLeader{Shard: uint64(s.ID), Expected: s.PreferredLeader, Preferred: h.cfg.Self.ID},
		}})
	default:
		h.tell(fmt.Sprintf("note that shard %d has lost a replica", s.ID), &storagev1.MetaCommand{Command: &storagev1.MetaCommand_SetReplicas{
			SetReplicas: &storagev1.SetReplicas{Shard: uint64(s.ID), Expected: s.Replicas, Replicas: slices.Delete(slices.Clone(s.Replicas), i, i+1)},
		}})
	}
}

// staysIn tells whether a node stays a replica of a shard with those members.
func (h *Host) staysIn(now shard.Members, node string) bool {
	return !slices.Contains(h.lost, node) || slices.Contains(now.Voters, node) || slices.Contains(now.Learners, node)
}

// inUse tells whether a shard or the meta group counts on a node.
func inUse(state *meta.State, node string) bool {
	return slices.Contains(state.MetaVoters(), node) ||
		slices.ContainsFunc(state.Shards(), func(s meta.Shard) bool { return slices.Contains(s.Replicas, node) })
}

// tell proposes a command; what fails is tried again with the next look.
func (h *Host) tell(what string, command *storagev1.MetaCommand) {
	ctx, cancel := context.WithTimeout(h.ctx, latestMax)
	defer cancel()
	result, err := h.Propose(ctx, command)
	if err == nil {
		err = result.Err
	}
	if err != nil && h.ctx.Err() == nil {
		h.cfg.Logger.Info("the cluster's state is behind a recovery; it is tried again", "step", what, "err", err)
	}
}
