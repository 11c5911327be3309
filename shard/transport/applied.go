package transport

import "github.com/hashicorp/raft"

// SetApplied sets what tells how far this replica's state machine is; as a follower it tells its leader. f must not block.
func (g *Group) SetApplied(f func() uint64) { g.applied.Store(&f) }

// AppliedIndex returns how far the node's state machine was by its latest answer to this replica as leader of the current
// term, 0 if it has not answered yet or has not answered the latest question. A node that has started again holds its log long
// before it has applied it.
func (g *Group) AppliedIndex(node string) uint64 {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.applies[node]
}

// answer adds to raft's answer what raft does not tell.
func (g *Group) answer(r *raft.AppendEntriesResponse) appendAnswer {
	a := appendAnswer{AppendEntriesResponse: *r}
	if f := g.applied.Load(); f != nil && *f != nil {
		a.applied = (*f)()
	}
	return a
}

// heardApplied notes how far a node is, in the life that the message went to. The latest answer counts, not the highest: a
// node that starts again begins with its snapshot.
func (g *Group) heardApplied(node string, life, term, index uint64) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if term == g.term && life == g.lives[node] {
		g.applies[node] = index
	}
}

// silent notes that a node has not answered: it may be starting again.
func (g *Group) silent(node string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	delete(g.applies, node)
}
