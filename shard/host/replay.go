package host

import (
	"errors"
	"fmt"
	"hash/crc64"
	"io"
	"slices"

	"github.com/hashicorp/raft"

	"github.com/holtcache/holt/proto/slot"
	"github.com/holtcache/holt/raftfsm"
	"github.com/holtcache/holt/raftfsm/meta"
	"github.com/holtcache/holt/raftfsm/store"
	"github.com/holtcache/holt/shard"
	"github.com/holtcache/holt/shard/logstore"
)

// StateReport is what a state machine holds after a log entry.
type StateReport struct {
	// Applied is the last entry that reached the state machine.
	Applied     uint64 `json:"applied"`
	Incarnation uint64 `json:"incarnation,omitempty"`
	Sequence    uint64 `json:"sequence,omitempty"`
	Version     uint64 `json:"version,omitempty"`
	Keys        int    `json:"keys,omitempty"`
	Expires     int    `json:"expires,omitempty"`
	Bytes       int64  `json:"bytes,omitempty"`
	// Epoch is that of the meta group's state.
	Epoch uint64 `json:"epoch,omitempty"`
	// Digest is equal on replicas that hold the same after the same entry.
	Digest string `json:"digest"`
}

// machine is a state machine that is fed from files.
type machine interface {
	restore(state io.ReadCloser) error
	apply(entry *raft.Log) error
	check() error
	report() StateReport
}

func machineOf(id slot.ShardID) machine {
	if id == shard.MetaGroup {
		return &metaMachine{m: meta.New()}
	}
	st := store.New()
	return &shardMachine{store: st, fsm: raftfsm.New(uint64(id), st, raftfsm.Deaf{})}
}

type metaMachine struct{ m *meta.Machine }

func (f *metaMachine) restore(state io.ReadCloser) error {
	data, err := io.ReadAll(state)
	if err = errors.Join(err, state.Close()); err != nil {
		return err
	}
	return f.m.Restore(data)
}

func (f *metaMachine) apply(e *raft.Log) error {
	if e.Type == raft.LogCommand {
		f.m.Apply(e.Index, e.Data)
	}
	return nil
}

func (f *metaMachine) check() error { return nil }

func (f *metaMachine) report() StateReport {
	state := f.m.State()
	return StateReport{Applied: state.Applied(), Epoch: state.Epoch(), Digest: fmt.Sprintf("%016x", crc64.Checksum(state.Snapshot(), crc64.MakeTable(crc64.ECMA)))}
}

type shardMachine struct {
	store *store.Store
	fsm   *raftfsm.FSM
}

func (f *shardMachine) restore(state io.ReadCloser) error { return f.fsm.Restore(state) }

func (f *shardMachine) apply(e *raft.Log) error {
	if e.Type == raft.LogCommand || e.Type == raft.LogConfiguration {
		f.fsm.ApplyBatch([]*raft.Log{e})
	}
	return nil
}

func (f *shardMachine) check() error { return f.store.Check() }

func (f *shardMachine) report() StateReport {
	s := f.fsm.State()
	return StateReport{
		Applied: s.Applied, Incarnation: s.Incarnation, Sequence: s.Sequence, Version: s.Version,
		Keys: f.store.Len(), Expires: f.store.Expires(), Bytes: f.store.UsedBytes(), Digest: fmt.Sprintf("%016x", raftfsm.Digest(f.store, s)),
	}
}

// replay feeds a machine the entries from..to of a log.
func replay(m machine, log *logstore.LogView, from, to uint64) error {
	for index := from; index <= to; index++ {
		var e raft.Log
		if err := log.Entry(index, &e); err != nil {
			return fmt.Errorf("entry %d: %w", index, err)
		}
		if err := withoutPanic(fmt.Sprintf("entry %d cannot be applied", index), func() error { return m.apply(&e) }); err != nil {
			return err
		}
	}
	return nil
}

// members is a configuration of a group with the index where it stands.
type members struct {
	raft.Configuration
	index uint64
}

func (m members) voters() []string {
	var ids []string
	for _, s := range m.Servers {
		if s.Suffrage == raft.Voter {
			ids = append(ids, string(s.ID))
		}
	}
	slices.Sort(ids)
	return ids
}

func (m members) learners() []string {
	var ids []string
	for _, s := range m.Servers {
		if s.Suffrage != raft.Voter {
			ids = append(ids, string(s.ID))
		}
	}
	slices.Sort(ids)
	return ids
}

// latestMembers is the latest configuration: that of the newest snapshot, or a later one in the log.
func latestMembers(snapshots []logstore.SnapshotView, log *logstore.LogView) (members, error) {
	var m members
	from := log.First
	if len(snapshots) > 0 {
		m = members{snapshots[0].Configuration, snapshots[0].ConfigurationIndex}
		from = max(from, snapshots[0].Index+1)
	}
	for index := from; index > 0 && index <= log.Last; index++ {
		var e raft.Log
		if err := log.Entry(index, &e); err != nil {
			return m, err
		}
		if e.Type == raft.LogConfiguration {
			m = members{raft.DecodeConfiguration(e.Data), index}
		}
	}
	return m, nil
}
