package shard_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/holtcache/holt/proto/slot"
	"github.com/holtcache/holt/raftfsm/entry"
	"github.com/holtcache/holt/raftfsm/store"
	"github.com/holtcache/holt/shard/executor"
)

// change is applied once at least, at whoever leads: on a busy machine that may change by itself.
func (c *trio) change(ctx context.Context, id slot.ID, do func(tx *executor.Tx)) {
	c.t.Helper()
	c.until(ctx, "a change is applied", func() bool {
		w, r := executor.NewWaiter(), &executor.Request{Slot: id, Do: do}
		if c.leader().replica.Executor().Submit(w, r) != nil {
			return false
		}
		if w.Wait(ctx) != nil {
			w.GiveUp(testShard, r)
		}
		return r.Err == nil
	})
}

// A scan of one slot begins at one leader and goes on at the next after each few steps, while other keys come and go: every
// key that stays is given.
func TestScanGoesOnAtTheNextLeader(t *testing.T) {
	c := newTrio(t)
	ctx, cancel := context.WithTimeout(t.Context(), 60*time.Second)
	defer cancel()
	const stay, come = 600, 900
	id := slot.Of([]byte("{x}"))
	c.change(ctx, id, func(tx *executor.Tx) {
		for i := range stay {
			tx.Set(fmt.Appendf(nil, "{x}stays%d", i), []byte("v"), entry.TypeString, 0)
		}
	})
	others := func(from, to int, set bool) {
		c.change(ctx, id, func(tx *executor.Tx) {
			for i := from; i < to; i++ {
				key := fmt.Appendf(nil, "{x}comes%d", i)
				if set {
					tx.Set(key, []byte("v"), entry.TypeString, 0)
				} else {
					tx.Delete(key)
				}
			}
		})
	}
	others(0, come, true)
	seen, leaders := map[string]bool{}, map[string]bool{}
	for cursor, step := uint64(0), 0; step == 0 || cursor != 0; step++ {
		leader := c.leader()
		leaders[leader.id] = true
		sl := leader.replica.Store().Slot(id)
		sl.RLock()
		cursor = sl.ScanLocked(cursor, func(key []byte, _ store.Item) { seen[string(key)] = true })
		sl.RUnlock()
		others(step*50%come, (step*50%come)+50, step%4 == 3)
		if step%5 == 2 {
			if err := leader.replica.Transfer(ctx, ""); err != nil {
				t.Log(err) // it has lost its leadership by itself
			}
		}
	}
	for i := range stay {
		if !seen[fmt.Sprintf("{x}stays%d", i)] {
			t.Errorf("key %d was missed", i)
		}
	}
	if len(leaders) < 2 {
		t.Errorf("the scan was at leaders %v only", leaders)
	}
}
