package session

import (
	"encoding/binary"
	"hash/fnv"

	"github.com/holtcache/holt/proto/slot"
)

// DigestLocked is a number that is equal for equal results of a slot, those left out whose end has passed by now. It is 0
// where there is none, so that the digests of slots can be summed up.
func (t *Table) DigestLocked(s slot.ID, now int64) uint64 {
	if !t.slots[s].anyLive(now) {
		return 0
	}
	sum := fnv.New64a()
	var head [2 + 4*8]byte
	for _, d := range t.AppendLocked(nil, s, now) {
		binary.LittleEndian.PutUint16(head[0:], uint16(s))
		binary.LittleEndian.PutUint64(head[2:], d.ID.Client)
		binary.LittleEndian.PutUint64(head[10:], d.ID.Sequence)
		binary.LittleEndian.PutUint64(head[18:], uint64(d.Until))
		binary.LittleEndian.PutUint64(head[26:], uint64(len(d.Result)))
		_, _ = sum.Write(head[:]) // never fails
		_, _ = sum.Write(d.Result)
	}
	return sum.Sum64()
}
