package raftfsm

import (
	"encoding/binary"
	"fmt"

	"github.com/klauspost/compress/s2"

	"github.com/holtcache/holt/proto/slot"
	"github.com/holtcache/holt/raftfsm/entry"
	"github.com/holtcache/holt/raftfsm/store"
)

// A chunk is parts of slots, each
//
//	slot 2 | number of keys 4 | for each key: type 1 | access stamp 3 | expiry, version (uvarint) | key, value (length, bytes)
//
// A key with many fields comes several times, each time with some of them: the highest bit of its type says so (entry.PartOf).
//
// A slot that does not fit one chunk goes on in another, in no particular order. A chunk ends with the key that takes it past
// chunkBytes, so only a large value makes one larger. Chunks are compressed each for itself: that is what lets several
// workers write and load them.
const (
	chunkBytes     = 256 << 10
	keyBytesMin    = 8 // what a key takes at least: no count can demand more memory than the bytes behind it
	stampShiftHigh = 16
)

// chunk collects keys until it is full.
type chunk struct {
	raw []byte
	// part is where the part under way begins, keys how many keys it has; part is only good while inPart.
	part, keys int
	inPart     bool
}

func (c *chunk) reset() { *c = chunk{raw: c.raw[:0]} }

func (c *chunk) full() bool { return len(c.raw) >= chunkBytes }

func (c *chunk) beginPart(id slot.ID) {
	c.part, c.keys, c.inPart = len(c.raw), 0, true
	c.raw = binary.LittleEndian.AppendUint16(c.raw, uint16(id))
	c.raw = append(c.raw, 0, 0, 0, 0)
}

func (c *chunk) endPart() {
	binary.LittleEndian.PutUint32(c.raw[c.part+2:], uint32(c.keys))
	c.inPart = false
}

func (c *chunk) add(key []byte, item *store.Item) {
	c.keys++
	typ := byte(item.Type)
	if item.Part {
		typ |= entry.PartOf
	}
	raw := append(c.raw, typ, byte(item.Access), byte(item.Access>>8), byte(item.Access>>stampShiftHigh))
	raw = binary.AppendUvarint(raw, uint64(item.ExpireAt))
	raw = binary.AppendUvarint(raw, item.Version)
	raw = binary.AppendUvarint(raw, uint64(len(key)))
	raw = append(raw, key...)
	raw = binary.AppendUvarint(raw, uint64(len(item.Value)))
	c.raw = append(raw, item.Value...)
}

// compress makes a frame of the chunk in buf, compressed where that saves anything.
func (c *chunk) compress(buf []byte) frame {
	size := frameHeadBytes + max(s2.MaxEncodedLen(len(c.raw)), 0)
	if cap(buf) < size {
		buf = make([]byte, size)
	}
	buf = buf[:cap(buf)]
	f := frame{kind: frameChunk, codec: codecS2, rawBytes: len(c.raw)}
	packed := s2.Encode(buf[frameHeadBytes:], c.raw)
	if len(packed) >= len(c.raw) {
		f.codec = codecNone
		packed = append(buf[frameHeadBytes:frameHeadBytes], c.raw...)
	}
	f.body = buf[:frameHeadBytes+len(packed)]
	return f
}

// unpack returns the keys of a chunk as they were before they were compressed, in buf where that has room.
func (f *frame) unpack(buf []byte) ([]byte, error) {
	switch f.codec {
	case codecNone:
		return f.body, nil
	case codecS2:
		if n, err := s2.DecodedLen(f.body); err != nil || n != f.rawBytes {
			return nil, fmt.Errorf("%w: a chunk of %d bytes says that it is one of %d", ErrBadSnapshot, n, f.rawBytes)
		}
		raw, err := s2.Decode(buf[:cap(buf)], f.body)
		if err != nil {
			return nil, fmt.Errorf("%w: a chunk cannot be unpacked: %w", ErrBadSnapshot, err)
		}
		return raw, nil
	}
	return nil, fmt.Errorf("codec %d is unknown to this program: run the newer program", f.codec)
}

// loadChunk puts the keys of a chunk into a store that nobody else has yet, but for other loaders. It returns how many are new.
func loadChunk(s *store.Store, raw []byte, layout uint32) (keys int, err error) {
	d := entry.NewDecoder(raw)
	for d.More() {
		id := d.Slot()
		n := int(d.Uint32())
		if !d.OK() || n > len(raw)/keyBytesMin {
			return keys, fmt.Errorf("%w: a chunk is malformed", ErrBadSnapshot)
		}
		sl := s.Slot(id)
		sl.Lock()
		sl.ReserveLocked(n)
		for ; n > 0; n-- {
			var item store.Item
			item.Type = entry.Type(d.Byte())
			item.Access = store.Access(d.Uint16()) | store.Access(d.Byte())<<stampShiftHigh
			item.ExpireAt = int64(d.Uvarint())
			item.Version = d.Uvarint()
			key := d.Bytes()
			item.Value = d.Bytes()
			fresh, ok := false, d.OK() && fieldsOf(&item, layout)
			if ok {
				fresh, ok = sl.LoadLocked(key, &item)
			}
			if !ok {
				sl.Unlock()
				return keys, fmt.Errorf("%w: a key of slot %d is malformed or comes twice", ErrBadSnapshot, id)
			}
			if fresh {
				keys++
			}
		}
		sl.Unlock()
	}
	if err := d.End("chunk"); err != nil {
		return keys, fmt.Errorf("%w: %w", ErrBadSnapshot, err)
	}
	return keys, nil
}

// fieldsOf reads from the type of an item whether it has some of a key's fields. It tells whether type and fields are well-formed.
// Before layout 5 nobody knew types with fields.
func fieldsOf(item *store.Item, layout uint32) bool {
	if typ := item.Type &^ entry.PartOf; typ.HasFields() {
		item.Part, item.Type = item.Type != typ, typ
		return layout >= snapshotFields && entry.CheckPacked(item.Value) == nil
	}
	return true
}
