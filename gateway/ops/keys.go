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

// Exists returns how many of keys exist; a key given twice counts twice (redis.io/commands/exists). It is no use of them.
func Exists(r Reader, keys ...[]byte) int {
	found := 0
	for _, key := range keys {
		if _, ok := r.Peek(key); ok {
			found++
		}
	}
	return found
}

// Touch is Exists, and a use of the keys (redis.io/commands/touch).
func Touch(r Reader, keys ...[]byte) int {
	found := 0
	for _, key := range keys {
		if _, ok := r.Get(key); ok {
			found++
		}
	}
	return found
}

// Type returns the type of what a key holds, 0 where it does not exist (redis.io/commands/type). It is no use of it.
func Type(r Reader, key []byte) entry.Type {
	item, ok := r.Peek(key)
	if !ok {
		return 0
	}
	return item.Type
}

// Encoding names how Redis would keep a string of these bytes, "int", "embstr" or "raw", or a hash of these fields, "listpack" or
// "hashtable" (redis.io/commands/object-encoding). Redis keeps a hash that was ever too large for a listpack as a hashtable, and what APPEND and SETRANGE have made as "raw", however short it is; here
// nobody remembers how a value came to be. It is no use of the key.
func Encoding(r Reader, key []byte) (string, bool, error) {
	item, ok := r.Peek(key)
	switch {
	case !ok:
		return "", false, nil
	case item.Type == entry.TypeHash:
		return hashEncoding(r, key), true, nil
	case item.Type != entry.TypeString:
		return "", false, ErrWrongType
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
