package replicas

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"

	"github.com/holtcache/holt/proto/slot"
	"github.com/holtcache/holt/raftfsm/entry"
	"github.com/holtcache/holt/shard"
	"github.com/holtcache/holt/shard/executor"
)

// Load says what clients write at the executors of the leaders.
type Load struct {
	// Clients share the shards evenly. Each submits Pipeline writes and waits for all of them.
	Clients, Pipeline int
	ValueBytes, Keys  int
	// Rate is the writes a second that arrive, done or not; 0 lets each client write when it is done.
	Rate           float64
	Warmup, Window time.Duration
	// Edge is called at both ends of the window.
	Edge func()
}

// writeMax bounds the wait for one pipeline.
const writeMax = time.Minute

// Write returns how many writes were done within the window.
func (c *Cluster) Write(ctx context.Context, l Load) (done uint64, err error) {
	keys := c.keys(l.Keys)
	var count atomic.Uint64
	arrivals := make(chan struct{}, 1<<16)
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var wg sync.WaitGroup
	for i := range l.Clients {
		leader, err := c.Leader(ctx, i%c.cfg.Shards)
		if err != nil {
			return 0, err
		}
		w := &writer{leader, keys[i%c.cfg.Shards], rand.New(rand.NewPCG(uint64(i), 0)), make([]byte, l.ValueBytes), executor.NewWaiter()}
		wg.Go(func() {
			for w.next(ctx, l.Rate, arrivals) {
				if err := w.write(l.Pipeline); err != nil {
					cancel(fmt.Errorf("write: %w", err))
					return
				}
				count.Add(uint64(l.Pipeline))
			}
		})
	}
	if l.Rate > 0 {
		wg.Go(func() { arrive(ctx, l.Rate/float64(l.Pipeline), arrivals) })
	}
	pause(ctx, l.Warmup)
	l.Edge()
	before := count.Load()
	pause(ctx, l.Window)
	done = count.Load() - before
	l.Edge()
	err = context.Cause(ctx)
	cancel(nil)
	wg.Wait()
	return done, err
}

func pause(ctx context.Context, d time.Duration) {
	select {
	case <-time.After(d):
	case <-ctx.Done():
	}
}

// arrive lets pipelines arrive evenly.
func arrive(ctx context.Context, rate float64, arrivals chan<- struct{}) {
	tick := time.NewTicker(200 * time.Microsecond)
	defer tick.Stop()
	start := time.Now()
	for sent := 0; ; {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
		for due := int(time.Since(start).Seconds() * rate); sent < due; sent++ {
			select {
			case arrivals <- struct{}{}:
			case <-ctx.Done():
				return
			}
		}
	}
}

// keys are those of each shard.
func (c *Cluster) keys(n int) [][][]byte {
	keys := make([][][]byte, c.cfg.Shards)
	for i := range n {
		key := fmt.Appendf(nil, "key:%012d", i)
		for s := range keys {
			if c.Slots(s)[0].Contains(slot.Of(key)) {
				keys[s] = append(keys[s], key)
			}
		}
	}
	return keys
}

// writer is one client.
type writer struct {
	leader *shard.Replica
	keys   [][]byte
	rng    *rand.Rand
	value  []byte
	waiter *executor.Waiter
}

// next waits until the client may write, and returns false when it is over.
func (w *writer) next(ctx context.Context, rate float64, arrivals <-chan struct{}) bool {
	if rate == 0 {
		return ctx.Err() == nil
	}
	select {
	case <-arrivals:
		return true
	case <-ctx.Done():
		return false
	}
}

// write does as one connection does with a pipeline: submit some, wait for all of them.
func (w *writer) write(pipeline int) error {
	ctx, cancel := context.WithTimeout(context.Background(), writeMax)
	defer cancel()
	requests := make([]*executor.Request, pipeline)
	for i := range requests {
		key := w.keys[w.rng.IntN(len(w.keys))]
		requests[i] = &executor.Request{Slot: slot.Of(key), Do: func(tx *executor.Tx) { tx.Set(key, w.value, entry.TypeString, 0) }}
	}
	if err := w.leader.Executor().Submit(w.waiter, requests...); err != nil {
		return err
	}
	if err := w.waiter.Wait(ctx); err != nil {
		w.waiter.GiveUp(w.leader.Group(), requests...)
		return err
	}
	for _, r := range requests {
		if r.Err != nil {
			return r.Err
		}
	}
	return nil
}
