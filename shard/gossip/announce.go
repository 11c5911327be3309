package gossip

import "time"

// updateWait bounds how long announce waits for one epoch to go out before it looks for a newer one.
const updateWait = 200 * time.Millisecond

// AnnounceLeader spreads who leads a shard. A hint that is no newer than what is known, or has no term, is ignored.
func (g *Gossip) AnnounceLeader(l Leader) {
	if l.Term == 0 || !validIDOrEmpty(l.Node) {
		return
	}
	g.mu.Lock()
	result := g.offerLocked(l)
	g.mu.Unlock()
	if result == offerNews {
		g.watchers.signal()
		g.spreadLeader(l)
	}
}

func (g *Gossip) offerLocked(l Leader) offerResult {
	result := g.leaders.offer(l)
	if result == offerRefused {
		g.stats.HintsRefused++
	}
	return result
}

// Leaders returns the newest hint for each shard.
func (g *Gossip) Leaders() map[uint64]Leader {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.leaders.clone()
}

// AnnounceEpoch spreads the epoch of this node's slot map. Epochs only grow; others are ignored.
func (g *Gossip) AnnounceEpoch(e uint64) {
	g.mu.Lock()
	self := g.table.members[g.id]
	grown := e > self.Epoch
	if grown {
		self.Epoch = e
	}
	g.mu.Unlock()
	if grown {
		g.watchers.signal()
		poke(g.announce)
	}
}

// announceLoop tells memberlist of new metadata. UpdateNode blocks until the message has gone out, so epochs that
// follow each other quickly become one message.
func (g *Gossip) announceLoop() {
	for {
		select {
		case <-g.announce:
			_ = g.list.UpdateNode(updateWait) // a timeout: the message is still queued
		case <-g.ctx.Done():
			return
		}
	}
}
