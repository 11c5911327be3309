package ops

import "github.com/holtcache/holt/proto/apierr"

const (
	// ValueBytesDefault bounds a value where nothing else is said: it has to fit into one log entry of one batch.
	ValueBytesDefault = 8 << 20
	// KeyBytesDefault bounds a key where nothing else is said: a key is kept whole in memory, log and overlay.
	KeyBytesDefault = 64 << 10
)

// Limits bounds what one key and its value may take. Zero means the default.
type Limits struct {
	ValueBytesMax int
	KeyBytesMax   int
}

// WithDefaults fills what is not set.
func (l Limits) WithDefaults() Limits {
	if l.ValueBytesMax <= 0 {
		l.ValueBytesMax = ValueBytesDefault
	}
	if l.KeyBytesMax <= 0 {
		l.KeyBytesMax = KeyBytesDefault
	}
	return l
}

// CheckKey refuses a key over the limit.
func (l Limits) CheckKey(key []byte) error {
	if len(key) > l.KeyBytesMax {
		return apierr.New(apierr.KindTooLarge, "key of %d bytes exceeds maximum allowed size (max-key-bytes %d)", len(key), l.KeyBytesMax)
	}
	return nil
}

// CheckValue refuses a value over the limit.
func (l Limits) CheckValue(value []byte) error {
	if len(value) > l.ValueBytesMax {
		return ErrValueTooLarge
	}
	return nil
}
