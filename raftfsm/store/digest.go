package store

import "encoding/binary"

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
	for key, item := range sl.AllLocked() {
		binary.LittleEndian.PutUint64(fields[0:], hash64(digestSeed, key))
		binary.LittleEndian.PutUint64(fields[8:], hash64(contentSeed, item.Value))
		binary.LittleEndian.PutUint64(fields[16:], uint64(item.ExpireAt))
		binary.LittleEndian.PutUint64(fields[24:], item.Version)
		fields[32] = byte(item.Type)
		sum += hash64(digestSeed, fields[:])
	}
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
