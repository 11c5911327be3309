package shard_test

import (
	"cmp"
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/holtcache/holt/proto/slot"
	"github.com/holtcache/holt/raftfsm/entry"
	"github.com/holtcache/holt/raftfsm/store"
	"github.com/holtcache/holt/shard/executor"
)

const warmKeys = 400

func warmKey(i int) []byte { return fmt.Appendf(nil, "key %d", i) }

// fillWarm writes all keys, those again whose writes an election has thrown away.
func (c *trio) fillWarm(ctx context.Context) {
	c.t.Helper()
	left := make([]int, warmKeys)
	for i := range left {
		left[i] = i
	}
	c.until(ctx, "all keys are written", func() bool {
		w, requests := executor.NewWaiter(), make([]*executor.Request, len(left))
		for i, number := range left {
			requests[i] = &executor.Request{Slot: slot.Of(warmKey(number)), Do: func(tx *executor.Tx) { tx.Set(warmKey(number), []byte("v"), entry.TypeString, 0) }}
		}
		if c.leader().replica.Executor().Submit(w, requests...) != nil {
			return false
		}
		if w.Wait(ctx) != nil {
			w.GiveUp(testShard, requests...)
		}
		again := left[:0]
		for i, number := range left {
			if requests[i].Err != nil {
				again = append(again, number)
			}
		}
		left = again
		return len(left) == 0
	})
}

func (n *node) stamp(i int, a store.Access) {
	sl := n.replica.Store().Slot(slot.Of(warmKey(i)))
	sl.RLock()
	defer sl.RUnlock()
	sl.GetTouchLocked(warmKey(i), func(store.Access) store.Access { return a })
}

// stamps are those of all keys, nil while a key is missing.
func (n *node) stamps() []store.Access {
	all := make([]store.Access, warmKeys)
	for i := range all {
		sl := n.replica.Store().Slot(slot.Of(warmKey(i)))
		sl.RLock()
		item, ok := sl.GetLocked(warmKey(i))
		sl.RUnlock()
		if !ok {
			return nil
		}
		all[i] = item.Access
	}
	return all
}

// order is the keys as eviction sees them, the first to go first.
func order(stamps []store.Access, value func(store.Access) int) []int {
	keys := make([]int, len(stamps))
	for i := range keys {
		keys[i] = i
	}
	slices.SortStableFunc(keys, func(a, b int) int { return cmp.Compare(value(stamps[a]), value(stamps[b])) })
	return keys
}

// After a transfer the new leader knows which keys were used at the old one, under each kind of policy; so does a replica
// that was away meanwhile and has started with nothing but its log.
func TestNewLeaderOrdersKeysByTheirUsesAtTheOldOne(t *testing.T) {
	for _, policy := range []executor.EvictionPolicy{executor.AllKeysLRU, executor.AllKeysLFU} {
		t.Run(policy.String(), func(t *testing.T) {
			c := newTrio(t)
			ctx, cancel := context.WithTimeout(t.Context(), 60*time.Second)
			defer cancel()
			leader := c.leader()
			c.fillWarm(ctx)
			now := leader.replica.Executor().Clock().Now()
			value := func(a store.Access) int { return -int(a.Idle(now + 3600_000)) }
			uses := func(rank int) store.Access { return store.LRU(now - int64(warmKeys-rank)*60_000) }
			if policy == executor.AllKeysLFU {
				value = func(a store.Access) int { return int(store.LFU{}.Freq(a, now)) }
				uses = func(rank int) store.Access { return store.LFU{}.Initial(now)&^0xff | store.Access(rank*255/warmKeys) }
			}
			used := make([]store.Access, warmKeys)
			for i, rank := range rand.Perm(warmKeys) {
				used[i] = uses(rank)
			}
			// As if all had been written long ago. Nothing is carried before there is a policy: the stamps of the writes are newer
			// than those of the test, so a follower that still got them would keep them.
			for _, n := range c.nodes {
				c.until(ctx, "a replica has all keys", func() bool { return n.stamps() != nil && n.replica.State().Applied >= leader.replica.State().Applied })
				for i := range used {
					n.stamp(i, store.LRU(now-(warmKeys+60)*60_000))
				}
			}
			for _, n := range c.nodes {
				n.replica.Executor().SetEviction(executor.Eviction{Policy: policy})
			}
			warm := func(n *node) bool { return slices.Equal(order(n.stamps(), value), order(used, value)) }
			// All keys are used at whoever leads: on a busy machine that may become another.
			warmAfterUses := func(n *node) func() bool {
				return func() bool {
					for _, leader := range c.nodes {
						if _, leads := leader.replica.Leader(); leads {
							for i, a := range used {
								leader.stamp(i, a)
							}
						}
					}
					return warm(n)
				}
			}
			for _, n := range c.nodes {
				if n != leader {
					c.until(ctx, "a follower is warm", warmAfterUses(n))
				}
			}

			away := c.nodes["a"]
			if away == leader {
				away = c.nodes["b"]
			}
			c.stop(away.id)
			c.start(away.id, away.disk)
			away = c.nodes[away.id]
			away.replica.Executor().SetEviction(executor.Eviction{Policy: policy})
			c.until(ctx, "a replica that was away is warm", warmAfterUses(away))

			if leader = c.leader(); leader != away {
				if err := leader.replica.Transfer(ctx, away.id); err != nil {
					t.Log(err) // it has lost its leadership by itself, to one that is warm too
				}
			}
			if !warm(c.leader()) {
				t.Error("the new leader orders the keys otherwise")
			}
			// Now the uses are there, and the old leader hears of them.
			used[order(used, value)[0]] = uses(warmKeys)
			c.until(ctx, "the old leader follows", warmAfterUses(leader))
		})
	}
}
