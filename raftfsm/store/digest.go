package store

import (
	"encoding/binary"

	"github.com/holtcache/holt/raftfsm/store/slab"
)

// digestSeed and contentSeed are fixed: replicas with hash seeds of their own compare digests too.
const (
	digestSeed  = 0x486f6c74 // "Holt"
	contentSeed = 0x6f747465 // "otte"
)

// DigestLocked is a number that is equal for slots that hold the same: state, keys, types, values, expiries, versions.
// Access stamps do not count, nor does how the keys came there.
func (sl *Slot) DigestLocked() uint64 {
	sum := uint64(sl.state) * hashB
	var fields [33]byte
	sl.cells(func(_ slab.Ref, object []byte) {
		c := readCell(object)
		key := c.key
		binary.LittleEndian.PutUint64(fields[0:], hash64(digestSeed, key))
		binary.LittleEndian.PutUint64(fields[8:], sl.contentDigest(&c))
		binary.LittleEndian.PutUint64(fields[16:], uint64(c.ExpireAt))
		binary.LittleEndian.PutUint64(fields[24:], c.Version)
		fields[32] = byte(c.Type)
		sum += hash64(digestSeed, fields[:])
	})
	return sum
}

// contentDigest is the digest of what a key holds. That of fields depends neither on their order nor on how they are kept.
func (sl *Slot) contentDigest(c *cell) uint64 {
	if !c.Type.HasFields() {
		return hash64(contentSeed, c.Value)
	}
	all := sl.fieldsIn(c)
	sum := uint64(contentSeed)
	var field [16]byte
	all.Each(func(name, value []byte) bool {
		binary.LittleEndian.PutUint64(field[0:], hash64(digestSeed, name))
		binary.LittleEndian.PutUint64(field[8:], hash64(contentSeed, value))
		sum += hash64(contentSeed, field[:])
		return true
	})
	return sum
}

// Digest is the digest of all slots; each is of a moment of its own.
func (s *Store) Digest() uint64 {
	sum := uint64(0)
	var fields [16]byte
	for i := range s.slots {
		sl := &s.slots[i]
		sl.RLock()
		binary.LittleEndian.PutUint64(fields[0:], uint64(i))
		binary.LittleEndian.PutUint64(fields[8:], sl.DigestLocked())
		sl.RUnlock()
		sum += hash64(digestSeed, fields[:]) // a sum, so that no slot can hide what the others hold
	}
	return sum
}
