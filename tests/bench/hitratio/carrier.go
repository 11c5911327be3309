package hitratio

import (
	"strings"
	"time"

	"github.com/holtcache/holt/proto/slot"
	"github.com/holtcache/holt/raftfsm/store"
)

// stampPortionBytes is about the size of a portion of access stamps.
const stampPortionBytes = 32 << 10

// carrier carries the access stamps of a leader to the other replicas in the portions and at the pace of package shard, where
// a failover forgets what was used since a round came by. It does nothing under a policy that needs no stamps.
type carrier struct {
	holt  *holt
	round time.Duration // 0: nothing is carried
	// pass is that of from, which led at the last step.
	pass *store.StampPass
	from *replica
	// due is how many slots are to be looked at, times the duration of a round.
	due     time.Duration
	portion []byte
}

// kind is how the stamps of the policy are read; false where it needs none.
func (c *carrier) kind() (store.StampKind, bool) {
	switch policy := c.holt.rules.Policy.String(); {
	case strings.HasSuffix(policy, "-lru"):
		return store.StampsLRU, true
	case strings.HasSuffix(policy, "-lfu"):
		return store.StampsLFU, true
	}
	return 0, false
}

// step carries what is due after some time of the trace.
func (c *carrier) step(elapsed time.Duration) error {
	kind, needed := c.kind()
	if c.round == 0 || !needed {
		return nil
	}
	if leader := c.holt.lead(); leader != c.from {
		c.from, c.pass = leader, store.NewStampPass(leader.store, kind, c.holt.expire)
	}
	c.due += slot.Count * elapsed
	now := c.from.exec.Clock().Now()
	for c.due >= c.round {
		portion, visited, _ := c.pass.Next(c.portion[:0], now, int(c.due/c.round), stampPortionBytes)
		c.due -= time.Duration(visited) * c.round
		c.portion = portion
		if len(portion) == 0 {
			continue
		}
		for _, r := range c.holt.replicas {
			if r == c.from {
				continue
			}
			if _, err := r.store.ApplyStamps(portion, kind, r.exec.Clock().Now(), 0); err != nil {
				return err
			}
		}
	}
	return nil
}
