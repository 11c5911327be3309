package ops

import (
	"github.com/holtcache/holt/raftfsm/entry"
	"github.com/holtcache/holt/raftfsm/store"
)

// Counted is a Reader that counts the keys that were looked for: those that were there, and those that were not (INFO,
// keyspace_hits and keyspace_misses). Usage does not count.
type Counted struct {
	Reader
	Lookups
	// NoTouch makes no look a use of the key.
	NoTouch bool
}

// Lookups is how often a key was looked for and found, or not.
type Lookups struct{ Hits, Misses uint64 }

var _ Reader = (*Counted)(nil)

// Begin counts anew, on another reader.
func (c *Counted) Begin(r Reader) { *c = Counted{Reader: r} }

// End forgets the reader, which is lent for one evaluation only. The counts stay.
func (c *Counted) End() { c.Reader = nil }

// Get implements Reader.
func (c *Counted) Get(key []byte) (store.Item, bool) {
	look := c.Reader.Get
	if c.NoTouch {
		look = c.Reader.Peek
	}
	item, ok := look(key)
	c.count(ok)
	return item, ok
}

// Kind implements FieldReader.
func (c *Counted) Kind(key []byte) (entry.Type, bool) {
	typ, ok := c.Reader.Kind(key)
	c.count(ok)
	return typ, ok
}

// Whole implements FieldReader.
func (c *Counted) Whole(key []byte) (store.Item, bool) {
	item, ok := c.Reader.Whole(key)
	c.count(ok)
	return item, ok
}

// Peek implements Reader.
func (c *Counted) Peek(key []byte) (store.Item, bool) {
	item, ok := c.Reader.Peek(key)
	c.count(ok)
	return item, ok
}

func (l *Lookups) count(found bool) {
	if found {
		l.Hits++
	} else {
		l.Misses++
	}
}

// Add adds what was counted elsewhere.
func (l *Lookups) Add(more Lookups) {
	l.Hits += more.Hits
	l.Misses += more.Misses
}
