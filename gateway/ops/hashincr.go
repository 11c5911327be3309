package ops

import (
	"math"
	"math/big"
	"strconv"

	"github.com/holtcache/holt/raftfsm/entry"
)

// HIncrBy adds delta to the integer that a field holds; a missing one counts as 0 (redis.io/commands/hincrby).
func HIncrBy(tx Tx, key, field []byte, delta int64) (int64, error) {
	text, ok, err := fieldOf(tx, key, field)
	if err != nil {
		return 0, err
	}
	var old int64
	if ok {
		if old, err = ParseInt(text); err != nil {
			return 0, ErrFieldNotInteger
		}
	}
	if delta > 0 && old > math.MaxInt64-delta || delta < 0 && old < math.MinInt64-delta {
		return 0, ErrOverflow
	}
	tx.SetField(key, entry.TypeHash, field, strconv.AppendInt(make([]byte, 0, integerBytesMax), old+delta, 10))
	return old + delta, nil
}

// HIncrByFloat adds delta to the number that a field holds, a missing one counting as 0, and returns the number as it is stored
// (redis.io/commands/hincrbyfloat).
func HIncrByFloat(tx Tx, key, field []byte, delta *big.Float) ([]byte, error) {
	if delta.IsInf() {
		return nil, ErrInfinite
	}
	text, ok, err := fieldOf(tx, key, field)
	if err != nil {
		return nil, err
	}
	old := new(big.Float)
	if ok {
		if old, err = ParseFloat(text); err != nil {
			return nil, ErrFieldNotFloat
		}
	}
	sum, err := addFloat(old, delta)
	if err == nil {
		tx.SetField(key, entry.TypeHash, field, sum)
	}
	return sum, err
}

// fieldOf is the value of a field of a key that holds a hash if it exists.
func fieldOf(r Reader, key, field []byte) (value []byte, ok bool, err error) {
	ok, err = hasHash(r, key)
	if err != nil || !ok {
		return nil, false, err
	}
	value, ok = r.Field(key, field)
	return value, ok, nil
}
