package host

import (
	"time"

	"github.com/holtcache/holt/proto/slot"
	"github.com/holtcache/holt/raftfsm/meta"
	"github.com/holtcache/holt/shard/gossip"
)

// Leadership says who leads a shard, and in which term.
type Leadership struct {
	// Node is "" where nobody is known to lead.
	Node string
	Term uint64
}

// Leader is who leads a shard with the highest term that this node knows: by its own replica or by gossip. ok is false
// where nobody is known to lead.
func (h *Host) Leader(id slot.ShardID) (node string, term uint64, ok bool) {
	l := h.leader(id, h.cfg.Gossip.Leaders())
	return l.Node, l.Term, l.Node != ""
}

// Leaders is Leader for many shards, by one look at gossip.
func (h *Host) Leaders(shards []meta.Shard) map[slot.ShardID]Leadership {
	hints := h.cfg.Gossip.Leaders()
	leaders := make(map[slot.ShardID]Leadership, len(shards))
	for _, s := range shards {
		leaders[s.ID] = h.leader(s.ID, hints)
	}
	return leaders
}

// Hears tells whether this node's own replica of a shard hears of a leader, and that is the node.
func (h *Host) Hears(id slot.ShardID, node string) bool {
	r, here := h.Replica(id)
	if !here {
		return false
	}
	leader, _ := r.KnownLeader()
	return leader == node
}

func (h *Host) leader(id slot.ShardID, hints map[uint64]gossip.Leader) Leadership {
	hint := Leadership{Node: hints[uint64(id)].Node, Term: hints[uint64(id)].Term}
	if r, here := h.Replica(id); here {
		node, term := r.KnownLeader()
		return newest(h.cfg.Self.ID, hint, Leadership{node, term})
	}
	return newest(h.cfg.Self.ID, hint, Leadership{})
}

// newest weighs a hint of gossip against what this node's own replica knows. The higher term wins, also where it has no
// leader yet: the leader of the lower one is over. Of equal terms the one with a leader wins. Whether this node itself
// leads only its own replica can tell: a hint from before a restart, or from before it stepped down, names it still.
func newest(self string, hint, own Leadership) Leadership {
	if hint.Node == self {
		hint.Node = ""
	}
	if own.Term > hint.Term || own.Term == hint.Term && own.Node != "" {
		return own
	}
	return hint
}

// passLeadersOn tells the other nodes which shards this node leads, and turns gossip into changes of the host.
func (h *Host) passLeadersOn() {
	changed, stop := h.cfg.Gossip.Watch()
	defer stop()
	ticker := time.NewTicker(time.Second)
	defer ticker.Stop()
	announced := map[slot.ShardID]uint64{}
	for {
		own := h.Changed()
		for _, r := range h.Replicas() {
			term, leads := r.Leader()
			if leads && announced[r.Group()] != term {
				announced[r.Group()] = term
				h.cfg.Gossip.AnnounceLeader(gossip.Leader{Shard: uint64(r.Group()), Term: term, Node: h.cfg.Self.ID})
			}
		}
		h.cfg.Gossip.AnnounceEpoch(h.State().Epoch())
		select {
		case <-h.ctx.Done():
			return
		case <-own:
		case <-ticker.C:
		case <-changed:
			h.signal()
		}
	}
}

// resolver finds the cluster port of a node: gossip and the address book, whichever has heard of the later start.
type resolver struct{ h *Host }

func (r resolver) ClusterAddr(node string) (string, bool) {
	known, ok := r.h.cfg.Book.Node(node)
	if g, found := r.h.cfg.Gossip.Node(node); found && g.Cluster != "" && (!ok || g.Start >= known.StartCount) {
		return g.Cluster, true
	}
	return known.Addresses.Cluster, ok && known.Addresses.Cluster != ""
}

// ClusterAddr is where the cluster port of a node is, as far as this node knows.
func (h *Host) ClusterAddr(node string) (string, bool) { return resolver{h}.ClusterAddr(node) }
