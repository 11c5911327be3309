package rdb

import (
	"encoding/binary"
	"errors"
	"iter"

	"github.com/holtcache/holt/raftfsm/entry"
)

const (
	// Version is the version that dumps are written in: that of Redis 7.0.
	Version = 10
	// VersionMax is the newest version that is read: that of Redis 8, whose strings and hashes are the same.
	VersionMax = 12

	// footerBytes is the length of version and checksum.
	footerBytes = 2 + 8
)

// The types of values (Redis, rdb.h).
const (
	typeString       = 0
	typeHash         = 4
	typeHashZiplist  = 13
	typeHashListpack = 16
)

var (
	// ErrChecksum means that a dump is not whole, or of a version that is not known.
	ErrChecksum = errors.New("version or checksum are wrong")
	// ErrFormat means that a dump holds no value that can be read.
	ErrFormat = errors.New("bad data format")
	// ErrTooLarge means that a dump holds a value over the limit.
	ErrTooLarge = errors.New("value over the limit")
)

// AppendString appends the dump of a string.
func AppendString(dst, value []byte) []byte {
	from := len(dst)
	return seal(appendString(append(dst, typeString), value), from)
}

// AppendSmallHash appends the dump of a hash, given as names and values, as Redis dumps those which it keeps as a listpack.
func AppendSmallHash(dst []byte, fields iter.Seq2[[]byte, []byte]) []byte {
	from := len(dst)
	return seal(appendString(append(dst, typeHashListpack), appendListpack(nil, fields)), from)
}

// AppendHash appends the dump of any other hash, of so many fields.
func AppendHash(dst []byte, count int, fields iter.Seq2[[]byte, []byte]) []byte {
	from := len(dst)
	dst = appendLength(append(dst, typeHash), count)
	for name, value := range fields {
		dst = appendString(appendString(dst, name), value)
	}
	return seal(dst, from)
}

// seal appends version and checksum to the dump that begins there.
func seal(dst []byte, from int) []byte {
	dst = binary.LittleEndian.AppendUint16(dst, Version)
	return binary.LittleEndian.AppendUint64(dst, checksum(dst[from:]))
}

// Read returns the value that a dump holds: a string, or the fields of a hash, packed. It is at most bytesMax long.
func Read(dump []byte, bytesMax int) (value []byte, typ entry.Type, err error) {
	if len(dump) < footerBytes {
		return nil, 0, ErrChecksum
	}
	body, footer := dump[:len(dump)-footerBytes], dump[len(dump)-footerBytes:]
	sum := binary.LittleEndian.Uint64(footer[2:])
	if binary.LittleEndian.Uint16(footer) > VersionMax || checksum(dump[:len(dump)-8]) != sum {
		return nil, 0, ErrChecksum
	}
	r := reader{rest: body, bytesMax: bytesMax}
	switch r.byte() {
	case typeString:
		value, typ = r.string(), entry.TypeString
	case typeHash:
		value, typ = r.hash(), entry.TypeHash
	case typeHashListpack:
		value, typ = r.packedHash((*reader).listpack), entry.TypeHash
	case typeHashZiplist:
		value, typ = r.packedHash((*reader).ziplist), entry.TypeHash
	default:
		r.bad = true
	}
	switch {
	case r.large || !r.bad && len(value) > bytesMax:
		return nil, 0, ErrTooLarge
	case r.bad:
		return nil, 0, ErrFormat
	}
	return value, typ, nil
}
