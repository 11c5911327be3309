package ops

import (
	"github.com/holtcache/holt/raftfsm/entry"
	"github.com/holtcache/holt/raftfsm/store"
)

// SetIf is the condition under which Set writes. The zero value writes always.
type SetIf uint8

const (
	// SetIfMissing writes only where the key does not exist (NX).
	SetIfMissing SetIf = iota + 1
	// SetIfExists writes only where the key exists (XX).
	SetIfExists
	// SetIfVersion writes only where the key has the version of the options; a missing key has version 0.
	SetIfVersion
	// SetIfValue writes only where the comparison of the options holds.
	SetIfValue
)

// SetOptions are what SET and the gRPC service can ask beyond key and value.
type SetOptions struct {
	If SetIf
	// Version is compared by SetIfVersion, what the key holds with Compare by SetIfValue.
	Version uint64
	Compare *Comparison
	// Expiry of the key from now on. Not set means never, also where the key had one before.
	Expiry Expiry
	// ReturnPrevious asks for the value that the key had; it must then be a string.
	ReturnPrevious bool
}

// SetResult tells what Set did.
type SetResult struct {
	// Applied is false where the condition did not hold.
	Applied bool
	// Version of the change; 0 where nothing was written or the expiry had already passed.
	Version uint64
	// Existed tells whether the key existed before. It is set only where a condition, [Keep] or ReturnPrevious asked
	// Set to look.
	Existed bool
	// Previous is a copy of the value that the key had; nil unless ReturnPrevious asked for it and the key existed.
	Previous []byte
}

// Set gives a key a value of type string, whatever it held before. An expiry that has already passed deletes the key
// (redis.io/commands/set).
func Set(tx Tx, key, value []byte, opts SetOptions) (SetResult, error) {
	var result SetResult
	if opts == (SetOptions{}) {
		result.Applied = true
		result.Version = tx.Set(key, value, entry.TypeString, 0)
		return result, nil
	}
	if err := opts.Expiry.checkPositive(); err != nil {
		return result, err
	}
	var item store.Item
	if opts.looks() {
		item, result.Existed = tx.Get(key)
	}
	at, err := opts.Expiry.resolve(tx.Now(), item.ExpireAt)
	if err != nil {
		return result, err
	}
	if opts.ReturnPrevious && result.Existed {
		if item.Type != entry.TypeString {
			return result, ErrWrongType
		}
		result.Previous = clone(item.Value)
	}
	allowed, err := opts.allow(item, result.Existed)
	if err != nil || !allowed {
		return result, err
	}
	result.Applied = true
	if opts.Expiry.set() && at <= tx.Now() {
		tx.Delete(key)
		return result, nil
	}
	result.Version = tx.Set(key, value, entry.TypeString, at)
	return result, nil
}

// looks tells whether the options depend on what the key holds.
func (o *SetOptions) looks() bool {
	return o.If != 0 || o.ReturnPrevious || o.Expiry.kind == expiryKeep
}

// allow tells whether the condition holds.
func (o *SetOptions) allow(item store.Item, exists bool) (bool, error) {
	switch o.If {
	case SetIfMissing:
		return !exists, nil
	case SetIfExists:
		return exists, nil
	case SetIfVersion:
		return item.Version == o.Version, nil
	case SetIfValue:
		return o.Compare.holds(item, exists)
	}
	return true, nil
}

// SetAll gives keys, given as key, value, key, value, their values if the condition holds for all of them, and tells
// whether it wrote; SetIfMissing and SetIfExists are the conditions that it knows. Of a key given twice the last value stays
// (valkey.io/commands/msetex).
func SetAll(tx Tx, pairs [][]byte, opts SetOptions) (bool, error) {
	if err := opts.Expiry.checkPositive(); err != nil {
		return false, err
	}
	if _, err := opts.Expiry.resolve(tx.Now(), 0); err != nil {
		return false, err
	}
	for i := 0; i+1 < len(pairs) && opts.If != 0; i += 2 {
		if _, exists := tx.Peek(pairs[i]); exists != (opts.If == SetIfExists) {
			return false, nil
		}
	}
	for i := 0; i+1 < len(pairs); i += 2 {
		if _, err := Set(tx, pairs[i], pairs[i+1], SetOptions{Expiry: opts.Expiry}); err != nil {
			return false, err
		}
	}
	return true, nil
}

// MSet sets keys to values, given as key, value, key, value; of a key given twice the last value stays
// (redis.io/commands/mset).
func MSet(tx Tx, pairs [][]byte) {
	for i := 0; i+1 < len(pairs); i += 2 {
		tx.Set(pairs[i], pairs[i+1], entry.TypeString, 0)
	}
}

// MSetNX is MSet if none of the keys exists; it tells whether it wrote (redis.io/commands/msetnx).
func MSetNX(tx Tx, pairs [][]byte) bool {
	for i := 0; i+1 < len(pairs); i += 2 {
		if _, ok := tx.Get(pairs[i]); ok {
			return false
		}
	}
	MSet(tx, pairs)
	return true
}
