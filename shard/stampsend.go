package shard

import (
	"errors"
	"time"

	"github.com/holtcache/holt/proto/slot"
	"github.com/holtcache/holt/raftfsm/store"
	"github.com/holtcache/holt/shard/executor"
	"github.com/holtcache/holt/shard/transport"
)

const (
	// stampTicks is into how many steps a round is cut: at 30 s some 230 ms each, in which 128 slots are looked at.
	stampTicks = 128
	// stampPortionBytes is about the size of a portion: far below transport.StampsBytesMax, which it may not pass.
	stampPortionBytes = 32 << 10
	// stampRoundsWhole is after how many rounds one gives all stamps again, whatever became of the portions before.
	stampRoundsWhole = 20
)

// step sends what changed in the next slots.
func (c *stampCarrier) step() {
	term, leads := c.group.Leader()
	policy, settled := c.policy()
	kind, volatileOnly, needed := stampKind(policy)
	var followers []string
	if leads && settled && needed {
		followers = c.group.others()
	}
	if len(followers) == 0 {
		c.pass = nil
		return
	}
	if c.pass == nil || term != c.term || policy != c.carries {
		c.begin(store.NewStampPass(c.store, kind, volatileOnly), term, policy, followers)
	}
	share := max(c.pacing.BytesPerSecond/stampTicks*int(c.pacing.Round/time.Millisecond)/1000/len(followers), 1)
	c.budget = min(c.budget+share, share)
	now := c.now()
	for slots := slot.Count / stampTicks; slots > 0 && c.budget > 0; {
		portion, visited, ended := c.pass.Next(c.buf[:0], now, slots, min(stampPortionBytes, c.budget))
		slots -= visited
		c.budget -= len(portion)
		c.buf = portion
		if current, settled := c.policy(); !settled || current != policy { // what was read is mixed
			c.pass = nil
			return
		}
		if len(portion) > 0 {
			c.send(followers, portion)
		}
		if ended {
			c.endRound()
		}
	}
}

// begin starts a pass whose first two rounds give all stamps: where the policy has just changed, followers that go by the old
// one still pass over the first.
func (c *stampCarrier) begin(pass *store.StampPass, term uint64, policy executor.EvictionPolicy, followers []string) {
	c.pass, c.term, c.carries = pass, term, policy
	c.budget, c.rounds, c.missed = 0, 0, true
	c.reached = map[string]bool{}
	for _, id := range followers {
		c.reached[id] = true
	}
}

// send notes whether a portion was missed. A follower that cannot be reached misses all until it is there again; then a
// whole round is due for it, as for one that has joined.
func (c *stampCarrier) send(followers []string, portion []byte) {
	for _, id := range followers {
		err := c.wire.SendStamps(id, c.term, portion)
		switch {
		case err == nil && !c.reached[id]:
			c.reached[id], c.missed = true, true
		case errors.Is(err, transport.ErrBusy):
			c.missed = true
		case err != nil:
			c.reached[id] = false
		}
	}
}

func (c *stampCarrier) endRound() {
	c.rounds++
	if c.missed || c.rounds >= stampRoundsWhole {
		c.pass.Again()
		c.rounds, c.missed = 0, false
	}
}

// others are the nodes of the group's other members.
func (m *member) others() []string {
	future := m.raft.GetConfiguration()
	if future.Error() != nil {
		return nil
	}
	var ids []string
	for _, s := range future.Configuration().Servers {
		if id := string(s.ID); id != m.cfg.Node {
			ids = append(ids, id)
		}
	}
	return ids
}
