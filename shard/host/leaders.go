package host

import (
	"time"

	"github.com/holtcache/holt/proto/slot"
	"github.com/holtcache/holt/shard/gossip"
)

// Leader is who leads a shard with the highest term that this node knows: by its own replica or by gossip. ok is false
// where nobody is known to lead.
func (h *Host) Leader(id slot.ShardID) (node string, term uint64, ok bool) {
	if hint, known := h.cfg.Gossip.Leaders()[uint64(id)]; known {
		node, term = hint.Node, hint.Term
	}
	if r, here := h.Replica(id); here {
		if own, ownTerm := r.KnownLeader(); ownTerm >= term && (own != "" || ownTerm > term) {
			node, term = own, ownTerm
		}
	}
	return node, term, node != ""
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
