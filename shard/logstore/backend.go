package logstore

import "github.com/hashicorp/raft"

// Marks keeps small named values. SetMark returns when the value is durable, under every sync policy.
type Marks interface {
	Mark(name string) (value []byte, found bool, err error)
	SetMark(name string, value []byte) error
	Close() error
}

// Backend keeps the entries of one group. It decides nothing: Log checks every write before it gets here.
//
// Log has at most one write under way (Append, Delete, SetMark); reads may run beside it. After an error
// from a write Log writes nothing more.
type Backend interface {
	Marks

	// Bounds returns the first and the last stored index, zero and zero when nothing is stored.
	Bounds() (first, last uint64, err error)

	// Verified reports whether opening the backend has read every entry; Log reads them if not.
	Verified() bool

	// Read fills entry with exactly what was appended, or returns raft.ErrLogNotFound. Damage wraps ErrDamaged.
	Read(index uint64, entry *raft.Log) error

	// Append stores consecutive entries behind the last one (or the first ones, at any index). It returns when
	// they are as durable as the sync policy asks; it keeps no reference to the slice.
	Append(entries []*raft.Log) error

	// Delete deletes the entries from first to last, both included. They are a prefix or a suffix of what is stored.
	Delete(first, last uint64) error
}
