package ops

import (
	"github.com/holtcache/holt/proto/apierr"
	"github.com/holtcache/holt/proto/slot"
	"github.com/holtcache/holt/raftfsm/entry"
	"github.com/holtcache/holt/raftfsm/store"
)

// Reader is the state of one slot as one command sees it. An operation that only reads takes a Reader; it runs under
// a lock of the slot, must not block, and copies what it keeps.
type Reader interface {
	// Now is the shard's clock in milliseconds since the Unix epoch. It never goes back.
	Now() int64
	// Get returns the item of a key, false where there is none or where it has expired. Item.Value is lent; it is nil where the
	// key holds fields.
	Get(key []byte) (store.Item, bool)
	// Peek is Get without counting as a use of the key.
	Peek(key []byte) (store.Item, bool)
	// Usage tells what eviction knows of a key, false where there is none. It is no use of the key.
	Usage(key []byte) (store.Usage, bool)
	// Deletions counts the deletions of keys of the slot in the present incarnation of the leader. A key that is missing
	// twice at the same count of one incarnation was missing all the time between.
	Deletions() (incarnation, count uint64)
	FieldReader
}

// FieldReader is what a Reader tells of keys that hold fields. All but Kind and Whole are asked of such keys only, after Kind or
// Get has found them.
type FieldReader interface {
	// Kind is Get for what depends on the type of a key alone: it does not wait for pending changes of fields.
	Kind(key []byte) (entry.Type, bool)
	// Field returns the value of a field, lent.
	Field(key, field []byte) (value []byte, ok bool)
	// FieldCount is the number of fields.
	FieldCount(key []byte) int
	// EachField gives all fields, lent until yield returns, which must not use the reader, until it returns false.
	EachField(key []byte, yield func(field, value []byte) bool)
	// ScanFields gives the fields of one step of a scan, like EachField, and returns the cursor of the next step; a scan begins
	// with 0 and ends when 0 comes back. A field that is there from the first step to the last comes at least once.
	ScanFields(key []byte, cursor uint64, yield func(field, value []byte)) (next uint64)
	// RandomField appends a field chosen at random to name and its value to value; ok is false where there is none.
	RandomField(key []byte, random func() uint64, name, value []byte) (field, val []byte, ok bool)
	// Whole is Get with the value whole: fields are packed (entry.Packed), as Set takes them.
	Whole(key []byte) (store.Item, bool)
}

// Tx is the latest state of a shard, with the changes of this and all earlier requests, on the executor of its leader.
// An operation that may write takes a Tx. An operation that fails changes nothing: it checks before it writes.
// Every key and value that is passed in is copied before the call returns.
type Tx interface {
	Reader
	// Set gives key a whole new value, type and expiry (0 = never) and returns the version of the change. Fields are packed.
	Set(key, value []byte, typ entry.Type, expireAt int64) (version uint64)
	// Patch overwrites part of the value of an existing key from offset on; the value grows where data reaches past
	// its end, and offset is at most its length. Type and expiry stay.
	Patch(key []byte, offset int, data []byte) (version uint64)
	// SetField gives a field of a key a value and tells whether the field is new. A key that does not exist is made, of this type
	// and without an expiry.
	SetField(key []byte, typ entry.Type, field, value []byte) (fresh bool)
	// DeleteField takes a field out of a key and tells whether it was there. The last one takes the key with it.
	DeleteField(key, field []byte) bool
	// Delete deletes a key and tells whether it existed.
	Delete(key []byte) bool
	// Expire changes the expiry of an existing key (0 = never); an instant that has passed deletes it.
	// It tells whether the key existed.
	Expire(key []byte, expireAt int64) bool
	// Flush deletes all keys of the slots.
	Flush(slots []slot.Range)
	// Refuse answers the whole request, of which this may be a part, with an error, and nothing of it is applied. It is for what can't check
	// before it writes.
	Refuse(err *apierr.Error)
}
