package ops

import (
	"math"
	"time"
)

type expiryKind uint8

const (
	expiryNever expiryKind = iota + 1
	expiryKeep
	expiryIn
	expiryAt
)

// Expiry says what becomes of a key's expiry. The zero value means "not set": each operation says what it does then.
type Expiry struct {
	kind expiryKind
	ms   int64
}

// Never takes the expiry away.
func Never() Expiry { return Expiry{kind: expiryNever} }

// Keep leaves the expiry as it is.
func Keep() Expiry { return Expiry{kind: expiryKeep} }

// In lets the key expire this many milliseconds after the shard's now.
func In(milliseconds int64) Expiry { return Expiry{expiryIn, milliseconds} }

// After is In for a duration. A part of a millisecond counts as a whole one.
func After(ttl time.Duration) Expiry {
	ms := int64(ttl / time.Millisecond)
	if ttl%time.Millisecond > 0 {
		ms++
	}
	return In(ms)
}

// At lets the key expire at an instant, in milliseconds since the Unix epoch.
func At(unixMilliseconds int64) Expiry { return Expiry{expiryAt, unixMilliseconds} }

// set tells whether the expiry is an instant, absolute or relative to now.
func (e Expiry) set() bool { return e.kind == expiryIn || e.kind == expiryAt }

// checkPositive refuses what SET and its relatives refuse: a TTL or an instant that is not positive.
func (e Expiry) checkPositive() error {
	if e.set() && e.ms <= 0 {
		return ErrExpiry
	}
	return nil
}

// resolve turns the expiry into an instant; 0 means never. current is the key's expiry so far.
func (e Expiry) resolve(now, current int64) (int64, error) {
	switch e.kind {
	case expiryKeep:
		return current, nil
	case expiryAt:
		return e.ms, nil
	case expiryIn:
		if e.ms > math.MaxInt64-now {
			return 0, ErrExpiry
		}
		return now + e.ms, nil
	}
	return 0, nil
}
