package ops

import "github.com/holtcache/holt/raftfsm/store"

// Scanner is a Reader that can also list the keys of its slot.
type Scanner interface {
	Reader
	// Scan gives the keys of one step and returns the cursor of the next one; a scan begins with 0 and ends when 0 comes
	// back. A key that is there from the first step to the last comes at least once. Key and item are lent.
	Scan(cursor uint64, yield func(key []byte, item store.Item)) (next uint64)
}
