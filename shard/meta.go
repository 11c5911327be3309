package shard

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"

	"github.com/hashicorp/raft"

	"github.com/holtcache/holt/proto/apierr"
	"github.com/holtcache/holt/raftfsm/meta"
)

// Meta is this node's replica of the meta group.
type Meta struct {
	*member
	fsm *metaFSM
}

// OpenMeta opens the replica.
func OpenMeta(cfg Config) (*Meta, error) {
	cfg.Group = MetaGroup
	fsm := &metaFSM{machine: meta.New(), changed: make(chan struct{})}
	m, err := openMember(cfg, fsm, nil, fsm.appliedIndex, fsm.signal)
	if err != nil {
		return nil, err
	}
	return &Meta{member: m, fsm: fsm}, nil
}

// State is the state of the cluster as of the last entry applied here.
func (m *Meta) State() *meta.State { return m.fsm.machine.State() }

// Changed is closed at the next change of State or of the group's leadership.
func (m *Meta) Changed() <-chan struct{} { return m.fsm.watch() }

// Propose commits a command and returns what the state machine made of it. The error says whether the command may have
// taken effect.
func (m *Meta) Propose(ctx context.Context, command []byte) (meta.Result, error) {
	var future raft.ApplyFuture
	err := m.ask(ctx, func() raft.Future {
		future = m.raft.Apply(command, time.Second)
		return future
	})
	switch {
	case err == nil:
		return future.Response().(meta.Result), nil
	case errors.Is(err, raft.ErrNotLeader), errors.Is(err, raft.ErrLeadershipTransferInProgress), errors.Is(err, raft.ErrEnqueueTimeout), errors.Is(err, errClosing):
		return meta.Result{}, apierr.New(apierr.KindNotLeader, "meta group: this node does not lead it (%w); not applied, retry at the leader", err)
	}
	return meta.Result{}, apierr.New(apierr.KindUnknownOutcome, "meta group: %w; outcome unknown, look at the cluster's state before you retry", err)
}

// Sync returns when State holds everything that was committed before the call. Only the leader can.
func (m *Meta) Sync(ctx context.Context) error {
	if err := m.ask(ctx, func() raft.Future { return m.raft.Barrier(time.Second) }); err != nil {
		return apierr.New(apierr.KindNotLeader, "meta group: the latest state could not be read here: %w; ask the leader", err)
	}
	return nil
}

// Transfer hands leadership of the meta group to a voter ("" for the one that is furthest).
func (m *Meta) Transfer(ctx context.Context, node string) error {
	to, err := m.target(node)
	if err != nil {
		return apierr.New(apierr.KindInvalid, "meta group: %w; nothing was changed", err)
	}
	if err := m.ask(ctx, m.handOver(to)); err != nil {
		return apierr.New(apierr.KindTryAgain, "meta group: %s did not take over: %w; try again", to, err)
	}
	return nil
}

// Close stops the replica. It may be called twice.
func (m *Meta) Close() error { return m.close() }

// metaFSM applies committed meta commands. They are evaluated here, on every replica alike, so that a controller that
// lost its leadership without knowing can do no harm.
type metaFSM struct {
	machine *meta.Machine

	mu      sync.Mutex // protects the fields below
	changed chan struct{}
	applied uint64
}

var _ raft.BatchingFSM = (*metaFSM)(nil)

func (f *metaFSM) ApplyBatch(logs []*raft.Log) []any {
	results := make([]any, len(logs))
	for i, l := range logs {
		if l.Type == raft.LogCommand {
			results[i] = f.machine.Apply(l.Index, l.Data)
		}
	}
	f.mu.Lock()
	f.applied = logs[len(logs)-1].Index
	f.mu.Unlock()
	f.signal()
	return results
}

func (f *metaFSM) Apply(l *raft.Log) any { return f.ApplyBatch([]*raft.Log{l})[0] }

func (f *metaFSM) appliedIndex() uint64 {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.applied
}

func (f *metaFSM) watch() <-chan struct{} {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.changed
}

func (f *metaFSM) signal() {
	f.mu.Lock()
	defer f.mu.Unlock()
	close(f.changed)
	f.changed = make(chan struct{})
}

func (f *metaFSM) Snapshot() (raft.FSMSnapshot, error) {
	return metaSnapshot(f.machine.Snapshot()), nil
}

func (f *metaFSM) Restore(r io.ReadCloser) error {
	defer r.Close()
	data, err := io.ReadAll(io.LimitReader(r, metaSnapshotMax+1))
	if err != nil {
		return fmt.Errorf("read meta snapshot: %w", err)
	}
	if len(data) > metaSnapshotMax {
		return fmt.Errorf("meta snapshot is over %d bytes", metaSnapshotMax)
	}
	if err := f.machine.Restore(data); err != nil {
		return fmt.Errorf("restore meta snapshot: %w", err)
	}
	f.mu.Lock()
	f.applied = f.machine.State().Applied()
	f.mu.Unlock()
	f.signal()
	return nil
}

// metaSnapshotMax bounds what a damaged snapshot can make a node read. A state of 1,000 nodes and 10,000 shards is
// under 10 MiB.
const metaSnapshotMax = 256 << 20

type metaSnapshot []byte

func (s metaSnapshot) Persist(sink raft.SnapshotSink) error {
	if _, err := io.Copy(sink, bytes.NewReader(s)); err != nil {
		return errors.Join(err, sink.Cancel())
	}
	return sink.Close()
}

func (s metaSnapshot) Release() {}
