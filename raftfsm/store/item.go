package store

import "github.com/holtcache/holt/raftfsm/entry"

// Item is what a key holds.
type Item struct {
	// Value is lent: it is memory that the store uses again. It is valid until the slot's lock, or the captured slot,
	// is given up; whoever keeps it longer makes a copy. Nobody but the store writes to it.
	//
	// Of a key with fields it is nil, but where fields are given whole, packed (entry.Packed).
	Value []byte
	Type  entry.Type
	// Part tells that Value has some of the key's fields; the others come in other items.
	Part bool
	// Access is when, or how often, the key was used: a hint for eviction, different on every replica.
	Access Access
	// ExpireAt is the instant at which the key expires, in milliseconds since the Unix epoch; 0 means never.
	ExpireAt int64
	// Version is the shard's counter at the last change of the key.
	Version uint64
}

// Expired tells whether the item is past its expiry at now (milliseconds since the Unix epoch).
func (it Item) Expired(now int64) bool { return it.ExpireAt != 0 && it.ExpireAt <= now }
