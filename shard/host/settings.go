package host

import (
	"context"
	"fmt"

	"github.com/holtcache/holt/proto/apierr"
	storagev1 "github.com/holtcache/holt/proto/holt/storage/v1"
	"github.com/holtcache/holt/raftfsm/meta"
	"github.com/holtcache/holt/shard"
	"github.com/holtcache/holt/shard/executor"
	"github.com/holtcache/holt/shard/logstore"
)

// syncPolicies are the policies of the log by the setting appendfsync.
var syncPolicies = map[meta.Fsync]logstore.SyncPolicy{
	meta.FsyncAlways: logstore.SyncAlways, meta.FsyncEverySec: logstore.SyncEverySec, meta.FsyncNo: logstore.SyncNo,
}

// rules are what a replica goes by that the cluster's settings say.
type rules struct {
	eviction executor.Eviction
	save     string
}

func rulesOf(state *meta.State, r *shard.Replica) rules {
	s := state.Settings()
	policy, ok := executor.ParseEvictionPolicy(s.MaxMemoryPolicy.String())
	if !ok {
		panic(fmt.Sprintf("host: the executor knows no eviction policy %s", s.MaxMemoryPolicy))
	}
	return rules{
		eviction: executor.Eviction{
			Policy: policy, BudgetBytes: state.Budget(r.Group()), Samples: s.MaxMemorySamples,
			LFULogFactor: s.LFULogFactor, LFUDecayMinutes: s.LFUDecayMinutes,
		},
		save: s.Save,
	}
}

// apply makes a replica go by the rules.
func (n rules) apply(r *shard.Replica) {
	r.Executor().SetEviction(n.eviction)
	parsed, err := meta.ParseSave(n.save)
	if err != nil {
		panic(fmt.Sprintf("host: the state holds save rules %q: %v", n.save, err)) // settings are checked before they are kept
	}
	saves := make([]shard.SaveRule, 0, len(parsed))
	for _, p := range parsed {
		saves = append(saves, shard.SaveRule{Every: p.Every, Changes: p.Changes})
	}
	r.SetSaveRules(saves)
}

// keepSettings makes this node go by the cluster's settings as they change, until the host closes.
func (h *Host) keepSettings() {
	said := ""
	for {
		changed := h.Changed()
		text := ""
		if err := h.useSettings(); err != nil {
			text = err.Error()
		}
		if text != "" && text != said && h.ctx.Err() == nil {
			h.cfg.Logger.Error("this node does not go by a setting of the cluster; it is tried again; look at the disk", "err", text)
		}
		said = text
		select {
		case <-h.ctx.Done():
			return
		case <-changed:
		}
	}
}

// useSettings makes this node go by the settings that it knows. It changes only what differs from before: the state
// changes for many other reasons.
func (h *Host) useSettings() error {
	h.using.Lock()
	defer h.using.Unlock()
	state := h.State()
	if !state.Initialized() {
		return nil
	}
	replicas := h.Replicas()
	used := make(map[*shard.Replica]rules, len(replicas))
	for _, r := range replicas {
		before, known := h.used[r]
		if known && h.usedEpoch == state.Epoch() {
			used[r] = before
			continue
		}
		if used[r] = rulesOf(state, r); !known || before != used[r] {
			used[r].apply(r)
		}
	}
	h.used, h.usedEpoch = used, state.Epoch()
	return h.useSyncPolicy(syncPolicies[state.Settings().AppendFsync])
}

// useSyncPolicy makes the log of this node go by a policy, and says so where that is a change.
func (h *Host) useSyncPolicy(wanted logstore.SyncPolicy) error {
	before := h.cfg.Folder.SyncPolicy()
	if err := h.cfg.Folder.SetSync(wanted); err != nil {
		return err
	}
	now := h.cfg.Folder.SyncPolicy()
	switch {
	case now != before:
		h.cfg.Logger.Info("the log is synced by another policy", "appendfsync", now)
	case now != wanted && h.kept != wanted:
		h.kept = wanted
		h.cfg.Logger.Warn("the log of this node is synced always, whatever the cluster's setting: raft-boltdb can do nothing weaker",
			"appendfsync", now, "setting", wanted)
	}
	return nil
}

// ChangeSettings changes settings of the cluster and, where memory is not nil, what this node may hold: all of it in one
// step, or nothing. When it returns nil the change is committed and this node goes by it; the others follow as they hear
// of it.
func (h *Host) ChangeSettings(ctx context.Context, changes []*storagev1.ChangeSetting, memory *int64) error {
	if memory != nil {
		h.memory.Lock()
		defer h.memory.Unlock()
		// Known from here on, so that the registration of this node does not undo the change that is on its way.
		before := h.maxMemory.Swap(memory)
		err := h.changeSettings(ctx, changes, h.memoryCommand(*memory))
		if err != nil {
			h.maxMemory.Store(before)
		}
		return err
	}
	return h.changeSettings(ctx, changes, nil)
}

func (h *Host) changeSettings(ctx context.Context, changes []*storagev1.ChangeSetting, memory *storagev1.SetNodeMemory) error {
	result, err := h.Propose(ctx, &storagev1.MetaCommand{Command: &storagev1.MetaCommand_ChangeSettings{
		ChangeSettings: &storagev1.ChangeSettings{Changes: changes, NodeMemory: memory},
	}})
	switch {
	case err != nil:
		return err
	case result.Err != nil:
		return result.Err
	}
	for {
		changed := h.Changed()
		if h.State().Epoch() >= result.Epoch {
			return h.useSettings()
		}
		select {
		case <-changed:
		case <-ctx.Done():
			err := apierr.New(apierr.KindDeadline, "the change is committed, and this node has not heard of it yet; it goes by it as soon as it does")
			err.Outcome = apierr.OutcomeApplied
			return err
		}
	}
}

func (h *Host) memoryCommand(bytes int64) *storagev1.SetNodeMemory {
	return &storagev1.SetNodeMemory{Id: h.cfg.Self.ID, StartCount: h.cfg.Self.StartCount, MaxBytes: uint64(bytes)}
}

// MaxMemoryBytes is what keys and values may take on this node: what it was told, or what the cluster remembers.
func (h *Host) MaxMemoryBytes() int64 {
	if wanted := h.maxMemory.Load(); wanted != nil {
		return *wanted
	}
	known, _ := h.State().Node(h.cfg.Self.ID)
	return known.MaxMemoryBytes
}
