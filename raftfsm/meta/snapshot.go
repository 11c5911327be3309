package meta

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"slices"

	"google.golang.org/protobuf/proto"

	storagev1 "github.com/holtcache/holt/proto/holt/storage/v1"
	"github.com/holtcache/holt/proto/slot"
)

// A snapshot is a magic word, the format version (4 bytes, little endian), a MetaState, and the CRC-32C of all that
// (4 bytes, little endian).
const (
	snapshotMagic   = "HOLTMETA"
	snapshotVersion = 1
	snapshotHead    = len(snapshotMagic) + 4
	snapshotTail    = 4
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// Snapshot encodes the current state. Equal states give equal bytes.
func (m *Machine) Snapshot() []byte { return m.State().Snapshot() }

// Snapshot encodes the state. Equal states give equal bytes.
func (s *State) Snapshot() []byte {
	out := append([]byte(snapshotMagic), 0, 0, 0, 0)
	binary.LittleEndian.PutUint32(out[len(snapshotMagic):], snapshotVersion)
	out = append(out, marshal(s.toProto())...)
	return binary.LittleEndian.AppendUint32(out, crc32.Checksum(out, castagnoli))
}

// Restore replaces the state by that of a snapshot. After an error the state is what it was.
func (m *Machine) Restore(snapshot []byte) error {
	payload, err := unframe(snapshot)
	if err != nil {
		return fmt.Errorf("restore meta snapshot: %w", err)
	}
	var p storagev1.MetaState
	if err := proto.Unmarshal(payload, &p); err != nil {
		return fmt.Errorf("restore meta snapshot: %w", err)
	}
	if hasUnknownFields(p.ProtoReflect()) {
		return errors.New("restore meta snapshot: it holds fields that this build does not know; run the newer build")
	}
	v, err := valuesFromProto(&p)
	if err == nil {
		err = v.valid()
	}
	if err != nil {
		return fmt.Errorf("restore meta snapshot at index %d: %w", p.AppliedIndex, err)
	}
	m.state.Store(newState(v))
	return nil
}

func unframe(snapshot []byte) ([]byte, error) {
	end := len(snapshot) - snapshotTail
	if end < snapshotHead || string(snapshot[:len(snapshotMagic)]) != snapshotMagic {
		return nil, fmt.Errorf("%d bytes that do not begin with %s", len(snapshot), snapshotMagic)
	}
	// The version comes first: a newer format may keep its checksum elsewhere.
	if version := binary.LittleEndian.Uint32(snapshot[len(snapshotMagic):]); version != snapshotVersion {
		return nil, fmt.Errorf("format version %d, this build knows %d; run the newer build", version, snapshotVersion)
	}
	if got, want := crc32.Checksum(snapshot[:end], castagnoli), binary.LittleEndian.Uint32(snapshot[end:]); got != want {
		return nil, fmt.Errorf("checksum %08x, want %08x: the snapshot is damaged", got, want)
	}
	return snapshot[snapshotHead:end], nil
}

// valid checks the invariants of a state that comes from outside.
func (v *values) valid() error {
	if v.clusterID == "" {
		if len(v.nodes)+len(v.shards)+len(v.metaVoters) > 0 || v.nextShard != 0 || v.epoch != 0 || v.settings != (Settings{}) || v.hashSeed != 0 ||
			len(v.migrations)+len(v.endedMigrations) > 0 || v.lastMigration != 0 || v.rebalance != nil || v.commandVersion != 0 ||
			len(v.users) > 0 || v.usersEpoch != 0 {
			return errors.New("a state without cluster id holds more than its index")
		}
		return nil
	}
	if v.commandVersion != 0 && (v.commandVersion <= VersionUnsaid || v.commandVersion > CommandVersion) {
		return fmt.Errorf("it was changed by a command of version %d, this build knows up to %d; run the newer build", v.commandVersion, CommandVersion)
	}
	if err := v.settings.Check(); err != nil {
		return err
	}
	for i, n := range v.nodes {
		if i > 0 && v.nodes[i-1].ID >= n.ID {
			return fmt.Errorf("node %s does not come after node %s", n.ID, v.nodes[i-1].ID)
		}
		if n.Phase != NodeRegistered && n.Phase != NodeRemoved {
			return fmt.Errorf("node %s is in phase %d, which this build does not know", n.ID, n.Phase)
		}
		if n.Draining && n.Phase != NodeRegistered {
			return fmt.Errorf("node %s was removed and drains", n.ID)
		}
		if n.MaxMemoryBytes > memoryBytesMax {
			return fmt.Errorf("node %s has a maxmemory over the limit of %d bytes", n.ID, uint64(memoryBytesMax))
		}
	}
	if err := v.validShards(); err != nil {
		return err
	}
	if err := v.validMigrations(); err != nil {
		return err
	}
	if err := v.validUsers(); err != nil {
		return err
	}
	if v.rebalance != nil {
		if err := v.rebalance.check(); err != nil || len(v.shards) == 0 {
			return fmt.Errorf("a rebalance of %d shards: %w", len(v.shards), err)
		}
		if last := v.rebalance.LastMigration; last > v.lastMigration {
			return fmt.Errorf("a rebalance after migration %d, where the last to begin is %d", last, v.lastMigration)
		}
	}
	if !slices.IsSorted(v.metaVoters) || len(v.metaVoters) == 0 {
		return fmt.Errorf("the voters of the meta group are %v", v.metaVoters)
	}
	for _, id := range v.metaVoters {
		if !v.isRegistered(id) {
			return fmt.Errorf("node %s votes in the meta group without being registered", id)
		}
	}
	return nil
}

func (v *values) validShards() error {
	for i, s := range v.shards {
		if i > 0 && v.shards[i-1].ID >= s.ID || s.ID == 0 || s.ID >= v.nextShard {
			return fmt.Errorf("shard %d is out of order, or not below the next id %d", s.ID, v.nextShard)
		}
		if s.Phase != ShardCreating && s.Phase != ShardFormed || (s.Phase == ShardFormed) != (s.FormedIncarnation > 0) {
			return fmt.Errorf("shard %d is in phase %d with incarnation %d", s.ID, s.Phase, s.FormedIncarnation)
		}
		if err := v.checkReplicaNodes(s.ID, s.Replicas); err != nil {
			return err
		}
		if !slices.IsSorted(s.Replicas) || !slices.IsSorted(s.InitialReplicas) || !slices.Contains(s.Replicas, s.PreferredLeader) {
			return fmt.Errorf("shard %d has replicas %v, initially %v, and prefers leader %s", s.ID, s.Replicas, s.InitialReplicas, s.PreferredLeader)
		}
		if !slices.Equal(slot.Normalize(s.Ranges), s.Ranges) {
			return fmt.Errorf("shard %d has ranges %v that are not in order", s.ID, s.Ranges)
		}
	}
	slots, err := slot.NewMap(v.epoch, assignments(v.shards))
	if err != nil {
		return err
	}
	if len(v.shards) > 0 && !slots.Complete() {
		return errors.New("a slot has no owner")
	}
	return nil
}
