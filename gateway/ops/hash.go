package ops

import "github.com/holtcache/holt/raftfsm/entry"

// hasHash tells whether a key exists, which must hold a hash then.
func hasHash(r Reader, key []byte) (bool, error) {
	typ, ok := r.Kind(key)
	if ok && typ != entry.TypeHash {
		return false, ErrWrongType
	}
	return ok, nil
}

// HSet sets fields to values, given as field, value, field, value, and returns how many fields are new; of a field given twice the
// last value stays. A missing key is made, an existing one keeps its expiry (redis.io/commands/hset).
func HSet(tx Tx, key []byte, pairs [][]byte) (created int, err error) {
	if _, err := hasHash(tx, key); err != nil {
		return 0, err
	}
	for i := 0; i+1 < len(pairs); i += 2 {
		if tx.SetField(key, entry.TypeHash, pairs[i], pairs[i+1]) {
			created++
		}
	}
	return created, nil
}

// HSetNX is HSet of one field if that does not exist; it tells whether it set it (redis.io/commands/hsetnx).
func HSetNX(tx Tx, key, field, value []byte) (bool, error) {
	ok, err := hasHash(tx, key)
	if err != nil {
		return false, err
	}
	if ok {
		if _, exists := tx.Field(key, field); exists {
			return false, nil
		}
	}
	tx.SetField(key, entry.TypeHash, field, value)
	return true, nil
}

// HDel takes fields out of a hash and returns how many there were. The last one takes the key with it
// (redis.io/commands/hdel).
func HDel(tx Tx, key []byte, fields ...[]byte) (deleted int, err error) {
	ok, err := hasHash(tx, key)
	if err != nil || !ok {
		return 0, err
	}
	for _, field := range fields {
		if tx.DeleteField(key, field) {
			deleted++
		}
	}
	return deleted, nil
}

// HGet returns a copy of the value of a field, false where field or key do not exist (redis.io/commands/hget).
func HGet(r Reader, key, field []byte) ([]byte, bool, error) {
	ok, err := hasHash(r, key)
	if err != nil || !ok {
		return nil, false, err
	}
	value, ok := r.Field(key, field)
	if !ok {
		return nil, false, nil
	}
	return clone(value), true, nil
}

// HMGet returns copies of the values of fields; nil stands for one that does not exist (redis.io/commands/hmget).
func HMGet(r Reader, key []byte, fields [][]byte) ([][]byte, error) {
	values := make([][]byte, len(fields))
	ok, err := hasHash(r, key)
	if err != nil || !ok {
		return values, err
	}
	for i, field := range fields {
		if value, ok := r.Field(key, field); ok {
			values[i] = clone(value)
		}
	}
	return values, nil
}

// HStrLen returns the length of the value of a field, 0 where it does not exist (redis.io/commands/hstrlen).
func HStrLen(r Reader, key, field []byte) (int, error) {
	ok, err := hasHash(r, key)
	if err != nil || !ok {
		return 0, err
	}
	value, _ := r.Field(key, field)
	return len(value), nil
}

// HExists tells whether a field exists (redis.io/commands/hexists).
func HExists(r Reader, key, field []byte) (bool, error) {
	ok, err := hasHash(r, key)
	if err != nil || !ok {
		return false, err
	}
	_, ok = r.Field(key, field)
	return ok, nil
}

// HLen returns the number of fields, 0 where the key does not exist (redis.io/commands/hlen).
func HLen(r Reader, key []byte) (int, error) {
	ok, err := hasHash(r, key)
	if err != nil || !ok {
		return 0, err
	}
	return r.FieldCount(key), nil
}

// HEach gives copies of all fields with their values (redis.io/commands/hgetall).
func HEach(r Reader, key []byte, yield func(field, value []byte)) error {
	ok, err := hasHash(r, key)
	if err != nil || !ok {
		return err
	}
	r.EachField(key, func(field, value []byte) bool {
		yield(clone(field), clone(value))
		return true
	})
	return nil
}

const (
	// listpackFieldsMax and listpackBytesMax are up to what Redis keeps a hash as a listpack (redis.conf,
	// hash-max-listpack-entries and hash-max-listpack-value).
	listpackFieldsMax = 512
	listpackBytesMax  = 64
)

// How Redis calls the two.
const (
	encodingListpack  = "listpack"
	encodingHashTable = "hashtable"
)

func hashEncoding(r Reader, key []byte) string {
	large := r.FieldCount(key) > listpackFieldsMax
	if !large {
		r.EachField(key, func(field, value []byte) bool {
			large = max(len(field), len(value)) > listpackBytesMax
			return !large
		})
	}
	if large {
		return encodingHashTable
	}
	return encodingListpack
}
