package rdb

import (
	"encoding/binary"
	"strconv"
)

// A ziplist is what Redis before 7 keeps small hashes as (Redis, ziplist.c):
//
//	its length (4 bytes) | offset of the last element (4 bytes) | number of elements (2 bytes, 65535: not told) | elements | 0xFF
//
// An element is the length of the one before, its encoding, its data. It is read only.

const (
	ziplistHeadBytes = 4 + 4 + 2
	// ziplistFar means that the length of the element before follows in four bytes.
	ziplistFar = 0xFE
)

// ziplist reads fields out of a ziplist, which is all that there is.
func (r *reader) ziplist() []byte {
	whole := len(r.rest)
	head := r.take(ziplistHeadBytes)
	if r.bad || uint64(binary.LittleEndian.Uint32(head)) != uint64(whole) {
		r.bad = true
		return nil
	}
	told, count, previous := int(binary.LittleEndian.Uint16(head[8:])), 0, 0
	fields := r.collect(func() ([]byte, bool) {
		if len(r.rest) == 1 && r.rest[0] == listpackEnd {
			return nil, false
		}
		count++
		begin := len(r.rest)
		back := uint64(r.byte())
		if back == ziplistFar {
			back = r.littleEndian(4)
		}
		if back != uint64(previous) {
			r.bad = true
		}
		text := r.ziplistText()
		previous = begin - len(r.rest)
		return text, true
	})
	if told != countUnknown && told != count {
		r.bad = true
	}
	return fields
}

func (r *reader) ziplistText() []byte {
	first := r.byte()
	switch first >> 6 {
	case 0:
		return r.take(uint64(first))
	case 1:
		return r.take(uint64(first&0x3F)<<8 | uint64(r.byte()))
	case 2:
		if b := r.take(4); b != nil {
			return r.take(uint64(binary.BigEndian.Uint32(b)))
		}
		return nil
	}
	switch first {
	case 0xC0:
		return r.signed(2)
	case 0xD0:
		return r.signed(4)
	case 0xE0:
		return r.signed(8)
	case 0xF0:
		return r.signed(3)
	case 0xFE:
		return r.signed(1)
	}
	if first >= 0xF1 && first <= 0xFD { // four bits, of which 1 stands for 0
		return strconv.AppendInt(nil, int64(first&0x0F)-1, 10)
	}
	r.bad = true
	return nil
}
