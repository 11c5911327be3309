package ops

import (
	"github.com/holtcache/holt/raftfsm/entry"
)

// Delete deletes keys and returns how many existed (redis.io/commands/del, redis.io/commands/unlink).
func Delete(tx Tx, keys ...[]byte) int {
	deleted := 0
	for _, key := range keys {
		if tx.Delete(key) {
			deleted++
		}
	}
	return deleted
}

// Exists returns how many of keys exist; a key given twice counts twice (redis.io/commands/exists). It serves TOUCH
// as well: reading a key is what stamps its access (redis.io/commands/touch).
func Exists(r Reader, keys ...[]byte) int {
	found := 0
	for _, key := range keys {
		if _, ok := r.Get(key); ok {
			found++
		}
	}
	return found
}

// Type returns the type of what a key holds, 0 where it does not exist (redis.io/commands/type).
func Type(r Reader, key []byte) entry.Type {
	item, ok := r.Get(key)
	if !ok {
		return 0
	}
	return item.Type
}

// Encoding names how Redis would keep a string of these bytes: "int", "embstr" or "raw"
// (redis.io/commands/object-encoding).
func Encoding(r Reader, key []byte) (string, bool, error) {
	item, ok, err := getString(r, key)
	if err != nil || !ok {
		return "", false, err
	}
	if _, err := ParseInt(item.Value); err == nil {
		return "int", true, nil
	}
	if len(item.Value) <= embeddedBytesMax {
		return "embstr", true, nil
	}
	return "raw", true, nil
}

// embeddedBytesMax is what fits into one allocation of 64 bytes together with its header (Redis, object.c,
// OBJ_ENCODING_EMBSTR_SIZE_LIMIT).
const embeddedBytesMax = 44
