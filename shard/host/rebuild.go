package host

import (
	"context"
	"errors"
	"fmt"
	"slices"

	storagev1 "github.com/holtcache/holt/proto/holt/storage/v1"
	"github.com/holtcache/holt/proto/slot"
	"github.com/holtcache/holt/raftfsm/meta"
	"github.com/holtcache/holt/shard/logstore"
	"github.com/holtcache/holt/shard/placement"
	"github.com/holtcache/holt/shard/transport"
)

// setAside leaves a damaged replica out: it takes part in nothing, and nothing of it is deleted before the group has taken it out.
// It returns false where the error is not of damage.
func (h *Host) setAside(id slot.ShardID, err error) bool {
	if !errors.Is(err, logstore.ErrDamaged) {
		return false
	}
	h.mu.Lock()
	if h.damaged == nil {
		h.damaged = map[slot.ShardID]bool{}
	}
	h.damaged[id] = true
	h.mu.Unlock()
	h.cfg.Logger.Error("a replica is damaged and is left out; it is built anew from the others of its shard, and where there are none put a good copy of the data folder in its place", "shard", id, "err", err)
	return true
}

func (h *Host) isDamaged(id slot.ShardID) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.damaged[id]
}

// rebuildDamaged lets the damaged replicas leave their groups and deletes them. From there on each shard lacks a replica like any
// other, and the controller gives it one, here or elsewhere.
func (h *Host) rebuildDamaged() {
	h.mu.Lock()
	var ids []slot.ShardID
	for id := range h.damaged {
		ids = append(ids, id)
	}
	h.mu.Unlock()
	slices.Sort(ids)
	for _, id := range ids {
		h.note(id, "a damaged replica was not built anew yet; it is tried again", h.rebuild(id))
	}
}

// rebuild takes one step after another, each of which may be found done. Nothing is deleted before the meta leader and a leader of
// the group that serves have said that the replica belongs to neither: what it has acknowledged counts until then.
func (h *Host) rebuild(id slot.ShardID) error {
	ctx, cancel := context.WithTimeout(h.ctx, latestMax)
	defer cancel()
	leader, _, _ := h.Leader(id)
	state, err := h.Latest(ctx)
	if err != nil {
		return err
	}
	if s, known := state.Shard(id); known && assigned(state, id, h.cfg.Self.ID) {
		if leader == "" {
			return fmt.Errorf("shard %d has no leader that could take its damaged replica out", id)
		}
		if err := h.giveUpReplica(ctx, s, leader); err != nil {
			return err
		}
	}
	if err := h.checkLeft(id, leader); err != nil {
		return err
	}
	var end transport.LogEnd
	if leader != "" {
		// What the replica has acknowledged is in this log, if it is in any: how far its own went cannot be read.
		status, err := h.ReplicaAt(ctx, leader, id)
		if err != nil {
			return err
		}
		end = transport.LogEnd{Term: status.Term, Index: status.Last}
	}
	if err := h.cfg.Folder.removeDamaged(id, end); err != nil {
		return err
	}
	h.mu.Lock()
	delete(h.damaged, id)
	h.mu.Unlock()
	h.cfg.Logger.Info("damaged replica removed", "shard", id)
	return nil
}

// giveUpReplica has this node leave a group in which it cannot take part: first its vote goes, which the leader refuses where it is
// needed, then its place among the replicas.
func (h *Host) giveUpReplica(ctx context.Context, s meta.Shard, leader string) error {
	self := h.cfg.Self.ID
	others := slices.DeleteFunc(slices.Clone(s.Replicas), func(id string) bool { return id == self })
	if s.Phase != meta.ShardFormed || len(others) == 0 {
		return fmt.Errorf("shard %d: its damaged replica is the only one, or the shard has not formed", s.ID)
	}
	status, err := h.ReplicaAt(ctx, leader, s.ID)
	switch {
	case err != nil:
		return err
	case !status.Serving:
		return fmt.Errorf("shard %d: its leader %s does not serve yet", s.ID, leader)
	case slices.Contains(status.Voters, self) || slices.Contains(status.Learners, self):
		remove := placement.MemberChange{Kind: placement.Remove, Node: self, Index: status.MembersIndex}
		if err := h.cfg.Nodes.ChangeMembers(ctx, leader, s.ID, status.Term, remove); err != nil {
			return err
		}
	}
	if s.PreferredLeader == self {
		if err := h.proposeStep(ctx, placement.PreferCommand(s, leader)); err != nil {
			return err
		}
	}
	return h.proposeStep(ctx, placement.ReplicasCommand(s, others))
}

// proposeStep commits a command; the error is that of the proposal or of the command.
func (h *Host) proposeStep(ctx context.Context, command *storagev1.MetaCommand) error {
	result, err := h.Propose(ctx, command)
	if err != nil {
		return err
	}
	return result.Err
}

// removeDamaged deletes what the folder holds of a group whose log cannot be read. The tombstone says where the log may have ended.
func (f *Folder) removeDamaged(id slot.ShardID, end transport.LogEnd) error {
	return f.bury(id, func() (uint64, uint64, error) { return end.Index, end.Term, nil })
}
