package ops

import (
	"math"

	"github.com/holtcache/holt/gateway/ops/rdb"
	"github.com/holtcache/holt/proto/apierr"
	"github.com/holtcache/holt/raftfsm/entry"
)

// The errors of Restore; their texts are those of Redis.
var (
	// ErrDumpChecksum means that a dump is damaged, or of a version that is not known.
	ErrDumpChecksum = apierr.New(apierr.KindInvalid, "DUMP payload version or checksum are wrong")
	// ErrDumpFormat means that a dump holds no value that can be read.
	ErrDumpFormat = apierr.New(apierr.KindInvalid, "Bad data format")
	// ErrKeyTaken means that a key exists which must not. RESP has a word of its own for it.
	ErrKeyTaken = apierr.New(apierr.KindExists, "Target key name already exists.")
)

// Dump returns what a key holds in the form of Redis (redis.io/commands/dump).
func Dump(r Reader, key []byte) ([]byte, bool) {
	item, ok := r.Get(key)
	if !ok {
		return nil, false
	}
	if item.Type == entry.TypeString {
		return rdb.AppendString(make([]byte, 0, len(item.Value)+16), item.Value), true
	}
	fields := func(yield func(name, value []byte) bool) { r.EachField(key, yield) }
	if hashEncoding(r, key) == encodingListpack {
		return rdb.AppendSmallHash(nil, fields), true
	}
	return rdb.AppendHash(nil, r.FieldCount(key), fields), true
}

// RestoreOptions are what RESTORE can ask beyond key and dump.
type RestoreOptions struct {
	// TTL is how long the key lives, or its expiry with Absolute, in milliseconds; 0 means forever.
	TTL      int64
	Absolute bool
	// Replace takes the place of a key that exists; otherwise that is an error.
	Replace bool
}

// Restore gives a key the value of a dump; a hash may take as much in all as a value. An expiry that has already passed deletes the key
// (redis.io/commands/restore).
func Restore(tx Tx, limits Limits, key, dump []byte, opts RestoreOptions) error {
	if _, taken := tx.Peek(key); taken && !opts.Replace {
		return ErrKeyTaken
	}
	value, typ, err := rdb.Read(dump, limits.ValueBytesMax)
	switch {
	case err == rdb.ErrChecksum:
		return ErrDumpChecksum
	case err == rdb.ErrTooLarge:
		return ErrValueTooLarge
	case err != nil:
		return ErrDumpFormat
	}
	at := opts.TTL
	if at != 0 && !opts.Absolute {
		if at > math.MaxInt64-tx.Now() {
			return ErrExpiry
		}
		at += tx.Now()
	}
	if at != 0 && at <= tx.Now() {
		tx.Delete(key)
		return nil
	}
	tx.Set(key, value, typ, at)
	return nil
}
