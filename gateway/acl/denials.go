package acl

import (
	"slices"
	"sync"
	"time"
)

const (
	// denialsMax is how many entries are kept: acllog-max-len of Redis.
	denialsMax = 128
	// denialsGroup is for how long equal denials are one entry (Redis, acl.c, ACL_LOG_GROUPING_MAX_TIME_DELTA).
	denialsGroup = time.Minute
	// denialObjectBytes bounds what is kept of a key.
	denialObjectBytes = 256
)

// Denials are the latest things that were refused. Its zero value is empty.
type Denials struct {
	mu     sync.Mutex // protects the fields below; held for a walk over the entries
	list   []Denied   // latest first
	lastID uint64
}

// Denied is an entry of ACL LOG.
type Denied struct {
	Denial
	ID    uint64
	Count int
	// Context is where it happened: toplevel, multi or lua.
	Context string
	User    string
	// Client describes the connection as CLIENT LIST does.
	Client         string
	Created, Again time.Time
}

// Add notes what was refused.
func (l *Denials) Add(d Denied) {
	d.Object = d.Object[:min(len(d.Object), denialObjectBytes)]
	d.Count, d.Again = 1, time.Now()
	d.Created = d.Again
	l.mu.Lock()
	defer l.mu.Unlock()
	same := slices.IndexFunc(l.list, func(e Denied) bool {
		return e.Denial == d.Denial && e.Context == d.Context && e.User == d.User && d.Again.Sub(e.Again) <= denialsGroup
	})
	if same >= 0 {
		before := l.list[same]
		d.ID, d.Created, d.Count = before.ID, before.Created, before.Count+1
		l.list = slices.Delete(l.list, same, same+1)
	} else {
		d.ID = l.lastID
		l.lastID++
	}
	l.list = slices.Insert(l.list, 0, d)
	l.list = l.list[:min(len(l.list), denialsMax)]
}

// Latest lists up to count entries, the latest first.
func (l *Denials) Latest(count int) []Denied {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Clone(l.list[:min(max(count, 0), len(l.list))])
}

// Reset forgets them.
func (l *Denials) Reset() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.list = nil
}
