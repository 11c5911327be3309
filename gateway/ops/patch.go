package ops

import "github.com/holtcache/holt/raftfsm/entry"

// patchBytesMin is the length from which on a value is patched rather than set anew: below it, copying the whole
// value costs less than one more kind of effect to compose; above it, the log would carry the value again and again.
const patchBytesMin = 4 << 10

// PatchResult is a value after a part of it was written.
type PatchResult struct {
	// Length of the whole value, in bytes.
	Length int
	// Version of the change; 0 where nothing was written.
	Version uint64
}

// Append adds data at the end of a value; a missing key counts as empty and is made, also by empty data. The key
// keeps its expiry (redis.io/commands/append).
func Append(tx Tx, limits Limits, key, data []byte) (PatchResult, error) {
	item, ok, err := getString(tx, key)
	if err != nil {
		return PatchResult{}, err
	}
	if ok && len(data) == 0 {
		return PatchResult{Length: len(item.Value)}, nil
	}
	return write(tx, limits, key, item.Value, len(item.Value), data, item.ExpireAt)
}

// SetRange overwrites a value from offset on, with zero bytes between its old end and offset. Empty data changes
// nothing and makes no key. The key keeps its expiry (redis.io/commands/setrange).
func SetRange(tx Tx, limits Limits, key []byte, offset int64, data []byte) (PatchResult, error) {
	if offset < 0 {
		return PatchResult{}, ErrOffset
	}
	item, _, err := getString(tx, key)
	if err != nil {
		return PatchResult{}, err
	}
	if len(data) == 0 {
		return PatchResult{Length: len(item.Value)}, nil
	}
	if offset > int64(limits.ValueBytesMax) {
		return PatchResult{}, ErrValueTooLarge
	}
	return write(tx, limits, key, item.Value, int(offset), data, item.ExpireAt)
}

// write puts data into the value old of key at offset.
func write(tx Tx, limits Limits, key, old []byte, offset int, data []byte, expireAt int64) (PatchResult, error) {
	if len(data) > limits.ValueBytesMax-offset {
		return PatchResult{}, ErrValueTooLarge
	}
	result := PatchResult{Length: max(len(old), offset+len(data))}
	if len(old) < patchBytesMin {
		value := make([]byte, result.Length)
		copy(value, old)
		copy(value[offset:], data)
		result.Version = tx.Set(key, value, entry.TypeString, expireAt)
		return result, nil
	}
	if gap := offset - len(old); gap > 0 {
		data = append(make([]byte, gap, gap+len(data)), data...)
		offset = len(old)
	}
	result.Version = tx.Patch(key, offset, data)
	return result, nil
}
