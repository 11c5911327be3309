package store

import "github.com/holtcache/holt/raftfsm/entry"

// Item is what a key holds.
type Item struct {
	// Value is lent: whoever keeps it beyond the call that gave it makes a copy. It is never written to.
	Value []byte
	Type  entry.Type
	// ExpireAt is the instant at which the key expires, in milliseconds since the Unix epoch; 0 means never.
	ExpireAt int64
	// Version is the shard's counter at the last change of the key.
	Version uint64
}

// Expired tells whether the item is past its expiry at now (milliseconds since the Unix epoch).
func (it Item) Expired(now int64) bool { return it.ExpireAt != 0 && it.ExpireAt <= now }
