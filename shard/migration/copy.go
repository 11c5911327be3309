package migration

import (
	"context"

	"github.com/holtcache/holt/proto/slot"
	"github.com/holtcache/holt/raftfsm"
	"github.com/holtcache/holt/raftfsm/entry"
	"github.com/holtcache/holt/raftfsm/session"
	"github.com/holtcache/holt/raftfsm/store"
)

// A portion is what is copied in one hold of a slot's lock: the FSM goroutine waits that long at most, some microseconds, but
// for the copy of a single larger value.
const (
	portionKeys  = 64
	portionBytes = 64 << 10
)

// itemOverheadBytes is about what an item costs in a chunk beside its key and value.
const itemOverheadBytes = 20

// copier copies slots into the queue of an attempt.
type copier struct {
	store    *store.Store
	queue    *queue
	throttle *throttle
	items    []entry.Item
}

// slot arms a slot and copies what it holds, in portions.
func (c *copier) slot(ctx context.Context, id slot.ID) error {
	for cursor, armed := (store.CopyCursor{}), false; !armed || cursor != (store.CopyCursor{}); armed = true {
		if err := c.wait(ctx); err != nil {
			return err
		}
		next, size := c.portion(c.store.Slot(id), id, cursor, armed)
		if err := c.throttle.wait(ctx, size); err != nil {
			return err
		}
		cursor = next
	}
	return c.results(ctx, id)
}

// results copies the results of requests on a slot that is armed: those that come later are effects.
func (c *copier) results(ctx context.Context, id slot.ID) error {
	var after *session.ID
	for more := true; more; {
		if err := c.wait(ctx); err != nil {
			return err
		}
		var size int
		if after, more, size = c.someResults(id, after); size == 0 {
			return nil
		}
		if err := c.throttle.wait(ctx, size); err != nil {
			return err
		}
	}
	return nil
}

// someResults copies a portion of the results behind an id and returns the last one's.
func (c *copier) someResults(id slot.ID, after *session.ID) (last *session.ID, more bool, bytes int) {
	sl := c.store.Slot(id)
	sl.RLock()
	defer sl.RUnlock()
	done, more := c.store.Sessions().CopyLocked(nil, id, after, portionKeys, portionBytes)
	if len(done) == 0 {
		return nil, false, 0
	}
	effects := make([]entry.Effect, len(done))
	for i := range done {
		effects[i] = raftfsm.EffectOf(&done[i], 0)
		bytes += itemOverheadBytes + len(done[i].Result)
	}
	c.queue.resultsLocked(id, effects)
	return &done[len(done)-1].ID, more, bytes
}

// portion copies one portion and returns the cursor of the next one, the zero value for none.
func (c *copier) portion(sl *store.Slot, id slot.ID, cursor store.CopyCursor, armed bool) (next store.CopyCursor, bytes int) {
	sl.RLock()
	defer sl.RUnlock()
	if !armed {
		c.queue.armLocked(id)
	}
	next = sl.CopyLocked(cursor, portionKeys, portionBytes, func(key []byte, item store.Item) {
		c.items = append(c.items, entry.Item{
			Key: key, Value: item.Value, Type: item.Type, Part: item.Part, ExpireAt: item.ExpireAt, Version: item.Version, Access: uint32(item.Access),
		})
		bytes += itemOverheadBytes + len(key) + len(item.Value)
	})
	if len(c.items) > 0 {
		c.queue.itemsLocked(id, c.items)
	}
	clear(c.items) // their memory was lent
	c.items = c.items[:0]
	return next, bytes
}

// wait returns when the queue has room.
func (c *copier) wait(ctx context.Context) error {
	for {
		waiting, err := c.queue.waiting()
		if err != nil {
			return err
		}
		if waiting < c.queue.limits.QueueBytes {
			return ctx.Err()
		}
		select {
		case <-c.queue.room:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}
