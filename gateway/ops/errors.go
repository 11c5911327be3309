package ops

import "github.com/holtcache/holt/proto/apierr"

// The errors that operations answer again and again. Their texts are those of Redis 7.
var (
	// ErrWrongType means that the key holds something else than the command is about.
	ErrWrongType = apierr.New(apierr.KindWrongType, "Operation against a key holding the wrong kind of value")
	// ErrNoKey means that a key does not exist which has to.
	ErrNoKey = apierr.New(apierr.KindNotFound, "no such key")
	// ErrNotInteger means that a text is not a 64-bit integer in its shortest form.
	ErrNotInteger = apierr.New(apierr.KindInvalid, "value is not an integer or out of range")
	// ErrNotFloat means that a text is not a finite or infinite decimal number.
	ErrNotFloat = apierr.New(apierr.KindInvalid, "value is not a valid float")
	// ErrOverflow means that a sum does not fit into 64 bits.
	ErrOverflow = apierr.New(apierr.KindInvalid, "increment or decrement would overflow")
	// ErrNotFinite means that a floating point sum has no finite value.
	ErrNotFinite = apierr.New(apierr.KindInvalid, "increment would produce NaN or Infinity")
	// ErrFieldNotInteger and ErrFieldNotFloat are the same of what a field holds.
	ErrFieldNotInteger = apierr.New(apierr.KindInvalid, "hash value is not an integer")
	ErrFieldNotFloat   = apierr.New(apierr.KindInvalid, "hash value is not a float")
	// ErrInfinite means that an increment has no finite value.
	ErrInfinite = apierr.New(apierr.KindInvalid, "value is NaN or Infinity")
	// ErrOffset means that a write would begin before the start of the value.
	ErrOffset = apierr.New(apierr.KindInvalid, "offset is out of range")
	// ErrExpiry means that a TTL or an expiry is not positive, or beyond what 64 bits of milliseconds can say. RESP
	// adds the name of the command to it.
	ErrExpiry = apierr.New(apierr.KindInvalid, "invalid expire time")
	// ErrValueTooLarge means that a value is over [Limits.ValueBytesMax].
	ErrValueTooLarge = apierr.New(apierr.KindTooLarge, "string exceeds maximum allowed size (proto-max-bulk-len)")
)
