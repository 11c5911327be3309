package node

import (
	"github.com/holtcache/holt/gateway/metrics"
	"github.com/holtcache/holt/shard"
	"github.com/holtcache/holt/shard/gossip"
)

// metricsFacts is what a scrape shows of this node.
func (n *Node) metricsFacts() metrics.Facts {
	counted := n.resp.Stats()
	lookups := counted.Lookups
	lookups.Add(n.grpc.Lookups())
	facts := metrics.Facts{
		Version: n.cfg.Version, Node: n.folder.NodeID(), Ready: n.notReady() == "", Loading: n.load.active.Load(),
		RESP: counted, Hits: lookups.Hits, Misses: lookups.Misses, MemoryUsed: n.usedBytes(), MemoryLimit: n.maxMemory(),
	}
	h := n.host.Load()
	if h == nil {
		return facts
	}
	state := h.State()
	facts.Epoch, facts.Migrations = state.Epoch(), len(state.Migrations())
	facts.Nodes = map[string]int{}
	for _, known := range state.Nodes() {
		facts.Nodes[n.believed(known.ID)]++
	}
	wire := h.Transport().Stats()
	facts.Transport = &wire
	if w := n.folder.WAL; w != nil {
		log := w.Stats()
		facts.Log = &log
	}
	for _, r := range h.Replicas() {
		facts.Shards = append(facts.Shards, shardFacts(r))
	}
	return facts
}

// believed is what gossip believes of a node; this one is alive.
func (n *Node) believed(id string) string {
	if id == n.folder.NodeID() {
		return gossip.StateAlive.String()
	}
	if known, ok := n.gossip.Node(id); ok {
		return known.State.String()
	}
	return "unknown"
}

func shardFacts(r *shard.Replica) metrics.Shard {
	term, leads := r.Leader()
	_, serving := r.Executor().Serving()
	saves := r.SaveStatus()
	return metrics.Shard{
		ID: uint64(r.Group()), Leads: leads, Serving: serving, Term: term,
		Last: r.LastIndex(), Committed: r.CommitIndex(), Applied: r.State().Applied,
		Keys: r.Store().Len(), Expires: r.Store().Expires(), Executor: r.Executor().Stats(),
		LastSnapshot: saves.Last, SnapshotTook: saves.Took, SnapshotFailed: saves.Err != nil,
		Snapshots: saves.Saves, Unsaved: saves.Unsaved,
	}
}
