package rdb

import "encoding/binary"

// The first two bits of a length (Redis, rdb.h).
const (
	length6      = 0x00
	length14     = 0x40
	length32     = 0x80
	length64     = 0x81
	lengthPacked = 0xC0 // what follows is no length: an integer, or a compressed string
)

// The forms of strings that are packed.
const (
	packedInt8  = 0
	packedInt16 = 1
	packedInt32 = 2
	packedLZF   = 3
)

func appendLength(dst []byte, n int) []byte {
	switch {
	case n < 1<<6:
		return append(dst, byte(n))
	case n < 1<<14:
		return append(dst, length14|byte(n>>8), byte(n))
	case n < 1<<32:
		return binary.BigEndian.AppendUint32(append(dst, length32), uint32(n))
	}
	return binary.BigEndian.AppendUint64(append(dst, length64), uint64(n))
}

// reader takes a value apart; after an error it gives nothing.
type reader struct {
	rest []byte
	bad  bool
	// large tells that it is bad since a value is longer than bytesMax.
	large    bool
	bytesMax int
}

func (r *reader) take(n uint64) []byte {
	if r.bad || n > uint64(len(r.rest)) {
		r.bad = true
		return nil
	}
	taken := r.rest[:n]
	r.rest = r.rest[n:]
	return taken
}

func (r *reader) byte() byte {
	if b := r.take(1); b != nil {
		return b[0]
	}
	return 0
}

// length reads a length; packed tells that it is the form of a packed string instead.
func (r *reader) length() (n uint64, packed bool) {
	first := r.byte()
	switch first & 0xC0 {
	case length6:
		return uint64(first), false
	case length14:
		return uint64(first&0x3F)<<8 | uint64(r.byte()), false
	case lengthPacked:
		return uint64(first & 0x3F), true
	}
	switch first {
	case length32:
		if b := r.take(4); b != nil {
			return uint64(binary.BigEndian.Uint32(b)), false
		}
	case length64:
		if b := r.take(8); b != nil {
			return binary.BigEndian.Uint64(b), false
		}
	default:
		r.bad = true
	}
	return 0, false
}
