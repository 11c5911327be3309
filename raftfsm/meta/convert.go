package meta

import (
	"fmt"

	storagev1 "github.com/holtcache/holt/proto/holt/storage/v1"
	"github.com/holtcache/holt/proto/slot"
)

func (v *values) toProto() *storagev1.MetaState {
	p := &storagev1.MetaState{
		AppliedIndex: v.applied,
		Epoch:        v.epoch,
		ClusterId:    v.clusterID,
		CreatedMs:    v.createdMs,
		NextShardId:  uint64(v.nextShard),
		MetaVoters:   v.metaVoters,
		HashSeed:     v.hashSeed,

		LastMigrationId: v.lastMigration,
		CommandVersion:  v.commandVersion,
	}
	if v.clusterID != "" {
		p.Settings = v.settings.Proto()
	}
	for _, n := range v.nodes {
		p.Nodes = append(p.Nodes, n.proto())
	}
	for _, s := range v.shards {
		p.Shards = append(p.Shards, s.proto())
	}
	for _, m := range v.migrations {
		p.Migrations = append(p.Migrations, m.proto())
	}
	for _, m := range v.endedMigrations {
		p.EndedMigrations = append(p.EndedMigrations, m.proto())
	}
	p.Rebalance = v.rebalance.proto()
	p.Users, p.UsersEpoch = usersProto(v.users), v.usersEpoch
	return p
}

func valuesFromProto(p *storagev1.MetaState) (values, error) {
	v := values{
		applied:    p.AppliedIndex,
		epoch:      p.Epoch,
		clusterID:  p.ClusterId,
		createdMs:  p.CreatedMs,
		nextShard:  slot.ShardID(p.NextShardId),
		settings:   SettingsFromProto(p.Settings),
		metaVoters: p.MetaVoters,
		hashSeed:   p.HashSeed,

		lastMigration:  p.LastMigrationId,
		commandVersion: p.CommandVersion,
	}
	for _, n := range p.Nodes {
		v.nodes = append(v.nodes, Node{
			ID: n.Id, Phase: enumFromProto[NodePhase](n.Phase), StartCount: n.StartCount,
			Addresses: addressesFromProto(n.Addresses), Zone: n.Zone, Version: n.Version,
			MaxMemoryBytes: int64(min(n.MaxMemoryBytes, memoryBytesMax+1)), // beyond the limit it is refused
			Draining:       n.Draining,
		})
	}
	for _, s := range p.Shards {
		ranges, err := rangesFromProto(s.Ranges)
		if err != nil {
			return values{}, fmt.Errorf("shard %d: %w", s.Id, err)
		}
		v.shards = append(v.shards, Shard{
			ID: slot.ShardID(s.Id), Phase: enumFromProto[ShardPhase](s.Phase), Ranges: ranges,
			InitialReplicas: s.InitialReplicas, Replicas: s.Replicas,
			PreferredLeader: s.PreferredLeader, FormedIncarnation: s.FormedIncarnation,
		})
	}
	var err error
	if v.migrations, err = migrationsFromProto(p.Migrations); err != nil {
		return values{}, err
	}
	v.rebalance = rebalanceFromProto(p.Rebalance)
	v.users, v.usersEpoch = usersFromProto(p.Users), p.UsersEpoch
	if v.endedMigrations, err = migrationsFromProto(p.EndedMigrations); err != nil {
		return values{}, err
	}
	return v, nil
}

func (n Node) proto() *storagev1.MetaNode {
	p := &storagev1.MetaNode{
		Id: n.ID, Phase: storagev1.NodePhase(n.Phase), StartCount: n.StartCount, Zone: n.Zone, Version: n.Version,
		MaxMemoryBytes: uint64(n.MaxMemoryBytes), Draining: n.Draining,
	}
	if n.Addresses != (Addresses{}) {
		p.Addresses = n.Addresses.Proto()
	}
	return p
}

func (s Shard) proto() *storagev1.MetaShard {
	return &storagev1.MetaShard{
		Id: uint64(s.ID), Phase: storagev1.ShardPhase(s.Phase), Ranges: RangesProto(s.Ranges),
		InitialReplicas: s.InitialReplicas, Replicas: s.Replicas,
		PreferredLeader: s.PreferredLeader, FormedIncarnation: s.FormedIncarnation,
	}
}

// Proto is the form in which addresses travel in RegisterNode.
func (a Addresses) Proto() *storagev1.NodeAddresses {
	return &storagev1.NodeAddresses{Resp: a.RESP, Grpc: a.GRPC, Cluster: a.Cluster, Gossip: a.Gossip, Http: a.HTTP}
}

func addressesFromProto(p *storagev1.NodeAddresses) Addresses {
	return Addresses{
		RESP: p.GetResp(), GRPC: p.GetGrpc(), Cluster: p.GetCluster(), Gossip: p.GetGossip(), HTTP: p.GetHttp(),
	}
}

// RangesProto is the form in which ranges travel in CreateShards.
func RangesProto(ranges []slot.Range) []*storagev1.SlotRange {
	var out []*storagev1.SlotRange
	for _, r := range ranges {
		out = append(out, &storagev1.SlotRange{First: uint32(r.First), Last: uint32(r.Last)})
	}
	return out
}

func rangesFromProto(p []*storagev1.SlotRange) ([]slot.Range, error) {
	var out []slot.Range
	for _, r := range p {
		if r.First > r.Last || r.Last >= slot.Count {
			return nil, fmt.Errorf("slots %d-%d are no range within 0-%d", r.First, r.Last, slot.Count-1)
		}
		out = append(out, slot.Range{First: slot.ID(r.First), Last: slot.ID(r.Last)})
	}
	return out, nil
}
