package host

import (
	"maps"
	"slices"
	"sync"

	"github.com/holtcache/holt/raftfsm/meta"
)

// Book knows under which addresses nodes were last seen. Of two entries for a node the one of its later start counts.
type Book struct {
	mu    sync.Mutex // protects the fields below
	nodes map[string]meta.Node
}

// NewBook returns an empty book.
func NewBook() *Book { return &Book{nodes: map[string]meta.Node{}} }

// Note enters what was heard of a node.
func (b *Book) Note(n meta.Node) {
	if n.ID == "" || n.Addresses.Cluster == "" {
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if old, ok := b.nodes[n.ID]; !ok || n.StartCount >= old.StartCount {
		b.nodes[n.ID] = n
	}
}

// ClusterAddr is where the cluster port of a node is.
func (b *Book) ClusterAddr(node string) (string, bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	n, ok := b.nodes[node]
	return n.Addresses.Cluster, ok
}

// Node is what was last heard of a node.
func (b *Book) Node(id string) (meta.Node, bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	n, ok := b.nodes[id]
	return n, ok
}

// Nodes lists all nodes in the book by id.
func (b *Book) Nodes() []meta.Node {
	b.mu.Lock()
	defer b.mu.Unlock()
	ids := slices.Sorted(maps.Keys(b.nodes))
	nodes := make([]meta.Node, 0, len(ids))
	for _, id := range ids {
		nodes = append(nodes, b.nodes[id])
	}
	return nodes
}

// GossipSeeds lists the gossip addresses of the nodes in the book, without one's own.
func (b *Book) GossipSeeds(self string) []string {
	var seeds []string
	for _, n := range b.Nodes() {
		if n.ID != self && n.Addresses.Gossip != "" {
			seeds = append(seeds, n.Addresses.Gossip)
		}
	}
	return seeds
}
