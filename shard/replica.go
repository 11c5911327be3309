package shard

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/hashicorp/raft"

	"github.com/holtcache/holt/proto/apierr"
	"github.com/holtcache/holt/raftfsm"
	"github.com/holtcache/holt/raftfsm/store"
	"github.com/holtcache/holt/shard/executor"
	"github.com/holtcache/holt/shard/feed"
)

// Replica is this node's replica of one shard.
type Replica struct {
	*member
	store *store.Store
	fsm   *raftfsm.FSM
	exec  *executor.Executor
	feed  *feed.Feed

	stopExec context.CancelFunc
	execDone chan struct{}
}

var _ executor.Log = (*Replica)(nil)

// Open opens a replica: newest snapshot, then the log, then raft. It serves as soon as it leads.
func Open(cfg Config) (*Replica, error) {
	r := &Replica{store: store.NewSeeded(cfg.HashSeed), execDone: make(chan struct{})}
	r.exec = executor.New(executor.Config{
		Shard: cfg.Group, Node: cfg.Node, Log: r, Gate: lateGate{r}, Nonce: cfg.Nonce,
		LeaseMax: cfg.Timings.LeaseMax, Slots: cfg.Slots, Observer: cfg.Observer, Limits: cfg.Limits, Wall: cfg.Wall, Logger: cfg.Logger,
	}, r.store)
	r.feed = feed.New(feedLog{r})
	r.fsm = raftfsm.New(uint64(cfg.Group), r.store, &fed{Executor: r.exec, feed: r.feed, store: r.store})
	appended := func(logs []*raft.Log) {
		for _, l := range logs {
			if l.Type == raft.LogCommand {
				r.exec.Appended(l.Index, l.Data)
			} else {
				r.exec.Appended(l.Index, nil)
			}
		}
	}
	m, err := openMember(cfg, r.fsm, appended, func() uint64 { return r.fsm.State().Applied }, r.exec.Kick)
	if err != nil {
		return nil, err
	}
	r.member = m
	m.wg.Go(r.markPositions)
	if wire, ok := cfg.Wire.(StampWire); ok {
		carrier := r.newStampCarrier(wire)
		m.wg.Go(func() { carrier.run(m.ctx) })
	}
	ctx, cancel := context.WithCancel(context.Background())
	r.stopExec = cancel
	go func() {
		defer close(r.execDone)
		_ = r.exec.Run(ctx) // its only error is ctx's
	}()
	return r, nil
}

// lateGate is the replica's gate, which comes to be after the executor. The executor asks only while it serves.
type lateGate struct{ r *Replica }

func (g lateGate) Leased(term uint64) bool { return g.r.gate.Leased(term) }

func (g lateGate) Confirm(ctx context.Context, term uint64) error { return g.r.gate.Confirm(ctx, term) }

// Executor evaluates the shard's requests while this replica leads.
func (r *Replica) Executor() *executor.Executor { return r.exec }

// Store is what the replica holds. Only stale readers and counters look at it directly.
func (r *Replica) Store() *store.Store { return r.store }

// State is what the replica remembers beside its keys.
func (r *Replica) State() raftfsm.State { return r.fsm.State() }

// Propose hands a record to raft. The queue of proposals holds many more than the executor ever has in flight, so this
// does not block.
func (r *Replica) Propose(record []byte) executor.Proposal {
	return proposal{r.raft.ApplyLog(raft.Log{Data: record}, 0)}
}

type proposal struct{ future raft.ApplyFuture }

// Wait translates raft's answer. Only what was refused at the door was certainly not appended; everything else, a
// shutdown included, may still be committed by others.
func (p proposal) Wait() error {
	err := p.future.Error()
	if errors.Is(err, raft.ErrNotLeader) || errors.Is(err, raft.ErrLeadershipTransferInProgress) || errors.Is(err, raft.ErrEnqueueTimeout) {
		return fmt.Errorf("%w: %w", executor.ErrRefused, err)
	}
	return err
}

// Transfer hands leadership to a voter ("" for the one that is furthest). The leader stops serving, commits a
// LEASE_RELEASE and only then lets go, so that the next leader need not wait for leases. Requests meanwhile wait or are
// sent to the new leader; none fails.
func (r *Replica) Transfer(ctx context.Context, node string) error {
	term, leads := r.Leader()
	if !leads {
		return apierr.New(apierr.KindNotLeader, "shard %d: this node does not lead it; nothing was changed", r.cfg.Group)
	}
	to, err := r.target(node)
	if err != nil {
		return apierr.New(apierr.KindInvalid, "shard %d: %w; nothing was changed", r.cfg.Group, err)
	}
	// Without a quorum the release would not commit, and this leader would have stopped serving for nothing.
	if err := r.confirm(ctx, term); err != nil {
		return apierr.New(apierr.KindTryAgain, "shard %d: a quorum does not answer (%w); nothing was changed, try again", r.cfg.Group, err)
	}
	releaseCtx, cancel := context.WithTimeout(ctx, releaseMax)
	defer cancel()
	if err := r.exec.Release(releaseCtx); err != nil {
		r.exec.Resume()
		return apierr.New(apierr.KindTryAgain, "shard %d: could not release leadership: %w; nothing was changed, try again", r.cfg.Group, err)
	}
	err = r.ask(ctx, r.handOver(to))
	if now, leads := r.Leader(); leads && now == term {
		r.exec.Resume()
		return apierr.New(apierr.KindTryAgain, "shard %d: %s did not take over: %v; this node goes on leading, try again", r.cfg.Group, to, err)
	}
	return nil
}

// releaseMax bounds how long a transfer waits for what is in flight: longer than any commit that is worth waiting for.
const releaseMax = 2 * time.Second

// confirm asks a quorum, for no longer than an election would take.
func (r *Replica) confirm(ctx context.Context, term uint64) error {
	ctx, cancel := context.WithTimeout(ctx, r.cfg.Timings.Election)
	defer cancel()
	return r.gate.Confirm(ctx, term)
}

// Close stops serving and then the replica. It may be called twice.
func (r *Replica) Close() error {
	r.stopExec()
	<-r.execDone
	answered := within(futuresMax, r.exec.Wait)
	err := r.close()
	if !answered && !within(futuresMax, r.exec.Wait) {
		err = errors.Join(err, fmt.Errorf("close shard %d: raft never answered a proposal", r.cfg.Group))
	}
	return err
}
