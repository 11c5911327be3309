package ops

import (
	"math"
	"strconv"

	"github.com/holtcache/holt/raftfsm/entry"
)

// IncrResult is a counter after its change.
type IncrResult struct {
	Value   int64
	Version uint64
}

// Incr adds delta to the integer that a key holds; a missing key counts as 0 and gets the initial expiry (not set
// means never), an existing one keeps its own (redis.io/commands/incrby).
func Incr(tx Tx, key []byte, delta int64, initial Expiry) (IncrResult, error) {
	item, ok, err := getString(tx, key)
	if err != nil {
		return IncrResult{}, err
	}
	var old int64
	expireAt := item.ExpireAt
	if ok {
		old, err = ParseInt(item.Value)
	} else {
		expireAt, err = newExpiry(tx, initial)
	}
	if err != nil {
		return IncrResult{}, err
	}
	if delta > 0 && old > math.MaxInt64-delta || delta < 0 && old < math.MinInt64-delta {
		return IncrResult{}, ErrOverflow
	}
	result := IncrResult{Value: old + delta}
	text := strconv.AppendInt(make([]byte, 0, integerBytesMax), result.Value, 10)
	result.Version = tx.Set(key, text, entry.TypeString, expireAt)
	return result, nil
}

// newExpiry is the expiry of a key that is about to be made. One that has already passed would delete it at once,
// so it is refused.
func newExpiry(tx Tx, initial Expiry) (int64, error) {
	if err := initial.checkPositive(); err != nil {
		return 0, err
	}
	at, err := initial.resolve(tx.Now(), 0)
	if err == nil && initial.set() && at <= tx.Now() {
		err = ErrExpiry
	}
	return at, err
}

// integerBytesMax is the length of the longest 64-bit integer, its sign included.
const integerBytesMax = 20

// ParseInt reads a 64-bit integer in its one shortest form: no space, no plus, no leading zero, no minus zero
// (Redis, util.c, string2ll).
func ParseInt(text []byte) (int64, error) {
	digits := text
	negative := len(text) > 0 && text[0] == '-'
	if negative {
		digits = text[1:]
	}
	if len(digits) == 0 || len(digits) >= integerBytesMax || digits[0] == '0' && len(text) > 1 {
		return 0, ErrNotInteger
	}
	var n uint64 // 19 digits always fit
	for _, c := range digits {
		if c < '0' || c > '9' {
			return 0, ErrNotInteger
		}
		n = n*10 + uint64(c-'0')
	}
	switch {
	case negative && n <= -math.MinInt64:
		return -int64(n), nil
	case !negative && n <= math.MaxInt64:
		return int64(n), nil
	}
	return 0, ErrNotInteger
}
