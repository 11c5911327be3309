package rdb

import (
	"encoding/binary"
	"math"
	"strconv"
)

// appendString appends a string; one that is a 32-bit integer is packed as such (Redis, rdb.c, rdbTryIntegerEncoding).
func appendString(dst, value []byte) []byte {
	if n, ok := integer(value); ok && n == int64(int32(n)) {
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

// string reads a string.
func (r *reader) string() []byte {
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
		return r.expand()
	default:
		r.bad = true
	}
	return nil
}

// expand reads a compressed string.
func (r *reader) expand() []byte {
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
	if int(length) > r.bytesMax {
		r.large, r.bad = true, true
		return nil
	}
	data, ok := expandLZF(packed, int(length))
	r.bad = !ok
	return data
}
