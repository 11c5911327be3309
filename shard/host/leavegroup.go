package host

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"

	storagev1 "github.com/holtcache/holt/proto/holt/storage/v1"
	"github.com/holtcache/holt/proto/slot"
	"github.com/holtcache/holt/raftfsm/meta"
	"github.com/holtcache/holt/shard"
)

// leaveUnassigned closes the replicas that this node is not to hold any more, and deletes what they have on disk.
func (h *Host) leaveUnassigned() {
	for _, r := range h.Replicas() {
		if id := r.Group(); !assigned(h.State(), id, h.cfg.Self.ID) {
			h.note(id, "replica is not to be on this node any more and stays for now; it is tried again", h.leaveGroup(r))
		}
	}
}

// assigned tells whether a state counts on a node's replica of a shard. While the group is being created its members are
// fixed.
func assigned(state *meta.State, id slot.ShardID, node string) bool {
	s, known := state.Shard(id)
	return known && (s.Phase != meta.ShardFormed || slices.Contains(s.Replicas, node))
}

// leaveGroup closes a replica and deletes it. A replica that still votes must not lose what it has acknowledged, so both the
// meta leader and the leader of the group have to say that it belongs to neither. They are asked twice: the second time
// when the replica is closed. What it has not acknowledged by then it never will, so whoever adds it again from there on
// finds an empty one.
func (h *Host) leaveGroup(r *shard.Replica) error {
	id := r.Group()
	leader, term, _ := h.Leader(id)
	if known, seen := r.KnownLeader(); known != "" && seen >= term {
		leader = known
	}
	if err := h.checkLeft(id, leader); err != nil {
		return err
	}
	h.mu.Lock()
	delete(h.replicas, id)
	h.mu.Unlock()
	h.signal()
	h.stopDriving(id)
	if err := h.closeForGood(id, r.Close); err != nil {
		return err
	}
	if err := h.checkLeft(id, leader); err != nil {
		return errors.Join(err, h.reopen(id))
	}
	if err := h.cfg.Folder.removeGroup(id); err != nil {
		return err
	}
	if _, known := h.State().Shard(id); !known { // its id never comes back
		if err := h.cfg.Folder.Stable.Forget(uint64(id)); err != nil {
			return err
		}
	}
	h.cfg.Logger.Info("replica removed", "shard", id)
	return nil
}

// closeForGood closes a replica that is to leave. One that cannot be closed may still write to its log: this process opens no
// other one there.
func (h *Host) closeForGood(id slot.ShardID, closeReplica func() error) error {
	err := closeReplica()
	if err != nil {
		h.cfg.Logger.Error("a replica that is to leave this node could not be closed; restart this node", "shard", id, "err", err)
		h.mu.Lock()
		h.unclosed[id] = err
		h.mu.Unlock()
	}
	return err
}

// checkClosed returns nil if no replica of before may still write to a group's log.
func (h *Host) checkClosed(id slot.ShardID) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	if err := h.unclosed[id]; err != nil {
		return fmt.Errorf("shard %d: the replica that was here could not be closed and may still write to the log; restart this node: %w", id, err)
	}
	return nil
}

// checkLeft returns nil if this node has left a group, by what the meta leader and the group's leader say now.
func (h *Host) checkLeft(id slot.ShardID, leader string) error {
	ctx, cancel := context.WithTimeout(h.ctx, latestMax)
	defer cancel()
	state, err := h.Latest(ctx)
	if err != nil {
		return fmt.Errorf("shard %d: the replica stays until the meta leader confirms that it is to go: %w", id, err)
	}
	if _, known := state.Shard(id); !known {
		if !state.Dissolved(id) {
			return fmt.Errorf("shard %d is not known to the meta leader", id)
		}
		return nil
	}
	if assigned(state, id, h.cfg.Self.ID) {
		return fmt.Errorf("shard %d: the replica stays: the cluster counts on it again", id)
	}
	if leader == "" {
		return fmt.Errorf("shard %d: the replica stays until a leader of the group says that it is no member", id)
	}
	status, err := h.ReplicaAt(ctx, leader, id)
	switch {
	case err != nil:
		return fmt.Errorf("shard %d: the replica stays until the group's leader says that it is no member: %w", id, err)
	case len(status.Voters) == 0: // a node of an older program does not say
		return fmt.Errorf("shard %d: the replica stays until the group's leader %s tells its members; it runs an older program", id, leader)
	case !status.Serving || status.Committed < status.MembersIndex:
		return fmt.Errorf("shard %d: the replica stays until a leader that serves says that it is no member", id)
	case slices.Contains(status.Voters, h.cfg.Self.ID) || slices.Contains(status.Learners, h.cfg.Self.ID):
		return fmt.Errorf("shard %d: the replica stays until it is no member of the group any more", id)
	}
	return nil
}

func (h *Host) reopen(id slot.ShardID) error {
	mark, err := h.cfg.Folder.mark(groupName(id))
	if err != nil {
		return err
	}
	return h.openReplica(id, mark)
}

// removeGroup deletes what the folder holds of a group, its log closed.
func (f *Folder) removeGroup(id slot.ShardID) error {
	return f.bury(id, func() (index, term uint64, err error) { return f.endOf(id) })
}

// bury deletes what the folder holds of a group. The tombstone comes first, and keeps where the log ended; term and vote stay too:
// for the votes of the group this node is as if it had its log still.
func (f *Folder) bury(id slot.ShardID, end func() (index, term uint64, err error)) error {
	name := groupName(id)
	mark, err := f.mark(name)
	if err != nil {
		return err
	}
	if mark == nil {
		return fmt.Errorf("shard %d has no mark in %s", id, f.path("stable.db"))
	}
	if mark.Phase != storagev1.GroupPhase_GROUP_PHASE_REMOVED {
		index, term, err := end()
		if err != nil {
			return fmt.Errorf("where the log of shard %d ends: %w", id, err)
		}
		if term > mark.LastTerm || term == mark.LastTerm && index > mark.LastIndex {
			mark.LastIndex, mark.LastTerm = index, term
		}
		mark.Phase = storagev1.GroupPhase_GROUP_PHASE_REMOVED
		if err := f.setMark(name, mark); err != nil {
			return err
		}
	}
	return f.deleteGroup(id)
}

func (f *Folder) endOf(id slot.ShardID) (index, term uint64, err error) {
	log, snapshots, err := f.openGroupLog(uint64(id), filepath.Join(shardsFolder, groupName(id)))
	if err != nil {
		return 0, 0, err
	}
	index, term, err = logEnd(log, snapshots)
	return index, term, errors.Join(err, log.Close())
}

// deleteGroup deletes log and snapshots. The folder goes last: a start that finds it beside a tombstone does it again.
func (f *Folder) deleteGroup(id slot.ShardID) error {
	if f.WAL != nil {
		if err := f.WAL.Forget(uint64(id)); err != nil {
			return err
		}
	}
	dir := f.path(filepath.Join(shardsFolder, groupName(id)))
	if err := os.RemoveAll(dir); err != nil {
		return fmt.Errorf("delete the replica of shard %d: %w", id, err)
	}
	return syncFolder(filepath.Dir(dir))
}

// beginAgain makes room for an empty replica where one was removed before. It was named again by the meta leader, so the
// group's leader adds it as a learner.
func (h *Host) beginAgain(id slot.ShardID, mark *storagev1.GroupMark) error {
	ctx, cancel := context.WithTimeout(h.ctx, latestMax)
	defer cancel()
	state, err := h.Latest(ctx)
	if err != nil {
		return err
	}
	if s, known := state.Shard(id); !known || s.Phase != meta.ShardFormed || !slices.Contains(s.Replicas, h.cfg.Self.ID) {
		return fmt.Errorf("shard %d is not to have a replica on this node", id)
	}
	f := h.cfg.Folder
	if err := f.deleteGroup(id); err != nil { // it may have been cut short
		return err
	}
	if err := f.beginEmptyLog(id); err != nil {
		return err
	}
	mark.Phase = storagev1.GroupPhase_GROUP_PHASE_BOOTSTRAPPED
	return f.setMark(groupName(id), mark)
}

// beginEmptyLog makes the log of a group that this node has voted in be there, so that it is not taken for lost.
func (f *Folder) beginEmptyLog(id slot.ShardID) error {
	folder := filepath.Join(shardsFolder, groupName(id))
	if err := makeFolder(f.path(folder)); err != nil {
		return err
	}
	if f.WAL != nil {
		backend, err := f.WAL.Group(uint64(id))
		if err != nil {
			return err
		}
		return errors.Join(backend.Begin(), backend.Close())
	}
	log, _, err := f.openGroupLog(uint64(id), folder)
	if err != nil {
		return err
	}
	return log.Close()
}
