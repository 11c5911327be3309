package sim

import (
	"context"
	"errors"
	"strconv"
	"strings"
	"time"

	"github.com/holtcache/holt/proto/apierr"
	"github.com/holtcache/holt/proto/slot"
	"github.com/holtcache/holt/raftfsm/entry"
	"github.com/holtcache/holt/shard/executor"
)

// errNoAnswer says that the node crashed while a client waited.
var errNoAnswer = errors.New("the connection broke")

// submit has something evaluated and waits for its answer.
func (n *raftNode) submit(ctx context.Context, key string, ack executor.Ack, do func(*executor.Tx)) error {
	return n.ask(ctx, &executor.Request{Slot: slot.Of([]byte(key)), Ack: ack, Do: do})
}

// ask has a request evaluated and waits for its answer.
func (n *raftNode) ask(ctx context.Context, r *executor.Request) error {
	w := executor.NewWaiter()
	if err := n.replica.Executor().Submit(w, r); err != nil {
		return err
	}
	if w.Wait(ctx) != nil {
		w.GiveUp(n.replica.Group(), r)
	}
	if n.ctx.Err() != nil {
		return errNoAnswer
	}
	if r.Err != nil {
		return r.Err
	}
	return nil
}

func (n *raftNode) set(ctx context.Context, key, value string) error {
	return n.setAck(ctx, key, value, executor.AckMajority)
}

func (n *raftNode) setAck(ctx context.Context, key, value string, ack executor.Ack) error {
	return n.submit(ctx, key, ack, func(tx *executor.Tx) { tx.Set([]byte(key), []byte(value), entry.TypeString, 0) })
}

// setFor sets a value that expires.
func (n *raftNode) setFor(ctx context.Context, key, value string, ttl time.Duration) error {
	return n.submit(ctx, key, executor.AckMajority, func(tx *executor.Tx) {
		tx.Set([]byte(key), []byte(value), entry.TypeString, tx.Now()+ttl.Milliseconds())
	})
}

// update replaces a key's value by what f makes of it and returns the value before; where f returns the same value it
// is a request without effects.
func (n *raftNode) update(ctx context.Context, key string, f func(string) string) (before string, err error) {
	err = n.submit(ctx, key, executor.AckMajority, func(tx *executor.Tx) {
		item, _ := tx.Get([]byte(key))
		before = string(item.Value)
		if after := f(before); after != before {
			tx.Set([]byte(key), []byte(after), entry.TypeString, 0)
		}
	})
	return before, err
}

func (n *raftNode) incr(ctx context.Context, key string) (after string, err error) {
	before, err := n.update(ctx, key, increment)
	return increment(before), err
}

func increment(s string) string {
	i, _ := strconv.Atoi(s) // absent counts as 0
	return strconv.Itoa(i + 1)
}

func (n *raftNode) get(ctx context.Context, key string, mode executor.ReadMode) (value string, err error) {
	err = n.replica.Executor().Read(ctx, slot.Of([]byte(key)), mode, func(v *executor.View) {
		item, _ := v.Get([]byte(key))
		value = strings.Clone(string(item.Value))
	})
	if n.ctx.Err() != nil {
		return "", errNoAnswer
	}
	return value, err
}

// outcome is what an error says about a write.
func outcome(err error) apierr.Outcome {
	switch {
	case err == nil:
		return apierr.OutcomeApplied
	case errors.Is(err, errNoAnswer):
		return apierr.OutcomeUnknown
	}
	return apierr.Of(err).Result()
}

// within is a deadline for one request in virtual time.
func (w *raftWorld) within(d time.Duration) (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.Background(), d)
}

// set writes through a node and must succeed.
func (w *raftWorld) set(n *raftNode, key, value string) {
	w.t.Helper()
	ctx, cancel := w.within(10 * time.Second)
	defer cancel()
	if err := n.set(ctx, key, value); err != nil {
		w.t.Fatalf("set %s=%s at %s: %v", key, value, n.id, err)
	}
}

// wantGet reads through a node and must get the value.
func (w *raftWorld) wantGet(n *raftNode, key, want string) {
	w.t.Helper()
	ctx, cancel := w.within(10 * time.Second)
	defer cancel()
	if got, err := n.get(ctx, key, executor.ReadLease); err != nil || got != want {
		w.t.Errorf("%s at %s: got %q, err %v; want %q", key, n.id, got, err, want)
	}
}

// neverStale reads at a node that may not know that another leads by now: it may refuse, but not show an old value.
func (w *raftWorld) neverStale(n *raftNode, key, want string, mode executor.ReadMode) {
	w.t.Helper()
	ctx, cancel := w.within(time.Millisecond)
	defer cancel()
	if got, err := n.get(ctx, key, mode); err == nil && got != want {
		w.t.Errorf("%s at %s, which was the leader before: got %q, want %q or an error", key, n.id, got, want)
	}
}
