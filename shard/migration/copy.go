package migration

import (
	"context"

	"github.com/holtcache/holt/proto/slot"
	"github.com/holtcache/holt/raftfsm/entry"
	"github.com/holtcache/holt/raftfsm/store"
)

// portionBytes bounds how much of a slot is copied in one hold of its lock, but for a single larger value: the FSM goroutine
// waits that long at most, some microseconds.
const portionBytes = 64 << 10

// copier copies slots into the queue of an attempt.
type copier struct {
	store    *store.Store
	queue    *queue
	throttle *throttle
	items    []entry.Item
}

// slot arms a slot and copies what it holds, in portions.
func (c *copier) slot(ctx context.Context, id slot.ID) error {
	sl := c.store.Slot(id)
	for cursor, armed := uint64(0), false; !armed || cursor != 0; armed = true {
		if err := c.wait(ctx); err != nil {
			return err
		}
		size, left := 0, [][]byte(nil)
		sl.RLock()
		if !armed {
			c.queue.armLocked(id)
		}
		cursor = sl.ScanLocked(cursor, func(key []byte, item store.Item) {
			if size > 0 && size+len(key)+len(item.Value) > portionBytes {
				left = append(left, append([]byte(nil), key...))
				return
			}
			size += c.add(key, item)
		})
		c.flushLocked(id)
		sl.RUnlock()
		if err := c.throttle.wait(ctx, size); err != nil {
			return err
		}
		for _, key := range left {
			if err := c.key(ctx, id, key); err != nil {
				return err
			}
		}
	}
	return nil
}

// key copies one key of an armed slot. If it is gone meanwhile, the queue has that.
func (c *copier) key(ctx context.Context, id slot.ID, key []byte) error {
	if err := c.wait(ctx); err != nil {
		return err
	}
	sl, size := c.store.Slot(id), 0
	sl.RLock()
	if item, ok := sl.GetLocked(key); ok {
		size = c.add(key, item)
		c.flushLocked(id)
	}
	sl.RUnlock()
	return c.throttle.wait(ctx, size)
}

// add takes an item, whose memory is lent for as long as the slot is locked.
func (c *copier) add(key []byte, item store.Item) (bytes int) {
	c.items = append(c.items, entry.Item{
		Key: key, Value: item.Value, Type: item.Type, ExpireAt: item.ExpireAt, Version: item.Version, Access: uint32(item.Access),
	})
	return itemOverheadBytes + len(key) + len(item.Value)
}

// itemOverheadBytes is about what an item costs in a chunk beside its key and value.
const itemOverheadBytes = 20

func (c *copier) flushLocked(id slot.ID) {
	if len(c.items) > 0 {
		c.queue.itemsLocked(id, c.items)
	}
	clear(c.items)
	c.items = c.items[:0]
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
