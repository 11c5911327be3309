package host

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"time"

	storagev1 "github.com/holtcache/holt/proto/holt/storage/v1"
	"github.com/holtcache/holt/proto/slot"
	"github.com/holtcache/holt/raftfsm/meta"
	"github.com/holtcache/holt/shard"
	"github.com/holtcache/holt/shard/transport"
)

// openMeta opens this node's replica of the meta group. On a node that is no member it is empty and takes part in
// nothing until a leader makes it a learner.
func (h *Host) openMeta() error {
	mark, err := h.cfg.Folder.mark(metaFolder)
	if err != nil {
		return err
	}
	begins := mark != nil && mark.Phase == storagev1.GroupPhase_GROUP_PHASE_BOOTSTRAPPING
	var bootstrap []string
	if begins {
		bootstrap = mark.InitialMembers
	}
	cfg, err := h.config(shard.MetaGroup, metaFolder, bootstrap)
	if err != nil {
		return err
	}
	m, err := shard.OpenMeta(cfg)
	if err != nil {
		return errors.Join(fmt.Errorf("meta group: %w", err), cfg.Wire.Close())
	}
	if begins { // from here on it never begins again, whatever becomes of its log
		mark.Phase = storagev1.GroupPhase_GROUP_PHASE_BOOTSTRAPPED
		if err := h.cfg.Folder.setMark(metaFolder, mark); err != nil {
			return errors.Join(err, m.Close())
		}
	}
	h.mu.Lock()
	h.meta = m
	h.mu.Unlock()
	h.wg.Go(func() { h.relay(m) })
	return nil
}

// relay turns changes of the local meta replica into changes of the host.
func (h *Host) relay(m *shard.Meta) {
	for {
		changed := m.Changed()
		select {
		case <-h.ctx.Done():
			return
		case <-changed:
			h.signal()
		}
	}
}

// openReplica opens a replica that has a mark. An unfinished bootstrap is done again, with the members of the mark.
func (h *Host) openReplica(id slot.ShardID, mark *storagev1.GroupMark) error {
	var bootstrap []string
	if mark.Phase == storagev1.GroupPhase_GROUP_PHASE_BOOTSTRAPPING {
		bootstrap = mark.InitialMembers
	}
	cfg, err := h.config(id, filepath.Join(shardsFolder, groupName(id)), bootstrap)
	if err != nil {
		return err
	}
	cfg.VotesFrom = transport.LogEnd{Term: mark.LastTerm, Index: mark.LastIndex}
	cfg.Slots = func() []slot.Range { return h.slotsOf(id) }
	cfg.Turn = h.turn
	r, err := shard.Open(cfg)
	if err != nil {
		return errors.Join(err, cfg.Wire.Close())
	}
	if bootstrap != nil {
		mark.Phase = storagev1.GroupPhase_GROUP_PHASE_BOOTSTRAPPED
		if err := h.cfg.Folder.setMark(groupName(id), mark); err != nil {
			return errors.Join(err, r.Close())
		}
	}
	if state := h.State(); state.Initialized() {
		rulesOf(state, r).apply(r) // before anybody finds it
	}
	h.mu.Lock()
	h.replicas[id] = r
	h.mu.Unlock()
	h.drive(r)
	h.cfg.Logger.Info("replica opened", "shard", id, "applied", r.State().Applied, "keys", r.Store().Len())
	h.signal()
	return nil
}

// slotsOf are the slots that a shard begins with. They are known: until a group has formed, a replica is opened only
// after the shard was seen in the meta group's state, and afterwards they are in the group's own log. A shard that began
// without slots never gets any this way: what it owns later comes with its keys.
func (h *Host) slotsOf(id slot.ShardID) []slot.Range {
	s, ok := h.State().Shard(id)
	if !ok || s.Phase != meta.ShardCreating {
		return nil
	}
	return s.Ranges
}

// openAsAssigned opens the replicas that the meta group's state gives this node, and removes those that it takes away, until
// the host closes.
func (h *Host) openAsAssigned() {
	ticker := time.NewTicker(time.Second)
	defer ticker.Stop()
	formed := map[slot.ShardID]bool{}
	for {
		for _, s := range h.State().Shards() {
			if _, open := h.Replica(s.ID); !open && !h.isDamaged(s.ID) && slices.Contains(s.Replicas, h.cfg.Self.ID) {
				h.note(s.ID, "replica could not be opened; it is tried again", h.openAssigned(s))
			}
		}
		h.leaveUnassigned()
		h.rebuildDamaged()
		h.reportFormed()
		h.noteFormed(formed)
		h.noteLost()
		select {
		case <-h.ctx.Done():
			return
		case <-h.wake:
		case <-ticker.C:
		}
	}
}

// note logs why a replica could not be opened or removed, once for each reason.
func (h *Host) note(id slot.ShardID, message string, err error) {
	text := ""
	if err != nil {
		text = err.Error()
	}
	h.mu.Lock()
	news := h.failed[id] != text
	h.failed[id] = text
	h.mu.Unlock()
	if err != nil && news && h.ctx.Err() == nil {
		h.cfg.Logger.Warn(message, "shard", id, "err", err)
	}
}

func (h *Host) openAssigned(s meta.Shard) error {
	if err := h.checkClosed(s.ID); err != nil {
		return err
	}
	name := groupName(s.ID)
	mark, err := h.cfg.Folder.mark(name)
	if err != nil {
		return err
	}
	if mark != nil && mark.Phase == storagev1.GroupPhase_GROUP_PHASE_REMOVED {
		if err := h.beginAgain(s.ID, mark); err != nil {
			return err
		}
	}
	if mark == nil {
		if log, has := h.cfg.Folder.logOf(s.ID, filepath.Join(shardsFolder, name)); has {
			return fmt.Errorf("%s is there and %s knows nothing of it: one of them is of another folder; put the right one in its place, or empty the data folder and join as a new node", log, h.cfg.Folder.path("stable.db"))
		}
		if mark, err = h.beginReplica(s); err != nil {
			return err
		}
	}
	return h.openReplica(s.ID, mark)
}

// latestMax bounds a question to the meta leader.
const latestMax = 5 * time.Second

// beginReplica writes the mark of a replica that this node never had. Whether the group is to be bootstrapped is decided
// on what the meta leader says now: on an old state a group that lives could be begun a second time.
func (h *Host) beginReplica(s meta.Shard) (*storagev1.GroupMark, error) {
	ctx, cancel := context.WithTimeout(h.ctx, latestMax)
	defer cancel()
	state, err := h.Latest(ctx)
	if err != nil {
		return nil, err
	}
	now, ok := state.Shard(s.ID)
	if !ok {
		return nil, fmt.Errorf("shard %d is not known to the meta leader", s.ID)
	}
	mark := &storagev1.GroupMark{Group: uint64(s.ID), Phase: storagev1.GroupPhase_GROUP_PHASE_BOOTSTRAPPED, InitialMembers: now.InitialReplicas}
	if now.Phase == meta.ShardCreating && slices.Contains(now.InitialReplicas, h.cfg.Self.ID) {
		mark.Phase = storagev1.GroupPhase_GROUP_PHASE_BOOTSTRAPPING
	}
	// Nothing can be missing of what this node never had. If the guard stayed on, a new group could not elect anybody.
	if err := h.cfg.Folder.Run.Release(uint64(s.ID)); err != nil {
		return nil, err
	}
	return mark, h.cfg.Folder.setMark(groupName(s.ID), mark)
}

// reportFormed tells the meta group of shards that this node serves for the first time, once their slots are in their
// logs.
func (h *Host) reportFormed() {
	state := h.State()
	for _, r := range h.Replicas() {
		s, ok := state.Shard(r.Group())
		if !ok || s.Phase != meta.ShardCreating {
			continue
		}
		if _, serving := r.Executor().Serving(); !serving || !r.State().Assigned && len(s.Ranges) > 0 {
			continue
		}
		ctx, cancel := context.WithTimeout(h.ctx, latestMax)
		_, err := h.Propose(ctx, &storagev1.MetaCommand{Command: &storagev1.MetaCommand_ReportFormed{
			ReportFormed: &storagev1.ReportFormed{Shard: uint64(s.ID), Incarnation: r.State().Incarnation},
		}})
		cancel()
		if err != nil && h.ctx.Err() == nil {
			h.cfg.Logger.Info("could not report that a shard has formed; it is tried again", "shard", s.ID, "err", err)
		}
	}
}

// noteFormed keeps in the data folder which groups have formed; known are those that are noted already.
func (h *Host) noteFormed(known map[slot.ShardID]bool) {
	state := h.State()
	for _, r := range h.Replicas() {
		id := r.Group()
		if s, ok := state.Shard(id); !ok || s.Phase != meta.ShardFormed || known[id] {
			continue
		}
		formed, err := h.cfg.Folder.formed(groupName(id))
		if err == nil && !formed {
			err = h.cfg.Folder.setFormed(groupName(id))
		}
		known[id] = err == nil // a write error stops the process
	}
}
