package gossip

import (
	"strconv"

	"github.com/hashicorp/memberlist"
)

// broadcast is one hint on its way to others. A newer one of the same name replaces it, so the queue holds at most
// one for each shard and one for each node.
type broadcast struct {
	name    string
	message []byte
	sent    chan struct{} // closed when it was sent often enough, or replaced; may be nil
}

var _ memberlist.NamedBroadcast = (*broadcast)(nil)

func (b *broadcast) Name() string { return b.name }

func (b *broadcast) Message() []byte { return b.message }

func (b *broadcast) Invalidates(other memberlist.Broadcast) bool {
	o, ok := other.(*broadcast)
	return ok && o.name == b.name
}

// Finished is called once for each broadcast, with the queue's lock held.
func (b *broadcast) Finished() {
	if b.sent != nil {
		close(b.sent)
	}
}

func (g *Gossip) spreadLeader(l Leader) {
	g.queue.QueueBroadcast(&broadcast{
		name:    "leader/" + strconv.FormatUint(l.Shard, 10),
		message: encodeLeader(g.tag, l),
	})
}

func (g *Gossip) spreadDeparture(d departure, sent chan struct{}) {
	g.queue.QueueBroadcast(&broadcast{
		name:    "left/" + d.node,
		message: encodeDeparture(g.tag, d),
		sent:    sent,
	})
}
