package ops

import "github.com/holtcache/holt/raftfsm/store"

// Rename gives what a key holds, with its expiry, to another key, whatever that held; to itself it changes nothing
// (redis.io/commands/rename).
func Rename(tx Tx, key, newKey []byte) error {
	item, ok := tx.Whole(key)
	if !ok {
		return ErrNoKey
	}
	if string(key) != string(newKey) {
		transfer(tx, newKey, item)
		tx.Delete(key)
	}
	return nil
}

// RenameNX is Rename if the other key does not exist; it tells whether it renamed (redis.io/commands/renamenx).
func RenameNX(tx Tx, key, newKey []byte) (bool, error) {
	item, ok := tx.Whole(key)
	if !ok {
		return false, ErrNoKey
	}
	if _, taken := tx.Peek(newKey); taken {
		return false, nil
	}
	transfer(tx, newKey, item)
	tx.Delete(key)
	return true, nil
}

// Copy gives a copy of what a key holds, with its expiry, to another key, and tells whether it did: not where the first
// does not exist, nor where the other does and is not to be replaced (redis.io/commands/copy). The keys differ.
func Copy(tx Tx, key, newKey []byte, replace bool) bool {
	item, ok := tx.Whole(key)
	if !ok {
		return false
	}
	if _, taken := tx.Peek(newKey); taken && !replace {
		return false
	}
	transfer(tx, newKey, item)
	return true
}

// transfer gives a key what an item says.
func transfer(tx Tx, key []byte, item store.Item) { tx.Set(key, item.Value, item.Type, item.ExpireAt) }
