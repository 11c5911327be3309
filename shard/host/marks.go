package host

import (
	"errors"
	"fmt"
	"io/fs"
	"os"

	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"

	storagev1 "github.com/holtcache/holt/proto/holt/storage/v1"
	"github.com/holtcache/holt/raftfsm/meta"
)

// Marks are small durable facts in stable.db: the settings of the cluster, how far the replica of a group has come, and
// that a group has formed.
const (
	settingsMark = "settings"
	groupMark    = "group/"
	formedMark   = "formed/"
)

// Settings are those that the node joined with; the meta group's state has the latest ones.
func (f *Folder) Settings() (*storagev1.MetaSettings, error) {
	data, found, err := f.Stable.GetMark(settingsMark)
	if err != nil {
		return nil, err
	}
	if !found {
		return nil, fmt.Errorf("data folder %s belongs to cluster %s but its settings are missing; empty the folder to start as a new node", f.Dir, f.ClusterID())
	}
	settings := &storagev1.MetaSettings{}
	if err := proto.Unmarshal(data, settings); err != nil {
		return nil, fmt.Errorf("settings in data folder %s: %w", f.Dir, err)
	}
	return settings, nil
}

// mark tells how far the replica of a group has come, nil where there never was one.
func (f *Folder) mark(group string) (*storagev1.GroupMark, error) {
	data, found, err := f.Stable.GetMark(groupMark + group)
	if err != nil || !found {
		return nil, err
	}
	mark := &storagev1.GroupMark{}
	if err := proto.Unmarshal(data, mark); err != nil {
		return nil, fmt.Errorf("mark of group %s in data folder %s: %w", group, f.Dir, err)
	}
	if mark.FormatVersion > folderVersion {
		return nil, fmt.Errorf("mark of group %s in data folder %s has format version %d, this program reads up to %d: run the newer program", group, f.Dir, mark.FormatVersion, folderVersion)
	}
	return mark, nil
}

func (f *Folder) setMark(group string, mark *storagev1.GroupMark) error {
	mark.FormatVersion = folderVersion
	data, err := proto.MarshalOptions{Deterministic: true}.Marshal(mark)
	if err != nil {
		return err
	}
	return f.Stable.SetMark(groupMark+group, data)
}

// formed tells whether the group is known to have formed: its first slots are in its log, so that whoever leads it
// knows them without the meta group.
func (f *Folder) formed(group string) (bool, error) {
	_, found, err := f.Stable.GetMark(formedMark + group)
	return found, err
}

func (f *Folder) setFormed(group string) error { return f.Stable.SetMark(formedMark+group, nil) }

// hasVoted tells whether this node has taken part in a term of the group.
func (f *Folder) hasVoted(group uint64) bool {
	stable := f.Stable.Group(group)
	term, err := stable.GetUint64([]byte("CurrentTerm"))
	return err == nil && term > 0
}

// Nodes are those that SaveNodes wrote last.
func (f *Folder) Nodes() ([]meta.Node, error) {
	data, err := os.ReadFile(f.path("nodes.json"))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	var state storagev1.MetaState
	if err == nil {
		err = protojson.UnmarshalOptions{DiscardUnknown: true}.Unmarshal(data, &state)
	}
	if err != nil {
		return nil, fmt.Errorf("read addresses of other nodes: %w", err)
	}
	nodes := make([]meta.Node, 0, len(state.Nodes))
	for _, n := range state.Nodes {
		a := n.GetAddresses()
		nodes = append(nodes, meta.Node{
			ID: n.Id, StartCount: n.StartCount, Zone: n.Zone, Version: n.Version,
			Addresses: meta.Addresses{RESP: a.GetResp(), GRPC: a.GetGrpc(), Cluster: a.GetCluster(), Gossip: a.GetGossip(), HTTP: a.GetHttp()},
		})
	}
	return nodes, nil
}

// SaveNodes keeps where other nodes are, so that this node finds them when all of them have been started again.
func (f *Folder) SaveNodes(nodes []meta.Node) error {
	state := &storagev1.MetaState{}
	for _, n := range nodes {
		state.Nodes = append(state.Nodes, &storagev1.MetaNode{
			Id: n.ID, StartCount: n.StartCount, Zone: n.Zone, Version: n.Version, Addresses: n.Addresses.Proto(),
		})
	}
	data, err := protojson.MarshalOptions{Multiline: true}.Marshal(state)
	if err == nil {
		err = replaceFile(f.path("nodes.json"), append(data, '\n'))
	}
	if err != nil {
		return fmt.Errorf("write addresses of other nodes: %w", err)
	}
	return nil
}
