package store

import (
	"encoding/binary"
	"math/bits"
	"sync/atomic"
	"unsafe"

	"github.com/holtcache/holt/raftfsm/entry"
	"github.com/holtcache/holt/raftfsm/store/slab"
)

// A cell is one key in the slabs. Narrow cells pack their header, wide ones (over wideMin bytes) have fixed fields, so
// that a PATCH changes them where they are, and room that a growing value may use:
//
//	narrow  word | [type] | version | [expiry] | key length | value length | key | value     (all numbers uvarint)
//	wide    word | capacity 4 | version 8 | expiry 8 | value length 4 | type 1 | key length uvarint | key | value
//
// word is 4 bytes: the access stamp in the low 24 bits, flags in the high 8. Readers change the stamp by atomic
// operations under the slot's read lock; all else changes under its write lock only.
const (
	wordBytes  = 4
	accessMask = 1<<24 - 1

	flagWide    = 1 << 29
	flagExpires = 1 << 30
	// flagTable says that the value is the root of a table of fields.
	flagTable = 1 << 31
	// The type stands in 5 bits; typeFollows says that it has a byte of its own.
	typeShift   = 24
	typeFollows = 31

	wideMin         = 1 << 10
	wideHeaderBytes = 29
)

// cell is what a cell says. Its slices are the slab's memory.
type cell struct {
	Item
	key         []byte
	wide, table bool
	// capacity is the size of the object, valueAt where in it the value begins.
	capacity, valueAt int
}

func wordOf(object []byte) *uint32 { return (*uint32)(unsafe.Pointer(&object[0])) }

// readCell decodes the cell at the beginning of object.
func readCell(object []byte) cell {
	word := atomic.LoadUint32(wordOf(object))
	c := cell{wide: word&flagWide != 0, table: word&flagTable != 0}
	c.Access = Access(word & accessMask)
	if c.wide {
		return c.readWide(object)
	}
	typ := word >> typeShift & typeFollows
	at := wordBytes
	if typ == typeFollows {
		typ = uint32(object[at])
		at++
	}
	c.Type = entry.Type(typ)
	c.Version, at = uvarint(object, at)
	if word&flagExpires != 0 {
		var expireAt uint64
		expireAt, at = uvarint(object, at)
		c.ExpireAt = int64(expireAt)
	}
	keyLen, at := uvarint(object, at)
	valueLen, at := uvarint(object, at)
	c.valueAt = at + int(keyLen)
	end := c.valueAt + int(valueLen)
	c.key = object[at:c.valueAt:c.valueAt]
	c.Value = object[c.valueAt:end:end]
	c.capacity = slab.SizeOf(end)
	return c
}

// shown is what readers get of a cell: fields they ask for by FieldsLocked.
func (c *cell) shown() Item {
	item := c.Item
	if item.Type.HasFields() {
		item.Value = nil
	}
	return item
}

// fieldBytes is what the table of the fields takes, where there is one.
func (c *cell) fieldBytes() int64 {
	if !c.table {
		return 0
	}
	r := readRoot(c.Value)
	return r.bytes
}

func (c cell) readWide(object []byte) cell {
	c.capacity = int(binary.LittleEndian.Uint32(object[4:]))
	c.Version = binary.LittleEndian.Uint64(object[8:])
	c.ExpireAt = int64(binary.LittleEndian.Uint64(object[16:]))
	valueLen := int(binary.LittleEndian.Uint32(object[24:]))
	c.Type = entry.Type(object[28])
	keyLen, at := uvarint(object, wideHeaderBytes)
	c.valueAt = at + int(keyLen)
	end := c.valueAt + valueLen
	c.key = object[at:c.valueAt:c.valueAt]
	c.Value = object[c.valueAt:end:end]
	return c
}

// keyOf is the key of a cell, for comparing.
func keyOf(object []byte) []byte {
	word := atomic.LoadUint32(wordOf(object))
	if word&flagWide != 0 {
		keyLen, at := uvarint(object, wideHeaderBytes)
		return object[at : at+int(keyLen)]
	}
	at := wordBytes
	if word>>typeShift&typeFollows == typeFollows {
		at++
	}
	at = skipUvarint(object, at)
	if word&flagExpires != 0 {
		at = skipUvarint(object, at)
	}
	keyLen, at := uvarint(object, at)
	at = skipUvarint(object, at)
	return object[at : at+int(keyLen)]
}

func uvarint(object []byte, at int) (uint64, int) {
	if b := object[at]; b < 0x80 {
		return uint64(b), at + 1
	}
	v, n := binary.Uvarint(object[at:])
	return v, at + n
}

func skipUvarint(object []byte, at int) int {
	for object[at] >= 0x80 {
		at++
	}
	return at + 1
}

func uvarintBytes(v uint64) int { return (bits.Len64(v|1) + 6) / 7 }

// header is what a new cell will say, its value aside.
type header struct {
	key      []byte
	valueLen int
	typ      entry.Type
	access   Access
	expireAt int64
	version  uint64
	// table tells that the value is the root of a table of fields.
	table bool
}

// bytes is how long the cell will be, and whether it is a wide one.
func (h *header) bytes() (n int, wide bool) {
	n = wordBytes + uvarintBytes(h.version) + uvarintBytes(uint64(len(h.key))) + uvarintBytes(uint64(h.valueLen)) + len(h.key) + h.valueLen
	if h.typ >= typeFollows {
		n++
	}
	if h.expireAt != 0 {
		n += uvarintBytes(uint64(h.expireAt))
	}
	if n <= wideMin {
		return n, false
	}
	return h.wideBytes(), true
}

// wideBytes is how long the cell is as a wide one.
func (h *header) wideBytes() int {
	return wideHeaderBytes + uvarintBytes(uint64(len(h.key))) + len(h.key) + h.valueLen
}

// write writes all but the value and returns the place of the value. capacity is the size of the object.
func (h *header) write(object []byte, wide bool, capacity int) []byte {
	word := uint32(h.access)
	if h.table {
		word |= flagTable
	}
	if wide {
		binary.LittleEndian.PutUint32(object[4:], uint32(capacity))
		binary.LittleEndian.PutUint64(object[8:], h.version)
		binary.LittleEndian.PutUint64(object[16:], uint64(h.expireAt))
		binary.LittleEndian.PutUint32(object[24:], uint32(h.valueLen))
		object[28] = byte(h.typ)
		atomic.StoreUint32(wordOf(object), word|flagWide)
		at := wideHeaderBytes + binary.PutUvarint(object[wideHeaderBytes:], uint64(len(h.key)))
		at += copy(object[at:], h.key)
		return object[at : at+h.valueLen]
	}
	at := wordBytes
	if h.typ >= typeFollows {
		word |= typeFollows << typeShift
		object[at] = byte(h.typ)
		at++
	} else {
		word |= uint32(h.typ) << typeShift
	}
	at += binary.PutUvarint(object[at:], h.version)
	if h.expireAt != 0 {
		word |= flagExpires
		at += binary.PutUvarint(object[at:], uint64(h.expireAt))
	}
	at += binary.PutUvarint(object[at:], uint64(len(h.key)))
	at += binary.PutUvarint(object[at:], uint64(h.valueLen))
	at += copy(object[at:], h.key)
	atomic.StoreUint32(wordOf(object), word)
	return object[at : at+h.valueLen]
}
