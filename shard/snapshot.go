package shard

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/hashicorp/raft"

	"github.com/holtcache/holt/raftfsm"
)

// Turn lets the groups of a node write one snapshot at a time: together they would take the machine from clients.
type Turn struct{ taken chan struct{} }

// NewTurn returns a turn that nobody has.
func NewTurn() *Turn { return &Turn{make(chan struct{}, 1)} }

// Take waits for the turn and returns what gives it back.
func (t *Turn) Take() (give func()) {
	t.taken <- struct{}{}
	return func() { <-t.taken }
}

// keys is what a state machine that holds keys can do for its snapshots. That of the meta group cannot: its snapshots
// are small.
type keys interface {
	SetSnapshotPace(raftfsm.Pace)
	StopSnapshots()
	Unsaved() uint64
	UsedBytes() int64
	Held() raftfsm.HeldStats
}

var _ keys = (*raftfsm.FSM)(nil)

// SaveStatus tells of the snapshots of one replica.
type SaveStatus struct {
	// Began is when the snapshot under way was begun, the zero time where there is none.
	Began time.Time
	// Last is when the newest one was complete, the zero time where there is none; Took is for how long it was
	// written. A start knows of the newest only when it was begun.
	Last time.Time
	Took time.Duration
	// Err is why the last attempt failed, nil where it did not.
	Err error
	// Saves counts snapshots since the start, Unsaved changes of keys since the newest.
	Saves, Unsaved uint64
	// Held is for how long snapshots have kept the state machine from applying entries.
	Held raftfsm.HeldStats
}

// saves is what a member remembers of its snapshots.
type saves struct {
	mu     sync.Mutex // protects the field below
	status SaveStatus
}

func (s *saves) begin() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.status.Began = time.Now()
}

func (s *saves) end(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := time.Now()
	if s.status.Err = err; err == nil {
		s.status.Last, s.status.Took = now, now.Sub(s.status.Began)
		s.status.Saves++
	}
	s.status.Began = time.Time{}
}

// SaveStatus tells of the snapshots of this replica.
func (m *member) SaveStatus() SaveStatus {
	m.saves.mu.Lock()
	status := m.saves.status
	m.saves.mu.Unlock()
	if m.keys != nil {
		status.Unsaved, status.Held = m.keys.Unsaved(), m.keys.Held()
	}
	return status
}

// Snapshot takes a snapshot now, in the background's pace.
func (m *member) Snapshot(ctx context.Context) error { return m.Save(ctx, raftfsm.PaceBackground) }

// Save takes a snapshot when the node's turn is free, and waits for it no longer than ctx; once begun it is not given up.
// It is not an error that nothing was ever applied.
func (m *member) Save(ctx context.Context, pace raftfsm.Pace) error {
	select {
	case m.cfg.Turn.taken <- struct{}{}:
	case <-ctx.Done():
		return ctx.Err()
	case <-m.ctx.Done():
		return errClosing
	}
	m.mu.Lock()
	if m.closed {
		m.mu.Unlock()
		<-m.cfg.Turn.taken
		return errClosing
	}
	m.asking.Add(1)
	m.mu.Unlock()
	done := make(chan error, 1)
	go func() {
		defer m.asking.Done()
		err := m.save(pace)
		<-m.cfg.Turn.taken
		done <- err
	}()
	select {
	case err := <-done:
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (m *member) save(pace raftfsm.Pace) error {
	if m.keys != nil {
		m.keys.SetSnapshotPace(pace)
	}
	covered := m.logBytes.Load()
	m.saves.begin()
	err := m.takeSnapshot()
	if errors.Is(err, raft.ErrNothingNewToSnapshot) {
		err = nil
	}
	m.saves.end(err)
	if err != nil {
		return fmt.Errorf("snapshot of shard %d: %w", m.cfg.Group, err)
	}
	m.snapAt.Store(covered)
	return nil
}

// transferPause is between two attempts while raft refuses snapshots.
const transferPause = 20 * time.Millisecond

// takeSnapshot has raft take a snapshot. Raft refuses one while it hands its leadership over, which ends by itself.
func (m *member) takeSnapshot() error {
	for {
		err := m.raft.Snapshot().Error()
		if !errors.Is(err, raft.ErrLeadershipTransferInProgress) {
			return err
		}
		select {
		case <-time.After(transferPause):
		case <-m.ctx.Done():
			return errClosing
		}
	}
}
