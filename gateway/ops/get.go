package ops

import (
	"github.com/holtcache/holt/raftfsm/entry"
	"github.com/holtcache/holt/raftfsm/store"
)

// getString returns the item of a key that must hold a string; its value is lent.
func getString(r Reader, key []byte) (store.Item, bool, error) {
	item, ok := r.Get(key)
	if ok && item.Type != entry.TypeString {
		return store.Item{}, false, ErrWrongType
	}
	return item, ok, nil
}

// clone copies a lent value; the copy of an empty value is empty, not nil.
func clone(value []byte) []byte {
	return append(make([]byte, 0, len(value)), value...)
}

// Get returns what a key holds, its value copied, and false where the key does not exist
// (redis.io/commands/get).
func Get(r Reader, key []byte) (store.Item, bool, error) {
	item, ok, err := getString(r, key)
	if ok {
		item.Value = clone(item.Value)
	}
	return item, ok, err
}

// MGet returns copies of the values of keys; nil stands for a key that does not exist or does not hold a string
// (redis.io/commands/mget).
func MGet(r Reader, keys [][]byte) [][]byte {
	values := make([][]byte, len(keys))
	for i, key := range keys {
		if item, ok := r.Get(key); ok && item.Type == entry.TypeString {
			values[i] = clone(item.Value)
		}
	}
	return values
}

// StrLen returns the length of a value, 0 where the key does not exist (redis.io/commands/strlen).
func StrLen(r Reader, key []byte) (int, error) {
	item, _, err := getString(r, key)
	return len(item.Value), err
}

// GetRange returns a copy of the bytes from start to end, both included; negative positions count from the end
// (redis.io/commands/getrange).
func GetRange(r Reader, key []byte, start, end int64) ([]byte, error) {
	item, ok, err := getString(r, key)
	if err != nil || !ok || start < 0 && end < 0 && start > end {
		return nil, err
	}
	length := int64(len(item.Value))
	start, end = fromEnd(start, length), min(fromEnd(end, length), length-1)
	if start > end {
		return nil, nil
	}
	return clone(item.Value[start : end+1]), nil
}

// fromEnd turns a negative position into one from the start; what lies before the start becomes the start.
func fromEnd(position, length int64) int64 {
	if position < 0 {
		position += length
	}
	return max(position, 0)
}

// GetDel deletes a key and returns the value that it had (redis.io/commands/getdel).
func GetDel(tx Tx, key []byte) ([]byte, bool, error) {
	item, ok, err := Get(tx, key)
	if ok {
		tx.Delete(key)
	}
	return item.Value, ok, err
}

// GetEx returns the value of a key and changes its expiry: an instant that has passed deletes the key, [Never] takes
// the expiry away, [Keep] and the zero Expiry leave it alone (redis.io/commands/getex).
func GetEx(tx Tx, key []byte, expiry Expiry) ([]byte, bool, error) {
	item, ok, err := Get(tx, key)
	if err != nil || !ok {
		return nil, false, err
	}
	if err := expiry.checkPositive(); err != nil {
		return nil, false, err
	}
	at, err := expiry.resolve(tx.Now(), item.ExpireAt)
	if err != nil {
		return nil, false, err
	}
	switch {
	case expiry.set():
		tx.Expire(key, at)
	case expiry.kind == expiryNever && item.ExpireAt != 0:
		tx.Expire(key, 0)
	}
	return item.Value, true, nil
}
