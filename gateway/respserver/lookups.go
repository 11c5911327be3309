package respserver

import (
	"sync/atomic"

	"github.com/holtcache/holt/gateway/ops"
)

// lookupParts is among how many counters the connections are spread, so that they do not take the same cache line from
// each other.
const lookupParts = 16

// lookups counts the keys that read commands have looked for (keyspace_hits, keyspace_misses). A connection counts for
// itself and adds once a round.
type lookups struct {
	parts [lookupParts]struct {
		hits, misses atomic.Uint64
		_            [48]byte // the rest of a cache line
	}
}

func (l *lookups) add(conn int64, n ops.Lookups) {
	part := &l.parts[uint64(conn)%lookupParts]
	if n.Hits > 0 {
		part.hits.Add(n.Hits)
	}
	if n.Misses > 0 {
		part.misses.Add(n.Misses)
	}
}

func (l *lookups) sum() (all ops.Lookups) {
	for i := range l.parts {
		all.Add(ops.Lookups{Hits: l.parts[i].hits.Load(), Misses: l.parts[i].misses.Load()})
	}
	return all
}

// statsBase is what the counters that are never set back said at the last CONFIG RESETSTAT.
type statsBase struct {
	Expired, Evicted uint64
	Lookups          ops.Lookups
}

// resetBase makes counters that others keep begin at 0 for INFO.
func (s *Server) resetBase() {
	facts := s.facts()
	base := statsBase{Expired: facts.Expired, Evicted: facts.Evicted, Lookups: s.stats.lookups.sum()}
	base.Lookups.Add(facts.Lookups)
	s.stats.base.Store(&base)
}
