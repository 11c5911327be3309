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

const (
	// bookMax bounds the nodes in a book: those of the largest cluster, and as many that have left it.
	bookMax = 2 * meta.NodesMax
	// bookTextMax bounds an id and each address: what the meta group takes, rounded up.
	bookTextMax = 512
)

// Note enters what was heard of a node. It comes from others, so what is beyond the limits is not taken.
func (b *Book) Note(n meta.Node) {
	if n.ID == "" || n.Addresses.Cluster == "" {
		return
	}
	for _, text := range []string{n.ID, n.Addresses.RESP, n.Addresses.GRPC, n.Addresses.Cluster, n.Addresses.Gossip, n.Addresses.HTTP, n.Zone, n.Version} {
		if len(text) > bookTextMax {
			return
		}
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	old, known := b.nodes[n.ID]
	if known && n.StartCount < old.StartCount || !known && len(b.nodes) >= bookMax {
		return
	}
	b.nodes[n.ID] = n
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
