package hitratio

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/hashicorp/raft"

	"github.com/holtcache/holt/proto/slot"
	"github.com/holtcache/holt/raftfsm"
	"github.com/holtcache/holt/raftfsm/entry"
	"github.com/holtcache/holt/raftfsm/store"
	"github.com/holtcache/holt/shard/executor"
)

const (
	cacheShard = slot.ShardID(2)
	// serveMax bounds the wait for a leader.
	serveMax = 10 * time.Second
)

// holt is one shard: replicas in this process over a log that commits at once.
type holt struct {
	rules    executor.Eviction
	expire   bool
	value    []byte
	replicas []*replica
	records  chan proposal
	nonce    atomic.Uint64
	stop     context.CancelFunc
	running  sync.WaitGroup

	mu     sync.Mutex // protects the fields below
	leader int
	term   uint64
}

type replica struct {
	group *holt
	id    int
	store *store.Store
	exec  *executor.Executor
	fsm   *raftfsm.FSM
}

// proposal is a record and the answer to it.
type proposal struct {
	record []byte
	term   uint64
	answer chan error
}

func (p proposal) Wait() error { return <-p.answer }

func (r *replica) Leader() (uint64, bool) {
	r.group.mu.Lock()
	defer r.group.mu.Unlock()
	return r.group.term, r.group.leader == r.id
}

func (r *replica) Propose(record []byte) executor.Proposal {
	term, leads := r.Leader()
	p := proposal{record: record, term: term, answer: make(chan error, 1)}
	if !leads {
		p.answer <- executor.ErrRefused
		return p
	}
	r.group.records <- p
	return p
}

func (r *replica) Leased(term uint64) bool {
	now, leads := r.Leader()
	return leads && now == term
}

func (r *replica) Confirm(context.Context, uint64) error { return nil }

// openHolt starts a shard of some replicas.
func openHolt(ctx context.Context, replicas int, rules executor.Eviction) (*holt, error) {
	ctx, cancel := context.WithCancel(ctx)
	c := &holt{rules: rules, value: make([]byte, valueBytes), records: make(chan proposal, 64), stop: cancel, term: 1}
	c.expire = rules.Policy.String()[0] == 'v'
	for i := range replicas {
		r := &replica{group: c, id: i, store: store.New()}
		r.exec = executor.New(executor.Config{
			Shard: cacheShard, Node: fmt.Sprint("node-", i), Log: r, Gate: r, LeaseMax: time.Millisecond,
			Nonce: func() uint64 { return c.nonce.Add(1) }, Slots: func() []slot.Range { return slot.Split(1) },
			Logger: slog.New(slog.DiscardHandler),
		}, r.store)
		r.exec.SetEviction(rules)
		r.fsm = raftfsm.New(uint64(cacheShard), r.store, r.exec)
		c.replicas = append(c.replicas, r)
		c.running.Go(func() { _ = r.exec.Run(ctx) })
	}
	c.running.Go(func() { c.commit(ctx) })
	if err := c.awaitLeader(ctx); err != nil {
		return nil, fmt.Errorf("%w; %w", err, c.Close())
	}
	return c, nil
}

// commit applies every record on every replica.
func (c *holt) commit(ctx context.Context) {
	for index := uint64(1); ; index++ {
		select {
		case p := <-c.records:
			for _, r := range c.replicas {
				r.fsm.Apply(&raft.Log{Index: index, Term: p.term, Type: raft.LogCommand, Data: p.record})
			}
			p.answer <- nil
		case <-ctx.Done():
			for {
				select {
				case p := <-c.records:
					p.answer <- ctx.Err()
				case <-time.After(10 * time.Millisecond):
					return
				}
			}
		}
	}
}

func (c *holt) awaitLeader(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, serveMax)
	defer cancel()
	for {
		changed := c.lead().exec.Changed()
		if _, ok := c.lead().exec.Serving(); ok && slices.Equal(c.lead().store.Owned(), slot.Split(1)) {
			return nil
		}
		select {
		case <-changed:
		case <-time.After(time.Millisecond): // ownership is applied slot by slot, a moment later
		case <-ctx.Done():
			return fmt.Errorf("no replica serves: %w", ctx.Err())
		}
	}
}

func (c *holt) lead() *replica {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.replicas[c.leader]
}

// failOver lets the next replica lead.
func (c *holt) failOver(ctx context.Context) error {
	c.mu.Lock()
	c.leader = (c.leader + 1) % len(c.replicas)
	c.term++
	c.mu.Unlock()
	for _, r := range c.replicas {
		r.exec.Kick()
	}
	return c.awaitLeader(ctx)
}

// setBudget changes how much every replica may hold.
func (c *holt) setBudget(bytes int64) {
	c.rules.BudgetBytes = bytes
	for _, r := range c.replicas {
		r.exec.SetEviction(c.rules)
	}
}

func (c *holt) Round(ctx context.Context, keys []uint32) (hits int, err error) {
	exec := c.lead().exec
	var sets []*executor.Request
	for _, n := range keys {
		key := appendKey(nil, n)
		found := false
		if err := exec.Read(ctx, slot.Of(key), executor.ReadLease, func(v *executor.View) { _, found = v.Get(key) }); err != nil {
			return 0, err
		}
		if found {
			hits++
			continue
		}
		sets = append(sets, &executor.Request{Slot: slot.Of(key), Do: func(tx *executor.Tx) {
			expireAt := int64(0)
			if c.expire {
				expireAt = tx.Now() + int64(ttlSeconds(n))*1000
			}
			tx.Set(key, c.value, entry.TypeString, expireAt)
		}})
	}
	w := executor.NewWaiter()
	if err := exec.Submit(w, sets...); err != nil {
		return 0, err
	}
	if err := w.Wait(ctx); err != nil {
		return 0, err
	}
	for _, r := range sets {
		if r.Err != nil {
			return 0, r.Err
		}
	}
	return hits, nil
}

func (c *holt) Held(context.Context) (int, error) { return c.lead().store.Len(), nil }

func (c *holt) Close() error {
	c.stop()
	c.running.Wait()
	for _, r := range c.replicas {
		r.exec.Wait()
	}
	return nil
}
