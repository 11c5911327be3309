package rdb

import (
	"encoding/binary"
	"errors"
	"math"
	"strconv"
)

const (
	// Version is the version that dumps are written in: that of Redis 7.0.
	Version = 10
	// VersionMax is the newest version that is read: that of Redis 8, whose strings are the same.
	VersionMax = 12

	typeString = 0
	// footerBytes is the length of version and checksum.
	footerBytes = 2 + 8
)

var (
	// ErrChecksum means that a dump is not whole, or of a version that is not known.
	ErrChecksum = errors.New("version or checksum are wrong")
	// ErrFormat means that a dump holds no value that can be read.
	ErrFormat = errors.New("bad data format")
)

// AppendString appends the dump of a string.
func AppendString(dst, value []byte) []byte {
	from := len(dst)
	dst = appendString(append(dst, typeString), value)
	dst = binary.LittleEndian.AppendUint16(dst, Version)
	return binary.LittleEndian.AppendUint64(dst, checksum(dst[from:]))
}

// appendString appends a string; one that is a 32-bit integer is packed as such (Redis, rdb.c, rdbTryIntegerEncoding).
func appendString(dst, value []byte) []byte {
	if n, ok := shortInteger(value); ok {
		switch {
		case n == int64(int8(n)):
			return append(dst, lengthPacked|packedInt8, byte(n))
		case n == int64(int16(n)):
			return binary.LittleEndian.AppendUint16(append(dst, lengthPacked|packedInt16), uint16(n))
		}
		return binary.LittleEndian.AppendUint32(append(dst, lengthPacked|packedInt32), uint32(n))
	}
	return append(appendLength(dst, len(value)), value...)
}

// shortInteger reads a 32-bit integer in its one shortest form.
func shortInteger(value []byte) (n int64, ok bool) {
	const longest = len("-2147483648")
	if len(value) == 0 || len(value) > longest {
		return 0, false
	}
	n, err := strconv.ParseInt(string(value), 10, 32)
	var text [longest + 1]byte
	return n, err == nil && string(strconv.AppendInt(text[:0], n, 10)) == string(value)
}

// ReadString returns the string that a dump holds.
func ReadString(dump []byte, bytesMax int) ([]byte, error) {
	if len(dump) < footerBytes {
		return nil, ErrChecksum
	}
	body, footer := dump[:len(dump)-footerBytes], dump[len(dump)-footerBytes:]
	sum := binary.LittleEndian.Uint64(footer[2:])
	if binary.LittleEndian.Uint16(footer) > VersionMax || checksum(dump[:len(dump)-8]) != sum {
		return nil, ErrChecksum
	}
	r := reader{rest: body}
	if r.byte() != typeString {
		return nil, ErrFormat
	}
	value := r.string(bytesMax)
	if r.bad {
		return nil, ErrFormat
	}
	return value, nil
}

func (r *reader) string(bytesMax int) []byte {
	n, packed := r.length()
	if !packed {
		return r.take(n)
	}
	switch n {
	case packedInt8:
		if b := r.take(1); b != nil {
			return strconv.AppendInt(nil, int64(int8(b[0])), 10)
		}
	case packedInt16:
		if b := r.take(2); b != nil {
			return strconv.AppendInt(nil, int64(int16(binary.LittleEndian.Uint16(b))), 10)
		}
	case packedInt32:
		if b := r.take(4); b != nil {
			return strconv.AppendInt(nil, int64(int32(binary.LittleEndian.Uint32(b))), 10)
		}
	case packedLZF:
		return r.expand(bytesMax)
	default:
		r.bad = true
	}
	return nil
}

// expand reads a compressed string. One that would be too long is cut, so that the caller finds it too long.
func (r *reader) expand(bytesMax int) []byte {
	packedLength, oddA := r.length()
	length, oddB := r.length()
	packed := r.take(packedLength)
	if r.bad || oddA || oddB || length > math.MaxInt32 {
		r.bad = true
		return nil
	}
	if int(length) > packedBytesMax(len(packed)) {
		r.bad = true
		return nil
	}
	if int(length) > bytesMax {
		return make([]byte, bytesMax+1)
	}
	data, ok := expandLZF(packed, int(length))
	r.bad = !ok
	return data
}
