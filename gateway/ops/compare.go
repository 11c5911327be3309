package ops

import (
	"fmt"

	"github.com/holtcache/holt/gateway/ops/xxh3"
	"github.com/holtcache/holt/raftfsm/entry"
	"github.com/holtcache/holt/raftfsm/store"
)

// Comparison is a condition on the string that a key holds.
type Comparison struct {
	// Unequal demands that it differs from Value: a missing key does.
	Unequal bool
	// Digest tells that Value is a digest, in lower case, and is compared with that of the string.
	Digest bool
	Value  []byte
}

// holds tells whether the condition holds for an item.
func (c *Comparison) holds(item store.Item, exists bool) (bool, error) {
	if !exists {
		return c.Unequal, nil
	}
	if item.Type != entry.TypeString {
		return false, ErrWrongType
	}
	equal := string(item.Value) == string(c.Value)
	if c.Digest {
		equal = digestOf(item.Value) == string(c.Value)
	}
	return equal != c.Unequal, nil
}

// DigestBytes is the length of a digest: hexadecimal digits.
const DigestBytes = 16

func digestOf(value []byte) string { return fmt.Sprintf("%016x", xxh3.Sum64(value)) }

// Digest returns the digest of a value, false where the key does not exist (redis.io/commands/digest).
func Digest(r Reader, key []byte) (string, bool, error) {
	item, ok, err := getString(r, key)
	if err != nil || !ok {
		return "", false, err
	}
	return digestOf(item.Value), true, nil
}

// DeleteIf deletes a key if a condition holds for what it holds, and tells whether it did; nil always holds
// (redis.io/commands/delex, valkey.io/commands/delifeq).
func DeleteIf(tx Tx, key []byte, condition *Comparison) (bool, error) {
	if condition == nil {
		return tx.Delete(key), nil
	}
	item, ok := tx.Get(key)
	if !ok {
		return false, nil
	}
	holds, err := condition.holds(item, true)
	if err != nil || !holds {
		return false, err
	}
	return tx.Delete(key), nil
}
