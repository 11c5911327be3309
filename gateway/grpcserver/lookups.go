package grpcserver

import "github.com/holtcache/holt/gateway/ops"

// Lookups is how often a read of this server's clients has found its key, and how often not.
func (s *Server) Lookups() ops.Lookups {
	return ops.Lookups{Hits: s.hits.Load(), Misses: s.misses.Load()}
}

// countLookups counts the keys of a read that was answered.
func (s *Server) countLookups(c *call) {
	reads := []operation{c.op}
	if b, ok := c.op.(*batchOp); ok {
		reads = b.ops
	}
	for _, op := range reads {
		if get, ok := op.(*getOp); ok && get.item != nil {
			s.hits.Add(1)
		} else {
			s.misses.Add(1)
		}
	}
}
