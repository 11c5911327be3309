package ops

// ExpireIf is a set of conditions, all of which must hold for Expire to change anything. The zero value demands nothing.
type ExpireIf uint8

const (
	// ExpireIfNone demands that the key has no expiry (NX).
	ExpireIfNone ExpireIf = 1 << iota
	// ExpireIfSome demands that the key has an expiry (XX).
	ExpireIfSome
	// ExpireIfLater demands that the new expiry is later than the current one; none is later than any (GT).
	ExpireIfLater
	// ExpireIfEarlier demands that the new expiry is earlier than the current one; any is earlier than none (LT).
	ExpireIfEarlier
)

// Expire changes the expiry of a key and tells whether it did. An instant that has passed deletes the key; [Never],
// [Keep] and the zero Expiry are refused (redis.io/commands/expire, redis.io/commands/pexpireat).
func Expire(tx Tx, key []byte, expiry Expiry, conditions ExpireIf) (bool, error) {
	if !expiry.set() {
		return false, ErrExpiry
	}
	now := tx.Now()
	at, err := expiry.resolve(now, 0)
	if err != nil {
		return false, err
	}
	item, ok := tx.Get(key)
	if !ok || !conditions.allow(at, item.ExpireAt) {
		return false, nil
	}
	if at <= now {
		return tx.Delete(key), nil
	}
	return tx.Expire(key, at), nil
}

// allow tells whether the conditions hold; current is 0 where the key has no expiry.
func (c ExpireIf) allow(at, current int64) bool {
	switch {
	case c&ExpireIfNone != 0 && current != 0:
	case c&ExpireIfSome != 0 && current == 0:
	case c&ExpireIfLater != 0 && (current == 0 || at <= current):
	case c&ExpireIfEarlier != 0 && current != 0 && at >= current:
	default:
		return true
	}
	return false
}

// Persist takes the expiry of a key away and tells whether it had one (redis.io/commands/persist).
func Persist(tx Tx, key []byte) bool {
	item, ok := tx.Get(key)
	return ok && item.ExpireAt != 0 && tx.Expire(key, 0)
}

const (
	// TTLMissing is the answer of TTL and ExpireTime for a key that does not exist.
	TTLMissing = -2
	// TTLNone is their answer for a key that never expires.
	TTLNone = -1
)

// ExpireTime returns the instant at which a key expires, in milliseconds since the Unix epoch, or [TTLMissing] or
// [TTLNone] (redis.io/commands/pexpiretime). It is no use of the key.
func ExpireTime(r Reader, key []byte) int64 {
	item, ok := r.Peek(key)
	switch {
	case !ok:
		return TTLMissing
	case item.ExpireAt == 0:
		return TTLNone
	}
	return item.ExpireAt
}

// TTL returns the remaining milliseconds of a key, or [TTLMissing] or [TTLNone] (redis.io/commands/pttl).
func TTL(r Reader, key []byte) int64 {
	at := ExpireTime(r, key)
	if at < 0 {
		return at
	}
	return max(at-r.Now(), 0)
}
