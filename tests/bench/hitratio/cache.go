package hitratio

import "context"

// cache is a system that is played to.
type cache interface {
	// Round asks for keys, then writes those that it has not found.
	Round(ctx context.Context, keys []uint32) (hits int, err error)
	// Held is how many keys it holds.
	Held(ctx context.Context) (int, error)
	Close() error
}

// valueBytes is the size of each value.
const valueBytes = 64
