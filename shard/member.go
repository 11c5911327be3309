package shard

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/hashicorp/raft"

	"github.com/holtcache/holt/proto/slot"
)

// member is what replicas of data groups and of the meta group share: the raft instance, its stores, its place on the
// wire, and its gate.
type member struct {
	cfg     Config
	raft    *raft.Raft
	storage Storage
	wire    *pacedWire // cfg.Wire as raft uses it
	gate    *gate
	guard   *guard // nil where the wire cannot carry one
	// kick hears of every change of leadership, beside cfg.Changed.
	kick func()
	// applied is how far the state machine is.
	applied func() uint64

	events   chan raft.Observation
	observer *raft.Observer
	ctx      context.Context
	cancel   context.CancelFunc
	wg       sync.WaitGroup

	// logBytes counts what was appended to the log since it was opened, and about what it held behind the newest snapshot
	// then; snapAt is what of it the last snapshot covers.
	logBytes atomic.Uint64
	snapAt   atomic.Uint64
	// configurations counts the configuration entries that were appended to the log since it was opened; configuredAt is
	// where the last one stands, or stood: a follower's tail can be truncated. 0 for none.
	configurations atomic.Uint64
	configuredAt   atomic.Uint64

	keys      keys // nil in the meta group
	saves     saves
	saveRules atomic.Pointer[[]SaveRule] // nil: none
	opened    time.Time

	closing  sync.Once
	closeErr error

	mu     sync.Mutex // protects the fields below
	closed bool
	asking sync.WaitGroup // futures of raft that are open; Add only while not closed
}

var _ leadership = (*member)(nil)

// floor tells the log store below which index no suffix may be truncated. Before raft runs it is what the state machine
// has restored.
type floor struct {
	raft    atomic.Pointer[raft.Raft]
	applied func() uint64
}

func (f *floor) index() uint64 {
	index := f.applied()
	if r := f.raft.Load(); r != nil {
		index = max(index, r.CommitIndex())
	}
	return index
}

// openMember opens stores and raft. applied is the state machine's applied index.
func openMember(cfg Config, fsm raft.FSM, appended func([]*raft.Log), applied func() uint64, kick func()) (*member, error) {
	cfg.Snapshots = cfg.Snapshots.withDefaults()
	if cfg.Turn == nil {
		cfg.Turn = NewTurn()
	}
	m := &member{cfg: cfg, kick: kick, applied: applied, events: make(chan raft.Observation, 64), opened: time.Now()}
	m.keys, _ = fsm.(keys)
	m.ctx, m.cancel = context.WithCancel(context.Background())
	cfg.Wire.SetApplied(applied)
	floor := &floor{applied: applied}
	storage, err := cfg.OpenStorage(Hooks{
		Appended: func(logs []*raft.Log) {
			for _, l := range logs {
				m.logBytes.Add(uint64(len(l.Data)) + logOverheadBytes)
				if l.Type == raft.LogConfiguration {
					m.configurations.Add(1)
					m.configuredAt.Store(l.Index)
				}
			}
			if appended != nil {
				appended(logs)
			}
		},
		Floor: floor.index,
	})
	if err != nil {
		m.cancel()
		return nil, fmt.Errorf("open shard %d: %w", cfg.Group, err)
	}
	m.storage = storage
	m.wire = newPacedWire(cfg.Wire, m.isLearner, m.lastLogged, m.ctx.Done())
	m.logBytes.Add(backlogBytes(storage))
	m.saves.status.Last = newestBegan(storage.Snapshots)
	if err := m.startRaft(fsm); err != nil {
		m.cancel()
		return nil, errors.Join(fmt.Errorf("open shard %d: %w", cfg.Group, err), storage.Close.Close())
	}
	floor.raft.Store(m.raft)
	return m, nil
}

// logOverheadBytes is about what a log entry costs beside its data.
const logOverheadBytes = 64

func (m *member) startRaft(fsm raft.FSM) error {
	if m.cfg.Bootstrap != nil {
		if err := bootstrap(m.storage, m.cfg.Bootstrap); err != nil {
			return err
		}
	}
	if err := m.startGuard(); err != nil { // before raft can hear or send a ballot
		return err
	}
	r, err := raft.NewRaft(m.cfg.raftConfig(), fsm, m.storage.Log, m.storage.Stable, m.storage.Snapshots, m.wire)
	if err != nil {
		if s, ok := m.storage.Snapshots.(interface{ Unusable() error }); ok { // raft does not say why
			err = errors.Join(err, s.Unusable())
		}
		return err
	}
	m.raft = r
	m.observer = raft.NewObserver(m.events, false, func(o *raft.Observation) bool {
		switch o.Data.(type) {
		case raft.LeaderObservation, raft.RaftState, raft.PeerObservation:
			return true
		}
		return false
	})
	r.RegisterObserver(m.observer)
	m.gate = newGate(m.cfg.Node, m.cfg.Timings.Lease, m, m.cfg.Confirmer)
	m.cfg.Confirmer.register(m.cfg.Group, m.gate)
	m.runGuard()
	m.wg.Go(m.watch)
	m.wg.Go(m.watchSilence)
	m.wg.Go(m.snapshotWhenDue)
	return nil
}

// watch passes changes of leadership on. Raft drops observations when the channel is full, so it also looks by itself.
func (m *member) watch() {
	ticker := time.NewTicker(m.cfg.Timings.Heartbeat / 3)
	defer ticker.Stop()
	type seen struct {
		term   uint64
		leads  bool
		leader raft.ServerID
	}
	var last seen
	for {
		select {
		case <-m.ctx.Done():
			return
		case <-m.events:
		case <-ticker.C:
		}
		var now seen
		now.term, now.leads = m.Leader()
		_, now.leader = m.raft.LeaderWithID()
		if now.leads {
			m.cfg.Confirmer.meet(m.gate) // the voters may be others than before
		}
		if now == last {
			continue
		}
		last = now
		if m.kick != nil {
			m.kick()
		}
		if m.cfg.Changed != nil {
			m.cfg.Changed()
		}
	}
}

// Group is the id of the group.
func (m *member) Group() slot.ShardID { return m.cfg.Group }

// Leader returns the term that this replica leads at this instant. A node leads a term in one stretch, terms only grow,
// and a term is left before it is raised: so equal terms before and after mean that the state in between was of that
// term.
func (m *member) Leader() (term uint64, leads bool) {
	before := m.raft.CurrentTerm()
	leads = m.raft.State() == raft.Leader
	after := m.raft.CurrentTerm()
	return before, leads && before == after
}

// KnownLeader is the node that leads as far as this replica knows, "" for none, and this replica's term.
func (m *member) KnownLeader() (node string, term uint64) {
	term = m.raft.CurrentTerm()
	_, id := m.raft.LeaderWithID()
	if m.raft.CurrentTerm() != term {
		return "", term
	}
	return string(id), term
}

// Term is this replica's current term, which Confirm is answered by.
func (m *member) Term() uint64 { return m.raft.CurrentTerm() }

func (m *member) voters() ([]raft.ServerID, uint64) {
	changes := m.configurations.Load()
	future := m.raft.GetConfiguration()
	if future.Error() != nil {
		return nil, 0
	}
	var ids []raft.ServerID
	for _, s := range future.Configuration().Servers {
		if s.Suffrage == raft.Voter {
			ids = append(ids, s.ID)
		}
	}
	return ids, changes
}

// CommitIndex and LastIndex are those of the log as this replica knows it.
func (m *member) CommitIndex() uint64 { return m.raft.CommitIndex() }

// LastIndex is the index of the last entry in this replica's log.
func (m *member) LastIndex() uint64 { return m.raft.LastIndex() }

// errClosing says that raft was not asked, because the replica is being closed.
var errClosing = errors.New("replica is being closed")

// ask asks raft for something and waits for the answer no longer than ctx. Raft forgets proposals that are still queued
// when it shuts down, and their futures stay without an answer for ever: so close waits for the open ones first.
func (m *member) ask(ctx context.Context, ask func() raft.Future) error {
	m.mu.Lock()
	if m.closed {
		m.mu.Unlock()
		return errClosing
	}
	m.asking.Add(1)
	m.mu.Unlock()
	future := ask()
	done := make(chan error, 1)
	go func() {
		defer m.asking.Done()
		done <- future.Error()
	}()
	select {
	case err := <-done:
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
}

// within waits for f, which ends in its own time, no longer than d.
func within(d time.Duration, f func()) bool {
	done := make(chan struct{})
	go func() {
		defer close(done)
		f()
	}()
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-done:
		return true
	case <-timer.C:
		return false
	}
}

// futuresMax bounds the wait for raft's word on the last proposals: a leader without a quorum has stepped down by then.
const futuresMax = 500 * time.Millisecond

const shutdownMax = 5 * time.Second

// close stops raft, then the wire, then the stores. It returns when nothing runs any more, or says what still does.
func (m *member) close() error {
	m.closing.Do(func() {
		m.mu.Lock()
		m.closed = true
		m.mu.Unlock()
		m.cancel()
		if m.keys != nil {
			m.keys.StopSnapshots()
		}
		m.cfg.Confirmer.unregister(m.cfg.Group)
		m.gate.close()
		m.raft.DeregisterObserver(m.observer)
		m.wg.Wait()
		answered := within(futuresMax, m.asking.Wait)
		// Shutdown waits for replication to end, which waits for the wire: so the wire goes in between.
		future := m.raft.Shutdown()
		wireErr := m.cfg.Wire.Close()
		var raftErr error
		if !within(shutdownMax, func() { raftErr = future.Error() }) {
			m.closeErr = errors.Join(fmt.Errorf("close shard %d: raft did not stop within %v", m.cfg.Group, shutdownMax), wireErr)
			return // the stores stay open: raft may still write to them
		}
		if !answered && !within(futuresMax, m.asking.Wait) {
			raftErr = errors.Join(raftErr, fmt.Errorf("close shard %d: raft never answered a proposal", m.cfg.Group))
		}
		m.closeErr = errors.Join(raftErr, wireErr, m.storage.Close.Close())
	})
	return m.closeErr
}
