package node

import (
	"context"
	"slices"
	"strconv"

	"github.com/holtcache/holt/gateway/respserver"
	"github.com/holtcache/holt/proto/apierr"
	clusterv1 "github.com/holtcache/holt/proto/holt/cluster/v1"
	storagev1 "github.com/holtcache/holt/proto/holt/storage/v1"
	"github.com/holtcache/holt/raftfsm/meta"
)

// settings are the settings that CONFIG GET and SET reach: those of the whole cluster, which live in the meta group, and
// what this node may hold, which is registered there.
type settings struct{ n *Node }

var _ respserver.Settings = settings{}

const (
	maxMemoryName     = "maxmemory"
	requirePassName   = "requirepass"
	protectedModeName = "protected-mode"
)

func (s settings) List() []respserver.Setting {
	list := []respserver.Setting{
		{Name: requirePassName, Value: s.n.requirePass()}, {Name: protectedModeName, Value: s.n.protectedMode()},
		{Name: "dir", Value: s.n.folder.Dir}, {Name: "maxclients", Value: strconv.Itoa(s.n.cfg.ClientsMax)},
		{Name: maxMemoryName, Value: strconv.FormatInt(s.n.maxMemory(), 10)},
		{Name: "appendfsync", Value: s.n.folder.SyncPolicy().String()}, // in force here; with raft-boltdb always is, whatever the cluster's
	}
	h := s.n.host.Load()
	if h == nil || !h.State().Initialized() {
		return list
	}
	for _, named := range h.State().Settings().List() {
		if named.Name != "appendfsync" {
			list = append(list, respserver.Setting{Name: named.Name, Value: named.Value})
		}
	}
	return list
}

func (s settings) Set(ctx context.Context, wanted []respserver.Setting) error {
	wanted, err := s.setAccess(ctx, wanted)
	if err != nil || len(wanted) == 0 {
		return err
	}
	h := s.n.host.Load()
	if h == nil {
		return errNoCluster()
	}
	var changes []*storagev1.ChangeSetting
	var memory *int64
	for _, w := range wanted {
		if w.Name == maxMemoryName {
			bytes, err := meta.ParseBytes(w.Value)
			if err != nil {
				return &respserver.SettingError{Name: w.Name, Err: err}
			}
			memory = &bytes
			continue
		}
		if live, _ := meta.LiveSetting(w.Name); !live {
			if slices.Contains(s.List(), w) {
				continue // it has that value, as tools expect who set what they read
			}
			return &respserver.SettingError{Name: w.Name, Err: respserver.ErrNotSettable}
		}
		change, err := meta.ParseChange(w.Name, w.Value)
		if err != nil {
			return &respserver.SettingError{Name: w.Name, Err: err}
		}
		changes = append(changes, change)
	}
	if len(changes) == 0 && memory == nil {
		return nil
	}
	return h.ChangeSettings(ctx, changes, memory)
}

func errNoCluster() error {
	return apierr.New(apierr.KindClusterDown, "this node belongs to no cluster yet: run holt cluster init at one node, or start this one with --join; not applied")
}

// Settings lists the settings of the cluster.
func (a admin) Settings(context.Context) ([]*clusterv1.NamedSetting, error) {
	h, err := a.host()
	if err != nil {
		return nil, err
	}
	if !h.State().Initialized() {
		return nil, apierr.New(apierr.KindLoading, "this node does not know the cluster's state yet; retry")
	}
	var list []*clusterv1.NamedSetting
	for _, named := range h.State().Settings().List() {
		live, _ := meta.LiveSetting(named.Name)
		list = append(list, &clusterv1.NamedSetting{Name: named.Name, Value: named.Value, Live: live})
	}
	return list, nil
}

// ChangeSettings changes settings of the cluster, all or none.
func (a admin) ChangeSettings(ctx context.Context, wanted []*clusterv1.NamedSetting) error {
	h, err := a.host()
	if err != nil {
		return err
	}
	var changes []*storagev1.ChangeSetting
	for _, w := range wanted {
		switch live, known := meta.LiveSetting(w.Name); {
		case w.Name == maxMemoryName:
			return apierr.New(apierr.KindInvalid, "setting maxmemory is each node's own; not applied, use CONFIG SET maxmemory at the node, or its flag --maxmemory")
		case known && !live:
			return apierr.New(apierr.KindInvalid, "setting %s counts only when a cluster is created; not applied", w.Name)
		}
		change, err := meta.ParseChange(w.Name, w.Value)
		switch {
		case apierr.KindOf(err) == apierr.KindNotFound:
			return err
		case err != nil:
			return apierr.New(apierr.KindInvalid, "setting %s=%.100q: %w; not applied", w.Name, w.Value, err)
		}
		changes = append(changes, change)
	}
	return h.ChangeSettings(ctx, changes, nil)
}
